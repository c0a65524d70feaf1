"""Everything that enters a fit: which tables, which places, and one hash of it all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.data.biome_grid import GRID_FILE
from bayes_rootc.data.components import learn_components
from bayes_rootc.data.inputs import (
    FILES,
    TABLE_OF,
    Inputs,
    as_inputs,
    data_hash_of,
    load_inputs,
    no_places,
    places_of,
)
from bayes_rootc.data.load import load_layers
from bayes_rootc.data.locate import DataLocation, locate_data
from bayes_rootc.data.source import default_model
from bayes_rootc.errors import DataError
from bayes_rootc.spec.joint import FlowModel
from bayes_rootc.spec.load import BLOCKS, dump_spec, load_spec, parse_spec
from bayes_rootc.spec.turnover import DataSection, TurnoverSpec

MODELS = Path(__file__).parents[1] / "models"
COVARIATES = {
    "climate": ["bio01", "bio12"], "soil": [], "topography": ["elevation"], "log": ["bio12"],
    "max_distance_km": 250.0,
}  # fmt: skip

LAYERS = """profile,lat,lon,top_cm,bottom_cm,sample_year,delta14c,biome,pct_c,bulk_density
A,45.123,-71.3,0,10,1998,80,3,2.5,1.1
A,45.123,-71.3,10,30,1998,-40,3,1.2,1.3
B,-12.5,30.25,0,10,2001,60,2,1.5,
"""
NPP = """site,lat,lon,biome,bnpp,npp
Hill,45.121,-71.301,3,250,1000
Isle,-40.25,10.25,3,100,
"""
ROOTS = """id,lat,lon,biome,d50_cm,d95_cm
1,60.25,20.25,6,10,60
"""


def model(name: str) -> FlowModel:
    """Return a model with few covariates."""
    content = dump_spec(load_spec(MODELS / f"{name}.toml"))
    content["covariates"] |= COVARIATES
    spec = parse_spec(content)
    assert not isinstance(spec, TurnoverSpec)
    return spec


def write_grid(folder: Path, sea: tuple[float, float] = (-40.25, 10.25)) -> None:
    """Write a grid with a climate that follows the latitude; there is no NPP at sea."""
    lat, lon = np.arange(89.0, -90, -2.0), np.arange(-179.0, 180, 2.0)
    north = np.broadcast_to(lat[:, None], (lat.size, lon.size))
    npp = np.full(north.shape, 500.0)
    npp[(np.abs(north - sea[0]) < 6) & (np.abs(lon[None, :] - sea[1]) < 6)] = np.nan
    maps = {"bio01": 25 - north / 3, "bio12": 500 + north**2, "elevation": 3.0 * north, "npp": npp}
    path = folder / GRID_FILE
    path.parent.mkdir(parents=True)
    xr.Dataset(
        {name: (("lat", "lon"), values.astype("float32")) for name, values in maps.items()},
        {"lat": lat, "lon": lon},
    ).to_netcdf(path, engine="h5netcdf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a small data folder: three layers, two records of NPP, one root profile, a grid."""
    tables = tmp_path / "tables"
    tables.mkdir()
    for name, text in (
        ("radiocarbon_layers", LAYERS),
        ("npp_sites", NPP),
        ("root_profiles", ROOTS),
    ):
        (tables / f"{name}.csv").write_text(text, encoding="utf-8")
    write_grid(tmp_path)
    return tmp_path


def located(path: Path) -> DataLocation:
    location = locate_data(path)
    assert location is not None
    return location


def load(folder: Path, name: str = "joint") -> Inputs:
    return load_inputs(located(folder), model(name))


def test_every_block_has_its_table() -> None:
    assert set(TABLE_OF) == set(BLOCKS)
    assert set(FILES) == set(TABLE_OF.values()) - {"layers"}


def test_the_joint_model_reads_every_table_and_pools_their_places(folder: Path) -> None:
    inputs = load(folder)
    assert {name: len(table.table) for name, table in inputs.tables.items()} == {
        "layers": 3, "npp": 2, "roots": 1,
    }  # fmt: skip
    # One layer profile and one record of NPP are at one place, to 0.01 degree.
    assert inputs.places["place"].tolist() == sorted(
        ["45.12 -71.30", "-12.50 30.25", "-40.25 10.25", "60.25 20.25"]
    )
    assert inputs.places.columns.tolist() == [
        "place", "lat", "lon", "distance_km", "bio01", "bio12", "elevation", "npp",
    ]  # fmt: skip
    hill = inputs.places.set_index("place").loc["45.12 -71.30"]
    assert (hill["lat"], hill["lon"], hill["npp"]) == (45.12, -71.3, 500.0)
    assert hill["elevation"] == pytest.approx(3 * 45.0)
    assert (inputs.folder, inputs.origin) == (folder, str(folder))


def test_places_without_gridded_npp_are_counted(folder: Path) -> None:
    inputs = load(folder)
    assert inputs.places.set_index("place")["npp"].isna().to_dict()["-40.25 10.25"]
    assert inputs.notes[-1] == (
        "1 of 4 places have no gridded NPP within 250 km: they are left out where it is used"
    )


@pytest.mark.parametrize(
    ("name", "tables"),
    [("stock", {"layers"}), ("bnpp", {"npp"}), ("f_bnpp", {"npp"}), ("roots", {"roots"})],
)
def test_a_block_alone_reads_its_table_only(folder: Path, name: str, tables: set[str]) -> None:
    for table in {"npp", "roots"} - tables:
        (folder / FILES[table]).unlink()
    inputs = load(folder, name)
    assert set(inputs.tables) == tables
    assert set(inputs.places["place"]) == set(places_of(inputs.tables)["place"])


def test_notes_name_their_table(folder: Path) -> None:
    path = folder / FILES["npp"]
    path.write_text(path.read_text(encoding="utf-8").replace("250,1000", "250,250"), "utf-8")
    assert any(note.startswith("npp: 1 records have a BNPP equal") for note in load(folder).notes)


def test_a_lone_table_is_refused_with_what_would_do(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(LAYERS, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: is a lone table; the model joint needs a data folder with site tables and the "
        "covariate grid. `fit turnover` fits turnover to the table alone"
    )


@pytest.mark.parametrize("name", FILES)
def test_a_folder_without_a_table_is_refused(folder: Path, name: str) -> None:
    path = folder / FILES[name]
    path.unlink()
    with pytest.raises(DataError) as caught:
        load(folder)
    assert str(caught.value) == f"{path}: no such file; the model joint needs it"


def test_a_folder_without_the_grid_or_a_variable_is_refused(folder: Path) -> None:
    content = dump_spec(model("joint"))
    content["covariates"] |= {"npp": "nppp"}
    with pytest.raises(DataError, match=r"has no variable nppp; did you mean npp\?"):
        load_inputs(located(folder), parse_spec(content))
    (folder / GRID_FILE).unlink()
    with pytest.raises(DataError, match="the covariates need the grid of a data folder"):
        load(folder)


CHANGES = {
    "layers": ("tables/radiocarbon_layers.csv", "1998,-40", "1998,-41"),
    "density": ("tables/radiocarbon_layers.csv", "3,1.2,1.3", "3,1.2,1.4"),
    "npp": (FILES["npp"], "250,1000", "251,1000"),
    "roots": (FILES["roots"], "10,60", "10,61"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_hash_changes_with_any_table(folder: Path, case: str) -> None:
    before = load(folder)
    name, old, new = CHANGES[case]
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert load(folder).data_hash != before.data_hash


def test_the_hash_changes_with_the_grid(folder: Path) -> None:
    before = load(folder)
    assert load(folder).data_hash == before.data_hash
    changed = before.places.assign(bio01=before.places["bio01"] + 1.0)
    assert data_hash_of(before.tables, before.places) == before.data_hash
    assert data_hash_of(before.tables, changed) != before.data_hash


def test_the_hash_of_layers_alone_is_that_of_their_table(folder: Path) -> None:
    layers = load_layers(folder, DataSection())
    inputs = as_inputs(layers, folder)
    assert data_hash_of({"layers": layers}, no_places()) == layers.data_hash == inputs.data_hash
    assert (inputs.tables["layers"], inputs.folder) == (layers, folder)
    assert as_inputs(inputs) is inputs


def test_the_order_of_the_tables_changes_nothing(folder: Path) -> None:
    inputs = load(folder)
    turned = dict(reversed(inputs.tables.items()))
    assert data_hash_of(turned, inputs.places) == inputs.data_hash
    pd.testing.assert_frame_equal(places_of(turned), places_of(inputs.tables))


def test_the_real_inputs(data_folder: Path) -> None:
    spec = load_spec(MODELS / "joint.toml")
    assert not isinstance(spec, TurnoverSpec)
    inputs = load_inputs(located(data_folder), spec)
    assert {name: len(table.table) for name, table in inputs.tables.items()} == {
        "layers": 2847, "npp": 581, "roots": 513,
    }  # fmt: skip
    assert len(inputs.places) == 921 and inputs.places["place"].is_unique
    assert inputs.places["npp"].isna().sum() == 24
    assert inputs.places["distance_km"].max() <= 75.0
    found = learn_components(inputs.places, spec.covariates)
    assert pd.Series(found.groups).value_counts().to_dict() == {
        "climate": 4, "soil": 3, "topography": 1,
    }  # fmt: skip
    np.testing.assert_allclose((found.apply(inputs.places) ** 2).mean(axis=0), 1.0)


def test_the_model_fitted_by_default_is_one_that_the_data_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAYES_ROOTC_DATA", str(tmp_path))
    (tmp_path / "tables").mkdir()
    layers = tmp_path / "tables" / "radiocarbon_layers.csv"
    for name in ("radiocarbon_layers", "npp_sites", "root_profiles"):
        (tmp_path / "tables" / f"{name}.csv").write_text("x\n", encoding="utf-8")
    assert default_model() == "turnover"  # no grid
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "covariates_0p5deg.nc").write_text("x", encoding="utf-8")
    assert default_model() == "joint"
    assert default_model(layers) == "turnover"  # a lone table, asked for by name
    (tmp_path / "tables" / "npp_sites.csv").unlink()
    assert default_model() == "turnover"

"""Rasters of any format become one cube; a grid is checked against what was learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin

from bayes_rootc.cli.main import main
from bayes_rootc.errors import DataError, SpecError
from bayes_rootc.mapping.applicability import learn_applicability
from bayes_rootc.mapping.build import build_cube
from bayes_rootc.mapping.check import check_cube
from bayes_rootc.mapping.cube import open_cube
from bayes_rootc.spec.map import BuildSection
from map_worlds import grid, spec_of, store_learning

FIELD = np.arange(20 * 40, dtype=np.float32).reshape(20, 40)
"""Half-degree cells from 10 N, 0 E; a cell of 1 degree is the mean of four."""

COARSE = FIELD.reshape(10, 2, 20, 2).mean(axis=(1, 3))
ON_GRID = {"resolution_degrees": 1.0, "north": 10, "south": 0, "west": 0, "east": 20}


def geotiff(path: Path, values: np.ndarray = FIELD, crs: str = "EPSG:4326", driver: str = "GTiff",
            nodata: float | None = None) -> Path:  # fmt: skip
    with rasterio.open(
        path, "w", driver=driver, height=values.shape[0], width=values.shape[1], count=1,
        dtype="float32", crs=crs, transform=from_origin(0, 10, 0.5, 0.5), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def labelled(*, rising: bool = False, to_360: bool = False) -> xr.Dataset:
    lat, lon = 9.75 - 0.5 * np.arange(20), 0.25 + 0.5 * np.arange(40)
    data = xr.Dataset({"t": (("latitude", "longitude"), FIELD)},
                      {"latitude": lat, "longitude": lon})  # fmt: skip
    if to_360:
        data = data.assign_coords(longitude=data["longitude"] + 360.0)
    return data.sortby("latitude") if rising else data


def section(file: str, **layer: Any) -> BuildSection:
    one = {"name": "t", "units": "degC", "file": file} | layer
    return BuildSection.model_validate(ON_GRID | {"layers": [one]})


def built(tmp_path: Path, build: BuildSection) -> np.ndarray:
    path = build_cube(build, tmp_path / "cube.zarr", tmp_path, lambda _: None)
    with xr.open_zarr(path, consolidated=False) as cube:
        assert cube["t"].attrs["units"] == "degC"
        return cube["t"].to_numpy()


def test_every_format_gives_the_same_cube(tmp_path: Path) -> None:
    geotiff(tmp_path / "t.tif")
    geotiff(tmp_path / "t.bil", driver="EHdr")
    labelled().to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    labelled(rising=True).to_netcdf(tmp_path / "up.nc", engine="h5netcdf")
    labelled(to_360=True).to_netcdf(tmp_path / "far.nc", engine="h5netcdf")
    labelled().to_zarr(tmp_path / "t.zarr", consolidated=False)
    for file in ("t.tif", "t.bil", "t.nc", "up.nc", "far.nc", "t.zarr"):
        assert np.allclose(built(tmp_path, section(file)), COARSE, atol=1e-3), file


def test_scale_offset_resampling_and_gaps(tmp_path: Path) -> None:
    gap = FIELD.copy()
    gap[:2, :2] = -9999.0
    geotiff(tmp_path / "t.tif", gap, nodata=-9999.0)
    found = built(tmp_path, section("t.tif", scale=0.1, offset=-5.0))
    assert np.isnan(found[0, 0])
    assert np.allclose(found[1:, 1:], 0.1 * COARSE[1:, 1:] - 5.0, atol=1e-4)
    nearest = built(tmp_path, section("t.tif", resampling="nearest"))
    assert np.isin(nearest[1:, 1:], FIELD).all()


def test_missing_land_counts_as_sea_and_must_be_said_to(tmp_path: Path) -> None:
    part = np.ones_like(FIELD)
    part[:, ::2] = np.nan
    geotiff(tmp_path / "t.tif", part)
    land = {"name": "land_fraction", "file": "t.tif", "units": "1"}
    with pytest.raises(DataError, match=r"set fill = 0\.0, where missing means sea"):
        build_cube(section(**land), tmp_path / "cube.zarr", tmp_path, lambda _: None)
    made = build_cube(section(**land, fill=0.0), tmp_path / "c.zarr", tmp_path, lambda _: None)
    with xr.open_zarr(made, consolidated=False) as cube:
        assert np.allclose(cube["land_fraction"], 0.5)


def test_doubtful_units_and_systems_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    data = labelled()
    data["t"].attrs["units"] = "K"
    data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    build_cube(section("t.nc"), tmp_path / "a.zarr", tmp_path, said.append)
    assert "its units are 'K', those of the map file 'degC'" in said[0]
    said.clear()
    build_cube(section("t.nc", offset=-273.15), tmp_path / "b.zarr", tmp_path, said.append)
    assert not [text for text in said if "units are" in text]
    geotiff(tmp_path / "t.tif", crs="")
    build_cube(section("t.tif"), tmp_path / "c.zarr", tmp_path, said.append)
    assert any("states no reference system; taken as EPSG:4326" in text for text in said)


def test_a_built_cube_can_be_mapped_on(tmp_path: Path) -> None:
    geotiff(tmp_path / "t.tif")
    path = build_cube(section("t.tif"), tmp_path / "cube.zarr", tmp_path, lambda _: None)
    cube = open_cube(path, ["t"])
    assert (cube.lat[0], cube.lon[0], cube.units["t"]) == (9.5, 0.5, "degC")


def metres(tmp_path: Path) -> None:
    geotiff(tmp_path / "t.tif", crs="EPSG:32631")


def swapped(tmp_path: Path) -> None:
    data = labelled().rename({"latitude": "longitude", "longitude": "latitude"})
    data.assign_coords(latitude=data["latitude"] + 90.0).to_netcdf(
        tmp_path / "t.nc", engine="h5netcdf"
    )


def elsewhere(tmp_path: Path) -> None:
    data = labelled()
    data.assign_coords(longitude=data["longitude"] - 100.0).to_netcdf(
        tmp_path / "t.nc", engine="h5netcdf"
    )


def rubbish(tmp_path: Path) -> None:
    (tmp_path / "t.tif").write_bytes(b"no raster")


def unnamed(tmp_path: Path) -> None:
    labelled().rename({"t": "u"}).to_netcdf(tmp_path / "t.nc", engine="h5netcdf")


@pytest.mark.parametrize(
    ("make", "file", "message"),
    [
        (metres, "t.tif", "is in EPSG:32631, not in EPSG:4326; if that is right, say so"),
        (swapped, "t.nc", "are lat and lon swapped"),
        (elsewhere, "t.nc", "has no value on the grid"),
        (rubbish, "t.tif", "cannot be read"),
        (unnamed, "t.nc", "has no variable t"),
        (lambda _: None, "no.tif", "no such file"),
    ],
)
def test_a_wrong_layer_is_refused_and_leaves_nothing(
    make: Any, file: str, message: str, tmp_path: Path
) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match=message):
        build_cube(section(file), tmp_path / "cube.zarr", tmp_path, lambda _: None)
    assert not (tmp_path / "cube.zarr").exists()
    assert not [*tmp_path.glob("*.part")]


def test_a_cube_without_layers_or_of_half_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="names no layer"):
        build_cube(BuildSection(), tmp_path / "c.zarr", tmp_path, lambda _: None)
    with pytest.raises(ValueError, match=r"are 10.5 cells of 1; it must be a whole number"):
        BuildSection.model_validate(ON_GRID | {"north": 10.5})


def test_like_places_lie_inside_and_others_outside() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 4))
    area = learn_applicability(x, np.arange(200) % 5, np.array([2.0, 1.0, 1.0, 0.0]))
    assert area.dissimilarity(x).max() == 0.0
    new = rng.standard_normal((100, 4))
    assert (area.dissimilarity(new) <= area.threshold).mean() > 0.85
    assert (area.dissimilarity(new + 8.0) > area.threshold).all()
    ignored = x + np.array([0.0, 0.0, 0.0, 50.0])  # a predictor without importance
    assert np.allclose(area.dissimilarity(ignored), 0.0)


def test_dissimilarity_by_hand() -> None:
    x = np.array([[0.0], [1.0], [3.0]])
    area = learn_applicability(x, np.array([0, 1, 2]), np.ones(1))
    # Mean distance of two rows is 2 (before scaling, which cancels).
    assert np.allclose(area.dissimilarity(np.array([[5.0], [0.5]])), [1.0, 0.25])
    with pytest.raises(DataError, match="rows that differ"):
        learn_applicability(np.ones((3, 1)), np.arange(3), np.ones(1))


def test_a_grid_is_checked_against_what_was_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learning = store_learning(tmp_path / "learning")
    data = grid()
    data["elevation"][0, 0] = 1e5
    data.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    spec = spec_of(grid={"file": str(tmp_path / "grid.nc")})
    found = check_cube(spec, tmp_path / "grid.nc", learning, tmp_path / "a.nc")
    table = found.variables.query("target == 'i_bulk'").set_index("variable")
    share = table.loc["soil_clay", "land_with_value_percent"]
    area = np.cos(np.deg2rad(data["lat"].to_numpy()))  # of a cell, but for a factor
    assert share == pytest.approx(100 * (1 - 4 * area[3] / (15 * area.sum())), rel=1e-4)
    assert table.loc["elevation", "grid_max"] == 1e5
    assert table.loc["bio01", "units"] == "degC"
    assert found.areas["target"].tolist() == ["i_root", "i_bulk"]
    assert found.areas["inside_percent"].between(50.0, 100.0, inclusive="neither").all()
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as area:
        assert area["inside_i_bulk"][0, 0] == 0.0
        assert np.isnan(area["dissimilarity_i_root"].to_numpy()[:, 15:]).all()
    (tmp_path / "m.toml").write_text(
        f'schema = 1\nmodel = "map"\n[grid]\nfile = "{tmp_path / "grid.nc"}"\n', encoding="utf-8"
    )
    words = ["grid", "check", str(tmp_path / "m.toml"), "--learning", str(learning)]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert said.count("of the land lies in the area of applicability") == 2
    assert len(pd.read_csv(tmp_path / "out" / "variables.csv")) == len(found.variables)


def test_build_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    geotiff(tmp_path / "t.tif")
    model = tmp_path / "m.toml"
    model.write_text(
        'schema = 1\nmodel = "map"\n[build]\nresolution_degrees = 1.0\nnorth = 10\nsouth = 0\n'
        'west = 0\neast = 20\n[[build.layers]]\nname = "t"\nfile = "t.tif"\nunits = "degC"\n',
        encoding="utf-8",
    )
    words = ["grid", "build", str(model), "--output", str(tmp_path / "cube.zarr")]
    assert main(words) == 0
    assert "t: 100% of cells" in capsys.readouterr().out
    assert main(words) == 2
    assert "exists; --overwrite (overwrite=True) replaces it" in capsys.readouterr().err


def uneven(data: xr.Dataset) -> xr.Dataset:
    lat = data["latitude"].to_numpy().copy()
    lat[10:] -= 7.0
    return data.assign_coords(latitude=lat)


def across(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(longitude=data["longitude"] + 170.0)


@pytest.mark.parametrize("change", [uneven, across])
def test_cells_that_are_not_side_by_side_are_refused(change: Any, tmp_path: Path) -> None:
    change(labelled()).to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=r"steps of l.* right: one step, cells in order"):
        build_cube(section("t.nc"), tmp_path / "cube.zarr", tmp_path, lambda _: None)


def test_scale_and_offset_of_a_raster_are_applied(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "t.tif")
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (-273.15,)
    assert np.allclose(built(tmp_path, section("t.tif")), 0.1 * COARSE - 273.15, atol=1e-3)

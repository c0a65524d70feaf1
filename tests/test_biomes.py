"""Biome of a place from label, climate and grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayes_rootc.data.biome_grid import GRID_FILE, nearest_valid, read_grid_at
from bayes_rootc.data.biomes import LABELS, assign_biomes, coldest_quarter, normal_label
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOMES

ROWS, COLUMNS = 360, 720


def write_grid(folder: Path, **changed: np.ndarray) -> Path:
    """Write a made grid: warm within 20° of the equator, two deserts, no land in the west."""
    lat = 89.75 - 0.5 * np.arange(ROWS)
    lon = -179.75 + 0.5 * np.arange(COLUMNS)
    warm = np.broadcast_to(np.abs(lat)[:, None] < 20, (ROWS, COLUMNS))
    cold = np.broadcast_to(lat[:, None] > 60, (ROWS, COLUMNS))
    maps = {
        "bio01": np.where(warm, 25.0, np.where(cold, -2.0, 9.0)),
        "bio11": np.where(warm, 22.0, np.where(cold, -20.0, 1.0)),
        "biome_natural": np.where(warm, 1.0, np.where(cold, 6.0, 3.0)),
    }
    maps["biome_natural"][cell(40.25, 10.25)] = 8.0
    maps["biome_natural"][cell(70.25, 10.25)] = 7.0
    maps["biome_natural"][cell(40.25, -149.75)] = 8.0
    for values in maps.values():
        values[:, lon < -170] = np.nan
    maps["biome"] = np.where(maps["biome_natural"] == 3, 9.0, maps["biome_natural"])
    maps |= changed
    path = folder / GRID_FILE
    path.parent.mkdir(parents=True)
    grid = xr.Dataset({name: (("lat", "lon"), values) for name, values in maps.items()})
    grid = grid.assign_coords(lat=lat[: len(maps["bio01"])], lon=lon)
    grid.to_netcdf(path, engine="h5netcdf")
    return folder


def cell(lat: float, lon: float) -> tuple[int, int]:
    return int((90 - lat) / 0.5), int((lon + 180) / 0.5)


def biome(
    label: str,
    folder: Path | None = None,
    lat: float = np.nan,
    lon: float = np.nan,
    mat: float = np.nan,
) -> tuple[float, str]:
    columns = [pd.Series([value], dtype=float) for value in (lat, lon, mat)]
    found = assign_biomes(pd.Series([label]), *columns, folder)
    return found["biome"].iloc[0], found["biome_source"].iloc[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grid(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("boreal forest", 6),
        ("cropland", 9),
        ("cultivated", 9),
        ("desert", 8),
        ("temperate forest", 3),
        ("tropical forest", 1),
        ("Tundra ", 7),
        ("Deserts & Xeric Shrublands", 8),
        ("Boreal Forests/Taiga", 6),
        ("Mediterranean Forests, Woodlands & Scrub", 5),
        ("tropical_grasslands", 2),
        *((biome.name, number) for number, biome in BIOMES.items()),
    ],
)
def test_a_label_that_names_a_biome_needs_neither_place_nor_grid(label: str, number: int) -> None:
    assert biome(label) == (number, "label")


@pytest.mark.parametrize(
    ("label", "lat", "lon", "expected"),
    [
        ("grassland", 10.0, 10.0, (2, "label")),
        ("savannas", 40.0, 20.0, (4, "label")),
        ("rangeland/grassland", 65.0, 20.0, (4, "label")),
        ("forest", 10.0, 10.0, (1, "label")),
        ("forest", 45.0, 10.0, (3, "label")),
        ("forest", 65.0, 10.0, (6, "label")),
        ("shrublands", 45.0, 10.0, (5, "label")),
        ("shrubland", 40.3, 10.3, (8, "label")),
        ("shrubland", 70.3, 10.3, (7, "label")),
        ("peatland", 45.0, 10.0, (3, "grid")),
        ("wetland", 65.0, 10.0, (6, "grid")),
        ("", 45.0, 10.0, (9, "grid")),
        ("chaparral with goats", 45.0, 10.0, (9, "grid")),
        ("", 45.0, 370.0, (None, "")),
        ("", 95.0, 10.0, (None, "")),
        ("", -80.0, -175.0, (None, "")),
    ],
)
def test_climate_and_map_of_the_grid(
    made: Path, label: str, lat: float, lon: float, expected: tuple[float | None, str]
) -> None:
    number, source = biome(label, made, lat, lon, mat=-40.0)  # the grid's climate, not the row's
    assert (None if np.isnan(number) else number, source) == expected


def test_longitudes_may_run_to_360(made: Path) -> None:
    assert biome("shrubland", made, 40.3, 210.3) == biome("shrubland", made, 40.3, -149.7)
    assert biome("shrubland", made, 40.3, 210.3) == (8, "label")


@pytest.mark.parametrize(
    ("label", "lat", "mat", "expected"),
    [
        ("grassland", 10.0, 25.0, (2, "fallback")),
        ("grassland", 10.0, 16.0, (4, "fallback")),
        ("grassland", 10.0, np.nan, (2, "fallback")),
        ("grassland", -35.0, np.nan, (4, "fallback")),
        ("forest", 50.0, 8.0, (3, "fallback")),
        ("forest", 50.0, 2.0, (6, "fallback")),
        ("forest", 2.0, np.nan, (1, "fallback")),
        ("shrublands", 40.0, 10.0, (5, "fallback")),
        ("forest", 50.0, np.nan, (None, "")),
        ("grassland", np.nan, np.nan, (None, "")),
        ("peatland", 50.0, 8.0, (None, "")),
        ("", 50.0, 8.0, (None, "")),
    ],
)
def test_without_the_grid(
    label: str, lat: float, mat: float, expected: tuple[float | None, str]
) -> None:
    number, source = biome(label, None, lat, 10.0, mat)
    assert (None if np.isnan(number) else number, source) == expected


def test_off_the_land_of_the_grid_the_row_s_own_climate_counts(made: Path) -> None:
    assert biome("grassland", made, 10.0, -175.0, 25.0) == (2, "fallback")


@given(st.floats(-90, 90), st.floats(-180, 179.99))
def test_nearest_valid_of_a_full_grid_is_the_own_cell(lat: float, lon: float) -> None:
    values = np.arange(ROWS * COLUMNS, dtype=float).reshape(ROWS, COLUMNS)
    row = min(int(np.floor((90 - lat) / 0.5)), ROWS - 1)
    column = int(np.floor((lon + 180) / 0.5)) % COLUMNS
    assert nearest_valid(values, np.array([lat]), np.array([lon]))[0] == values[row, column]


def test_the_nearest_of_two_neighbours_across_the_date_line() -> None:
    values = np.full((ROWS, COLUMNS), np.nan)
    values[179, 719], values[180, 1] = 1.0, 2.0
    places = np.array([-179.99, -179.55])
    assert nearest_valid(values, np.array([0.2, 0.2]), places).tolist() == [1.0, 2.0]
    assert np.isnan(nearest_valid(values, np.array([5.0]), np.array([-179.99]))[0])


def test_labels_are_known_in_normal_form_only() -> None:
    assert {label: normal_label(label) for label in LABELS} == {label: label for label in LABELS}


def test_a_grid_without_a_variable_is_refused(tmp_path: Path) -> None:
    path = tmp_path / GRID_FILE
    path.parent.mkdir()
    xr.Dataset({"bio01": 1.0, "biome": 2}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(DataError, match=r"covariates_0p5deg\.nc: has no variable bio11"):
        biome("grassland", tmp_path, 10.0, 10.0)


def test_a_grid_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / GRID_FILE
    path.parent.mkdir()
    path.write_bytes(b"not a grid")
    with pytest.raises(DataError, match="cannot be read as the half-degree grid"):
        biome("grassland", tmp_path, 10.0, 10.0)


def test_a_grid_of_another_size_is_refused(tmp_path: Path) -> None:
    names = ("bio01", "bio11", "biome", "biome_natural")
    folder = write_grid(tmp_path, **{name: np.ones((ROWS // 2, COLUMNS)) for name in names})
    with pytest.raises(DataError, match="is not the half-degree grid"):
        biome("grassland", folder, 10.0, 10.0)


def test_known_places_on_the_real_grid(data_folder: Path) -> None:
    # Manaus, Tamanrasset, Yakutsk, Nagqu, Ames, Harvard Forest: the table of grid/BUILD.md.
    lat = np.array([-3.1, 24.5, 62.0, 31.5, 42.0, 42.5])
    lon = np.array([-60.0, 5.6, 129.7, 92.0, -93.6, -72.2])
    found = read_grid_at(lat, lon, data_folder)
    assert found["biome_natural"].tolist() == [1, 8, 6, 5, 3, 3]
    assert found["biome"].tolist() == [1, 8, 6, 5, 9, 3]
    assert found["bio01"].round(1).tolist() == [27.4, 21.8, -9.9, -1.7, 9.2, 7.9]


def test_the_rough_winter_is_good_enough_for_grasslands(data_folder: Path) -> None:
    with xr.open_dataset(data_folder / GRID_FILE, engine="h5netcdf") as grid:
        table = grid[["bio01", "bio11", "biome_natural"]].to_dataframe().reset_index()
    grass = table[table["biome_natural"].isin([2, 4]) & (table["lat"].abs() < 50)]
    rough = coldest_quarter(grass["bio01"], grass["lat"]) >= 15
    assert len(grass) > 9000
    assert (rough != (grass["bio11"] >= 15)).mean() == pytest.approx(0.013, abs=0.001)


def test_every_label_of_the_published_table(data_folder: Path) -> None:
    table = pd.read_csv(data_folder / "tables" / "vegetation_to_biome.csv", keep_default_na=False)
    table = table[(table["dataset"] == "radiocarbon") & (table["biome"] != "")]
    assert len(table) == 6
    for label, number in zip(table["label"], table["biome"], strict=True):
        assert biome(label) == (float(number), "label")

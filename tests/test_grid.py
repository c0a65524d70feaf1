"""Grid variables at places, on small grids of known values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_rootc.data.biome_grid import GRID_FILE
from bayes_rootc.data.grid import EARTH_RADIUS_KM, sample_grid
from bayes_rootc.errors import DataError

LAT = np.arange(87.5, -90.0, -5.0)
LON = np.arange(-177.5, 180.0, 5.0)
HALF_CELL_KM = np.deg2rad(2.5) * EARTH_RADIUS_KM


def number(lat: float, lon: float) -> float:
    """Value of the numbered map in the cell of a place."""
    row, column = int((90.0 - lat) // 5.0), int((lon + 180.0) // 5.0)
    return float(min(row, 35) * LON.size + column % LON.size)


def grid(**maps: np.ndarray) -> xr.Dataset:
    numbered = np.arange(LAT.size * LON.size, dtype=float).reshape(LAT.size, LON.size)
    return xr.Dataset(
        {name: (("lat", "lon"), values) for name, values in ({"number": numbered} | maps).items()},
        {"lat": LAT, "lon": LON},
    )


def hole(lat: float, lon: float) -> np.ndarray:
    """Return a numbered map without the cell of a place."""
    values = grid()["number"].to_numpy().copy()
    values[values == number(lat, lon)] = np.nan
    return values


def folder_of(folder: Path, dataset: xr.Dataset) -> Path:
    path = folder / GRID_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.to_netcdf(path, engine="h5netcdf")
    return folder


def places(*pairs: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(list(pairs), columns=["lat", "lon"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("grid"), grid())


@given(
    st.integers(0, LAT.size - 1), st.integers(0, LON.size - 1), st.floats(-2, 2), st.floats(-2, 2)
)
@settings(max_examples=40)
def test_a_place_has_the_value_of_its_own_cell(
    plain: Path, row: int, column: int, north: float, east: float
) -> None:
    at = places((LAT[row] + north, LON[column] + east))
    found = sample_grid(plain, at, ("number",), 1000.0)
    assert found["number"].tolist() == [row * LON.size + column]


def test_distance_is_that_to_the_centre_of_the_cell(plain: Path) -> None:
    found = sample_grid(plain, places((2.5, 2.5), (3.5, 2.5), (2.5, 4.5)), ("number",), 1000.0)
    degree = np.deg2rad(1.0) * EARTH_RADIUS_KM
    east = 2.0 * degree * np.cos(np.deg2rad(2.5))
    np.testing.assert_allclose(found["distance_km"], [0.0, degree, east], rtol=1e-3, atol=1e-9)


def test_the_nearest_cell_with_a_value_stands_in_within_the_distance(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, grid(hole=hole(2.5, 2.5)))
    at = places((2.5, 4.0))  # the next cell to the east begins at 5
    near = sample_grid(folder, at, ("number", "hole"), 500.0)
    assert near["number"].tolist() == [number(2.5, 2.5)]
    assert near["hole"].tolist() == [number(2.5, 7.5)]
    distance = np.deg2rad(3.5) * np.cos(np.deg2rad(2.5)) * EARTH_RADIUS_KM
    # The furthest of the cells that were used.
    assert near["distance_km"].iloc[0] == pytest.approx(distance, rel=1e-3)
    far = sample_grid(folder, at, ("number", "hole"), distance * 0.99)
    assert far["number"].tolist() == [number(2.5, 2.5)]
    assert far["hole"].isna().all()
    own = np.deg2rad(1.5) * np.cos(np.deg2rad(2.5)) * EARTH_RADIUS_KM
    assert far["distance_km"].iloc[0] == pytest.approx(own, rel=1e-3)


def test_beyond_the_distance_all_is_missing(plain: Path) -> None:
    found = sample_grid(plain, places((0.1, 0.1)), ("number",), HALF_CELL_KM)
    assert found.isna().all(axis=None)


def test_across_the_date_line(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, grid(hole=hole(2.5, 177.5)))
    found = sample_grid(folder, places((2.5, 179.0), (2.5, -179.0)), ("hole",), 500.0)
    assert found["hole"].tolist() == [number(2.5, -177.5)] * 2


def test_near_the_pole_cells_are_close_along_the_parallel(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, grid(hole=hole(87.5, 2.5)))
    found = sample_grid(folder, places((87.5, 4.0)), ("hole",), 50.0)
    assert found["hole"].tolist() == [number(87.5, 7.5)]
    # 5 degrees along the parallel of 2.5 degrees of latitude would be 500 km.
    assert found["distance_km"].iloc[0] < 20.0
    pole = sample_grid(folder, places((90.0, 0.0)), ("number",), HALF_CELL_KM * 1.001)
    assert pole["number"].iloc[0] < LON.size


def test_a_variable_without_any_value_is_missing_everywhere(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, grid(none=np.full((LAT.size, LON.size), np.nan)))
    found = sample_grid(folder, places((2.5, 2.5)), ("none", "number"), 500.0)
    assert found["none"].isna().all()
    assert found["number"].tolist() == [number(2.5, 2.5)]


def test_a_grid_with_its_dimensions_in_another_order_reads_the_same(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, grid().transpose("lon", "lat").sortby("lat"))
    found = sample_grid(folder, places((-42.5, 17.5), (42.5, -17.5)), ("number",), 500.0)
    assert found["number"].tolist() == [number(-42.5, 17.5), number(42.5, -17.5)]


def test_rows_keep_their_index_and_variables_their_order(plain: Path) -> None:
    at = places((2.5, 2.5), (7.5, 7.5)).set_axis([4, 9])
    found = sample_grid(plain, at, ("number",), 500.0)
    assert found.index.tolist() == [4, 9]
    assert found.columns.tolist() == ["distance_km", "number"]


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("numbr", "has no variable numbr; did you mean number?"),
        ("quux", "has no variable quux; it has number"),
    ],
)
def test_a_variable_that_is_not_there_is_named(plain: Path, variable: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        sample_grid(plain, places((0, 0)), ("number", variable), 75.0)
    assert str(caught.value) == f"{plain / GRID_FILE}: {message}"


def test_an_absent_and_an_unreadable_grid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"covariates_0p5deg\.nc: no such file; the covariates nee"):
        sample_grid(tmp_path, places((0, 0)), ("number",), 75.0)
    path = tmp_path / GRID_FILE
    path.parent.mkdir()
    path.write_bytes(b"no grid at all")
    with pytest.raises(DataError, match=r"covariates_0p5deg\.nc: cannot be read as a grid"):
        sample_grid(tmp_path, places((0, 0)), ("number",), 75.0)


def test_a_grid_without_coordinates_or_with_time_is_refused(tmp_path: Path) -> None:
    months = grid().expand_dims(month=[1, 2])
    for wrong in (grid().rename(lat="y", lon="x"), months):
        folder = folder_of(tmp_path, wrong)
        with pytest.raises(DataError, match="cannot be read as a grid"):
            sample_grid(folder, places((0, 0)), ("number",), 75.0)

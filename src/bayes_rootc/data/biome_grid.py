"""Climate and biome map of the half-degree grid at given places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import DataError

Floats = NDArray[np.float64]

GRID_FILE = Path("grid") / "covariates_0p5deg.nc"
"""Place of the grid in a data folder."""

VARIABLES = ("bio01", "bio11", "biome", "biome_natural")
"""Annual mean and coldest quarter (°C), and the biome maps with and without croplands."""

_SHAPE = (360, 720)
_CELL = 0.5


def nearest_valid(values: Floats, lat: Floats, lon: Floats) -> Floats:
    """Value of the cell of each place, or of the nearest valid cell touching it.

    Parameters
    ----------
    values : ndarray, shape (360, 720)
        Half-degree grid from 90° N to 90° S, 180° W to 180° E; NaN is not valid.
    lat, lon : ndarray, shape (n,)
        Degrees; longitude from -180 to 360. Places that are NaN or off the globe give NaN.

    Returns
    -------
    ndarray, shape (n,)
        NaN where neither the cell nor one of its eight neighbours is valid.
    """
    known = (np.abs(lat) <= 90) & (lon >= -180) & (lon <= 360)
    y = np.where(known, (90.0 - lat) / _CELL, 0.0)
    x = np.where(known, (np.where(known, lon, 0.0) + 180.0) / _CELL, 0.0)
    row = np.clip(np.floor(y).astype(int), 0, _SHAPE[0] - 1)
    column = np.floor(x).astype(int)
    found = np.where(known, values[row, column % _SHAPE[1]], np.nan)
    # Neighbours are compared by their true distance: a degree of longitude shrinks polewards.
    shrink = np.cos(np.deg2rad(np.where(known, lat, 0.0)))
    nearest = np.where(np.isnan(found), np.inf, 0.0)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = row + down, column + right
            inside = known & (i >= 0) & (i < _SHAPE[0])
            value = values[np.clip(i, 0, _SHAPE[0] - 1), j % _SHAPE[1]]
            distance = np.hypot(i + 0.5 - y, (j + 0.5 - x) * shrink)
            closer = inside & ~np.isnan(value) & (distance < nearest)
            found = np.where(closer, value, found)
            nearest = np.where(closer, distance, nearest)
    return found


def read_grid_at(lat: Floats, lon: Floats, data_folder: Path | None) -> dict[str, Floats]:
    """Grid variables at places, NaN everywhere if there is no grid.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        See :func:`nearest_valid`.
    data_folder : Path or None
        Folder that may hold :data:`GRID_FILE`.

    Returns
    -------
    dict
        One array of shape (n,) for each of :data:`VARIABLES`.

    Raises
    ------
    DataError
        If the file is there but cannot be read, lacks a variable, or is not this grid.
    """
    if data_folder is None or not (data_folder / GRID_FILE).is_file():
        return {name: np.full(lat.shape, np.nan) for name in VARIABLES}
    import xarray as xr

    path = data_folder / GRID_FILE
    try:
        with xr.open_dataset(path, engine="h5netcdf") as grid:
            missing = [name for name in VARIABLES if name not in grid]
            if missing:
                raise DataError(f"{path}: has no variable {', '.join(missing)}")
            maps = {name: grid[name].to_numpy().astype(float) for name in VARIABLES}
            north_west = float(grid["lat"][0]), float(grid["lon"][0])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as the half-degree grid: {error}") from error
    shapes = {values.shape for values in maps.values()}
    if shapes != {_SHAPE} or north_west != (89.75, -179.75):
        raise DataError(
            f"{path}: is not the half-degree grid; 360 x 720 cells from 89.75 N, 179.75 W are right"
        )
    return {name: nearest_valid(values, lat, lon) for name, values in maps.items()}

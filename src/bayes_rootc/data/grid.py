"""Variables of the covariate grid at places: the own cell, or the nearest one that has a value."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bayes_rootc.data.biome_grid import GRID_FILE
from bayes_rootc.errors import DataError
from bayes_rootc.units import Floats

EARTH_RADIUS_KM = 6371.0072


def sample_grid(
    folder: Path, places: pd.DataFrame, variables: tuple[str, ...], max_distance_km: float
) -> pd.DataFrame:
    """Sample grid variables at places.

    Parameters
    ----------
    folder : Path
        Data folder with the grid.
    places : DataFrame
        Columns lat, lon (degrees).
    variables : tuple of str
    max_distance_km : float
        Great-circle distance from the place to the centre of a cell; a variable without a value
        within it is missing (NaN).

    Returns
    -------
    DataFrame
        ``distance_km``, to the furthest cell that was used; then one column a variable, in
        the units of the grid.

    Raises
    ------
    DataError
        If there is no grid, it cannot be read, or lacks a variable.
    """
    import xarray as xr

    path = folder / GRID_FILE
    if not path.is_file():
        raise DataError(f"{path}: no such file; the covariates need the grid of a data folder")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as grid:
            names = [str(name) for name in grid.data_vars]
            for name in variables:
                if name not in names:
                    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
                    hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(names)}"
                    raise DataError(f"{path}: has no variable {name}; {hint}")
            lat, lon = (grid[name].to_numpy().astype(float) for name in ("lat", "lon"))
            maps = {name: grid[name].to_numpy().astype(float) for name in variables}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a grid: {error}") from error
    centres = np.stack(np.meshgrid(lat, lon, indexing="ij"), axis=-1).reshape(-1, 2)
    at = _unit_vectors(places["lat"].to_numpy(float), places["lon"].to_numpy(float))
    found = {"distance_km": np.zeros(len(places))}
    trees: dict[bytes, tuple[cKDTree, NDArray[np.intp]]] = {}
    for name, values in maps.items():
        flat = values.ravel()
        valid = np.isfinite(flat)
        mask = np.packbits(valid).tobytes()  # variables with one mask share their tree
        if mask not in trees:
            here = centres[valid]
            trees[mask] = (cKDTree(_unit_vectors(here[:, 0], here[:, 1])), np.flatnonzero(valid))
        tree, cells = trees[mask]
        chord, nearest = tree.query(at)
        distance = 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2.0, 1.0))
        within = distance <= max_distance_km
        found[name] = np.where(within, flat[cells[nearest]], np.nan)
        furthest = np.maximum(found["distance_km"], distance)
        found["distance_km"] = np.where(within, furthest, found["distance_km"])
    return pd.DataFrame(found, index=places.index)


def _unit_vectors(lat: Floats, lon: Floats) -> Floats:
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])

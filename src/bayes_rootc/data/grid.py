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

CORNERS = 4
TIE = 1e-9
"""Difference of distances, in radii of the Earth, that counts as none: some 6 mm."""

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
        ``distance_km``, to the furthest cell that was used (NaN: none was); then one column a
        variable, in the units of the grid.

    Raises
    ------
    DataError
        If there is no grid, it cannot be read, or lacks a variable (the nearest name is given).
    """
    centres, maps = _read_grid(folder / GRID_FILE, variables)
    at = _unit_vectors(places["lat"].to_numpy(float), places["lon"].to_numpy(float))
    found = {"distance_km": np.full(len(places), np.nan)}
    trees: dict[bytes, tuple[cKDTree, NDArray[np.intp]]] = {}
    for name, values in maps.items():
        valid = np.isfinite(values)
        if not valid.any():
            found[name] = np.full(len(places), np.nan)
            continue
        mask = np.packbits(valid).tobytes()  # variables with one mask share their tree
        if mask not in trees:
            here = centres[valid]
            trees[mask] = (cKDTree(_unit_vectors(here[:, 0], here[:, 1])), np.flatnonzero(valid))
        tree, cells = trees[mask]
        chord, nearest = _nearest(tree, at)
        distance = 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2.0, 1.0))
        within = distance <= max_distance_km
        found[name] = np.where(within, values[cells[nearest]], np.nan)
        used = np.where(within, distance, np.nan)
        found["distance_km"] = np.fmax(found["distance_km"], used)
    return pd.DataFrame(found, index=places.index)


def _nearest(tree: cKDTree, at: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Distance and position of the nearest point; of equally near ones the first.

    Many coordinates are round and lie on the edge of two cells or the corner of four: rounding
    must not choose between them.
    """
    chord, candidates = tree.query(at, k=min(CORNERS, tree.n))
    chord, candidates = chord.reshape(len(at), -1), candidates.reshape(len(at), -1)
    as_near = chord <= chord[:, :1] + TIE
    return chord[:, 0], np.where(as_near, candidates, tree.n).min(axis=1)


def _read_grid(path: Path, variables: tuple[str, ...]) -> tuple[Floats, dict[str, Floats]]:
    """Centres of the cells, shape (cells, 2), and each variable, shape (cells,)."""
    import xarray as xr

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
            maps = {
                name: grid[name].transpose("lat", "lon").to_numpy().astype(float).ravel()
                for name in variables
            }
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a grid: {error}") from error
    return np.stack(np.meshgrid(lat, lon, indexing="ij"), axis=-1).reshape(-1, 2), maps


def _unit_vectors(lat: Floats, lon: Floats) -> Floats:
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])

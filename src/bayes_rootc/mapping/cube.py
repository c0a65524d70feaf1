"""The covariate grid that maps are made on: opened, checked, and read block by block."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.data.locate import ENVIRONMENT
from bayes_rootc.errors import DataError
from bayes_rootc.files import sha256_of_file
from bayes_rootc.units import Floats

if TYPE_CHECKING:
    import xarray as xr

EARTH_RADIUS_KM = 6371.0072
CRS = "EPSG:4326"
CRS_NAMES = ("crs", "spatial_ref")
ZARR = ".zarr"
ZARR_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
WHOLE_MIB, ENDS_BYTES = 1024, 4096
"""Size of a store up to which every byte is hashed, and what of a chunk of a larger one."""


@dataclass(frozen=True)
class Block:
    """A rectangle of cells: rows and columns of the grid."""

    number: int
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)


@dataclass(frozen=True)
class Cube:
    """A grid of covariates on disk.

    Attributes
    ----------
    path : Path
    lat : ndarray, shape (rows,)
        Centres of cells, degrees north, falling.
    lon : ndarray, shape (columns,)
        Degrees east, rising.
    units : dict
        Variable on latitude and longitude → its units, "" where the file does not say.
    """

    path: Path
    lat: Floats
    lon: Floats
    units: dict[str, str]

    def read(self, names: Iterable[str], block: Block) -> dict[str, NDArray[np.float32]]:
        """Variables of a block, each of its shape."""
        grid = _dataset(str(self.path), *fingerprint(self.path))
        part = {"lat": block.rows, "lon": block.columns}
        return {name: grid[name].isel(part).to_numpy().astype(np.float32) for name in names}

    def blocks(self, n_lat: int, n_lon: int) -> Iterator[Block]:
        """Blocks of so many rows and columns, from the north-west."""
        number = 0
        for row in range(0, len(self.lat), n_lat):
            for column in range(0, len(self.lon), n_lon):
                rows = slice(row, min(row + n_lat, len(self.lat)))
                yield Block(number, rows, slice(column, min(column + n_lon, len(self.lon))))
                number += 1

    def cell_area_km2(self, rows: slice) -> Floats:
        """Area of a cell of each row, on a sphere."""
        half = _step(self.lat) / 2.0
        lat = np.clip(np.stack([self.lat[rows] - half, self.lat[rows] + half]), -90.0, 90.0)
        sines = np.sin(np.deg2rad(lat))
        return np.asarray(EARTH_RADIUS_KM**2 * np.deg2rad(_step(self.lon)) * (sines[1] - sines[0]))


def locate_cube(file: str, data: Path | None) -> Path:
    """Find a grid: the path itself, or the path within the data folder.

    Raises
    ------
    DataError
        If it is in neither place.
    """
    named = os.environ.get(ENVIRONMENT, "")
    folder = data or (Path(named) if named else None)
    tried = [Path(file), *([folder / file] if folder else [])]
    for path in tried:
        if path.exists():
            return path
    where = " nor ".join(str(path) for path in tried)
    raise DataError(
        f"grid.file = {file}: no such file or store ({where}); give --data, set {ENVIRONMENT}, or "
        "make a cube with: grid build models/map.toml"
    )


def open_cube(path: Path, needed: Iterable[str]) -> Cube:
    """Open a grid and check that maps can be made on it.

    Raises
    ------
    DataError
        If it cannot be read, is not on longitude and latitude (EPSG:4326), its latitude does not
        fall or its longitude not rise in equal steps, or it lacks a variable.
    """
    try:
        grid = _dataset(str(path), *fingerprint(path))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a grid: {error}") from None
    _check_crs(grid, path)
    for name in ("lat", "lon"):
        if name not in grid.coords or grid[name].dims != (name,):
            have = ", ".join(str(one) for one in grid.dims)
            raise DataError(
                f"{path}: has no coordinate {name} of its own dimension; its dimensions are "
                f"{have}, right: lat, lon in degrees"
            )
    lat, lon = (grid[name].to_numpy().astype(float) for name in ("lat", "lon"))
    check_axes(lat, lon, path)
    names = [str(name) for name in grid.data_vars]
    for name in needed:
        if name not in names:
            raise DataError(
                f"{path}: has no variable {name}, which these maps need; it has {', '.join(names)}"
            )
        if set(grid[name].dims) != {"lat", "lon"}:
            raise DataError(
                f"{path}: {name} has dimensions ({', '.join(map(str, grid[name].dims))}); right: "
                "(lat, lon)"
            )
    flat = [name for name in names if set(grid[name].dims) == {"lat", "lon"}]
    units = {name: str(grid[name].attrs.get("units", "")) for name in flat}
    return Cube(path, lat, lon, units)


def fingerprint(path: Path) -> tuple[int, ...]:
    """Numbers that change when a file or a store is put in place of another."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns


def content_hash(path: Path) -> str:
    """Hash of what a grid holds, whenever it was written.

    Of a file, and of a store up to :data:`WHOLE_MIB`: every byte. Of a larger store: every byte of
    its metadata; and of every chunk its name, its size, and :data:`ENDS_BYTES` from its beginning
    and its end. A compressed chunk that was changed in its midst alone, to the very same length,
    would pass for the same.
    """
    if path.is_file():
        return sha256_of_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    sizes = [file.stat().st_size for file in files]
    whole = sum(sizes) <= WHOLE_MIB * 2**20
    found = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        found.update(f"{file.relative_to(path)} {size}\n".encode())
        if whole or file.name in ZARR_METADATA:
            found.update(sha256_of_file(file).encode())
        else:
            found.update(_ends(file, size))
    return found.hexdigest()


def _ends(path: Path, size: int) -> bytes:
    with open(path, "rb") as file:
        first = file.read(ENDS_BYTES)
        file.seek(max(size - ENDS_BYTES, 0))
        return first + file.read()


@lru_cache(maxsize=4)
def _dataset(path: str, *_: int) -> xr.Dataset:
    """Open once a process and fingerprint; what is read is not kept."""
    import xarray as xr

    opened: xr.Dataset
    if path.endswith(ZARR):
        opened = xr.open_zarr(path, chunks=None, consolidated=False)
    else:
        opened = xr.open_dataset(path, engine="h5netcdf", cache=False)
    has_both = {"lat", "lon"} <= set(opened.dims)
    return opened.transpose("lat", "lon", ...) if has_both else opened


def _check_crs(grid: xr.Dataset, path: Path) -> None:
    described = [grid[name].attrs for name in CRS_NAMES if name in grid.variables] or [grid.attrs]
    for attributes in described:
        text = str(attributes.get("crs_wkt") or attributes.get("epsg_code") or "")
        text = text or str(attributes.get("crs", ""))
        if text and not _is_lon_lat(text):
            raise DataError(
                f"{path}: its coordinates are in {text[:60]}; maps need {CRS} (degrees): "
                "reproject it, or let `grid build` do so (key crs of a layer)"
            )


def _is_lon_lat(text: str) -> bool:
    from rasterio import crs
    from rasterio.errors import CRSError

    try:
        found = crs.CRS.from_user_input(text)
    except CRSError:
        return False
    return bool(found.is_geographic)


def check_axes(lat: Floats, lon: Floats, path: Path) -> None:
    """Refuse a latitude that rises, and whatever is no regular grid of the Earth."""
    if len(lat) < 2 or len(lon) < 2:
        raise DataError(f"{path}: is a grid of {len(lat)} x {len(lon)} cells; right: 2 x 2 or more")
    if np.abs(lat).max() > 90.0:
        worst = lat[np.abs(lat).argmax()]
        raise DataError(
            f"{path}: a latitude of {worst:g}; right: -90 to 90; are lat and lon swapped?"
        )
    if lat[0] < lat[-1]:
        raise DataError(
            f"{path}: latitude rises from {lat[0]:g} to {lat[-1]:g}; it must fall, north first: "
            "sort it (sortby('lat', ascending=False)), or let `grid build` do so"
        )
    for name, values in (("lat", -lat), ("lon", lon)):
        steps = np.diff(values)
        regular = np.linspace(values[0], values[-1], len(values))
        if not (steps > 0.0).all() or np.abs(values - regular).max() > 0.1 * steps.mean():
            raise DataError(
                f"{path}: steps of {name} run from {steps.min():g} to {steps.max():g} degrees; "
                "right: one step, cells in order"
            )
    if lon[0] < -180.0 - 1e-6 or lon[-1] > 180.0 + 1e-6:
        raise DataError(
            f"{path}: longitudes from {lon[0]:g} to {lon[-1]:g}; right: -180 to 180: shift those "
            "above 180 by -360 and sort, or let `grid build` do so"
        )


def _step(axis: Floats) -> float:
    return float(abs(axis[-1] - axis[0]) / (len(axis) - 1))

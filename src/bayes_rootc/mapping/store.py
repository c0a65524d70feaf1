"""Maps on disk: a Zarr store an engine with CF attributes, written block by block."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_rootc.errors import WriteError
from bayes_rootc.layers import MAX_DEPTH_CM, STANDARD_LAYERS
from bayes_rootc.mapping.cube import CRS, Block, Cube
from bayes_rootc.mapping.statistics import FLOWS, P_NEGATIVE, SHARE
from bayes_rootc.variables import STANDARD_LAYER

if TYPE_CHECKING:
    import xarray as xr

PROFILE_LAYER = f"0-{MAX_DEPTH_CM}"
DEPTHS = (*STANDARD_LAYERS, PROFILE_LAYER)
QUANTILE, LAT, LON = "quantile", "lat", "lon"
UNIT = "Mg C ha-1 yr-1"
MEANING = {
    "i_root": "carbon input by roots",
    "i_bulk": "carbon input into the bulk soil",
    "i_loss": "root carbon lost before it enters the bulk soil",
}
CELL = {
    "n_missing": "covariates of the cell that are missing and took a typical value",
    "n_beyond": "components of the cell beyond those of the places of the run",
}
"""Maps without layers: how far a cell can be trusted."""


def _variables() -> dict[str, tuple[tuple[str, ...], str, str]]:
    """Name → dimensions, units, meaning."""
    flat, with_q = (STANDARD_LAYER, LAT, LON), (QUANTILE, STANDARD_LAYER, LAT, LON)
    found: dict[str, tuple[tuple[str, ...], str, str]] = {}
    for name in FLOWS:
        found[f"{name}_mean"] = (flat, UNIT, f"{MEANING[name]}, predictive mean")
        found[f"{name}_sd"] = (flat, UNIT, f"{MEANING[name]}, predictive standard deviation")
        found[f"{name}_quantile"] = (with_q, UNIT, f"{MEANING[name]}, predictive quantiles")
    found[f"{SHARE}_quantile"] = (with_q, "1", "share of the root input that is lost, quantiles")
    found[P_NEGATIVE] = (flat, "1", "probability that the root input is below that of bulk soil")
    for name, text in CELL.items():
        found[name] = ((LAT, LON), "1", text)
    return found


VARIABLES = _variables()
"""Variables of a store → dimensions, units, meaning."""

BYTES_PER_CELL = {"per quantile": 4 * len(DEPTHS) * 4, "other": 4 * len(DEPTHS) * 7 + 8}
"""Uncompressed: four maps of 8 layers a quantile; means, spreads, probability; two counts."""


def create_store(
    path: Path,
    cube: Cube,
    quantiles: tuple[float, ...],
    block: tuple[int, int],
    attributes: Mapping[str, Any],
) -> None:
    """Make an empty store, all NaN, with a chunk a block.

    Parameters
    ----------
    path : Path
    cube : Cube
    quantiles : tuple of float
    block : tuple of int
        Rows and columns of a block.
    attributes : mapping
        Birth certificate.
    """
    import dask.array
    import xarray as xr

    da: Any = dask.array

    sizes = {STANDARD_LAYER: len(DEPTHS), QUANTILE: len(quantiles),
             LAT: len(cube.lat), LON: len(cube.lon)}  # fmt: skip
    chunk = {**sizes, LAT: min(block[0], sizes[LAT]), LON: min(block[1], sizes[LON])}
    data: dict[str, Any] = {"crs": ((), np.int32(0), _crs_attributes())}
    encoding: dict[str, Any] = {}
    for name, (dims, units, meaning) in VARIABLES.items():
        shape, chunks = tuple(sizes[d] for d in dims), tuple(chunk[d] for d in dims)
        about = {"units": units, "long_name": meaning, "grid_mapping": "crs"}
        data[name] = (dims, da.full(shape, np.float32(np.nan), chunks=chunks), about)
        encoding[name] = {"chunks": chunks}
    coords = {
        LAT: (LAT, cube.lat, {"units": "degrees_north", "standard_name": "latitude"}),
        LON: (LON, cube.lon, {"units": "degrees_east", "standard_name": "longitude"}),
        STANDARD_LAYER: (STANDARD_LAYER, list(DEPTHS), {"long_name": "depth", "units": "cm"}),
        QUANTILE: (QUANTILE, list(quantiles)),
    }
    dataset = xr.Dataset(data, coords, {"Conventions": "CF-1.11", **attributes})
    try:
        dataset.to_zarr(path, mode="w", compute=False, encoding=encoding, consolidated=False)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_block(path: Path, block: Block, values: Mapping[str, np.ndarray]) -> None:
    """Write the variables of a block; its chunks belong to nobody else.

    Raises
    ------
    WriteError
        If the disk is full or the store cannot be written to; the block counts as not done.
    """
    import zarr

    try:
        store: Any = zarr.open_group(path, mode="r+")
        for name, array in values.items():
            store[name][..., block.rows, block.columns] = array
    except OSError as error:
        raise WriteError(
            f"{path}: block {block.number} cannot be written: {error.strerror or error}; "
            "`map --resume` goes on from here"
        ) from error


def open_store(path: Path) -> xr.Dataset:
    """Open a store, block by block on dask arrays."""
    import xarray as xr

    found: xr.Dataset = xr.open_zarr(path, consolidated=False)
    return found


def _crs_attributes() -> dict[str, Any]:
    return {
        "grid_mapping_name": "latitude_longitude",
        "long_name": CRS,
        "semi_major_axis": 6378137.0,
        "inverse_flattening": 298.257223563,
        "epsg_code": CRS,
    }

"""Maps in the formats that others read: cloud-optimised GeoTIFF and NetCDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayes_rootc.errors import WriteError
from bayes_rootc.files import replacing
from bayes_rootc.mapping.cube import CRS
from bayes_rootc.mapping.store import LAT, LON, QUANTILE, open_store
from bayes_rootc.variables import STANDARD_LAYER

if TYPE_CHECKING:
    import xarray as xr

TILE = 512


def write_netcdf(store: Path, path: Path) -> Path:
    """Write a store as one NetCDF file, compressed."""
    maps = open_store(store)
    packed = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding = {str(name): packed for name in maps.data_vars if maps[name].ndim >= 2}
    with replacing(path) as beside:
        maps.drop_encoding().to_netcdf(beside, engine="h5netcdf", encoding=encoding)
    return path


def write_geotiffs(store: Path, folder: Path) -> list[Path]:
    """Write every map of a store as a cloud-optimised GeoTIFF, one band a layer.

    Parameters
    ----------
    store : Path
    folder : Path
        One file a variable and quantile, such as ``i_loss_mean.tif``, ``i_loss_q0.025.tif``.
    """
    maps, written = open_store(store), []
    for name, values in maps.data_vars.items():
        if values.ndim < 2:
            continue
        if QUANTILE in values.dims:
            for q in values[QUANTILE].to_numpy():
                file = folder / f"{str(name).removesuffix('_quantile')}_q{q:g}.tif"
                written.append(_geotiff(values.sel({QUANTILE: q}), file))
        else:
            written.append(_geotiff(values, folder / f"{name}.tif"))
    return written


def _geotiff(values: xr.DataArray, path: Path) -> Path:
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.transform import from_origin

    bands = values if STANDARD_LAYER in values.dims else values.expand_dims(STANDARD_LAYER)
    lat, lon = (values[name].to_numpy() for name in (LAT, LON))
    step_lat, step_lon = float(lat[0] - lat[1]), float(lon[1] - lon[0])
    origin = from_origin(lon[0] - step_lon / 2, lat[0] + step_lat / 2, step_lon, step_lat)
    profile = {
        "driver": "COG", "count": bands.sizes[STANDARD_LAYER], "height": len(lat),
        "width": len(lon), "dtype": "float32", "crs": CRS, "transform": origin,
        "nodata": np.nan, "compress": "deflate", "blocksize": TILE,
    }  # fmt: skip
    try:
        with replacing(path) as beside, rasterio.open(beside, "w", **profile) as file:
            file.update_tags(
                units=str(values.attrs.get("units", "")), long_name=values.attrs["long_name"]
            )
            for number in range(bands.sizes[STANDARD_LAYER]):
                # One layer at a time: memory is bounded by a layer of the grid.
                file.write(bands[{STANDARD_LAYER: number}].to_numpy(), number + 1)
                if STANDARD_LAYER in bands.coords:
                    file.set_band_description(number + 1, str(bands[STANDARD_LAYER][number].item()))
    except RasterioError as error:
        raise WriteError(f"{path}: cannot be written: {error}") from error
    return path

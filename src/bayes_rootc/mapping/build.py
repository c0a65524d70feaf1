"""Layers of any raster format on one grid: the covariate cube."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import DataError, SpecError
from bayes_rootc.files import replacing
from bayes_rootc.mapping.cube import CRS, ZARR, check_axes
from bayes_rootc.spec.map import BuildSection, LayerSection
from bayes_rootc.units import Floats

if TYPE_CHECKING:
    import xarray as xr

Say = Callable[[str], None]
LABELLED = (".nc", ".nc4", ".h5", ZARR)
"""Files that xarray reads; rasterio reads all others."""

CHUNK = 180
LAND = "land_fraction"
NAMES_OF_AXES = {"lat": ("lat", "latitude", "y"), "lon": ("lon", "longitude", "x")}


def build_cube(section: BuildSection, target: Path, folder: Path, say: Say) -> Path:
    """Put every layer on the grid and write the cube.

    Parameters
    ----------
    section : BuildSection
    target : Path
        Zarr store to make, whole or not at all.
    folder : Path
        Where relative paths of layers start.
    say : callable
        Receives a line a layer.

    Raises
    ------
    SpecError
        If no layer is named, or the target is no Zarr store.
    DataError
        If a layer cannot be read, is in another reference system than stated, has its latitude
        and longitude exchanged, or has no value on the grid.
    """
    import xarray as xr

    if not section.layers:
        raise SpecError("build.layers names no layer; a cube needs one or more ([[build.layers]])")
    if target.suffix != ZARR:
        raise SpecError(f"{target}: must end in {ZARR}")
    lat, lon = axes_of(section)
    grid = {
        "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    with replacing(target) as beside:
        crs = ((), np.int32(0), {"grid_mapping_name": "latitude_longitude", "epsg_code": CRS})
        xr.Dataset({"crs": crs}, grid, {"Conventions": "CF-1.11"}).to_zarr(
            beside, mode="w", consolidated=False
        )
        for layer in section.layers:
            values = layer_on_grid(layer, section, folder, say)
            known = np.isfinite(values)
            if not known.any():
                raise DataError(
                    f"{layer.file}: {layer.name} has no value on the grid "
                    f"({section.south:g} to {section.north:g} N, {section.west:g} to "
                    f"{section.east:g} E)"
                )
            about = {"units": layer.units, "source": Path(layer.file).name, "grid_mapping": "crs"}
            one = xr.Dataset({layer.name: (("lat", "lon"), values, about)}, grid)
            chunks = tuple(min(CHUNK, n) for n in values.shape)
            one.to_zarr(
                beside, mode="a", consolidated=False, encoding={layer.name: {"chunks": chunks}}
            )
            say(
                f"{layer.name}: {known.mean():.0%} of cells, {np.nanmin(values):.4g} to "
                f"{np.nanmax(values):.4g} {layer.units}"
            )
    return target


def axes_of(section: BuildSection) -> tuple[Floats, Floats]:
    """Centres of the cells: latitude from the north, longitude from the west."""
    step = section.resolution_degrees
    rows = round((section.north - section.south) / step)
    columns = round((section.east - section.west) / step)
    lat = section.north - step * (np.arange(rows, dtype=np.float64) + 0.5)
    return lat, section.west + step * (np.arange(columns, dtype=np.float64) + 0.5)


def layer_on_grid(
    layer: LayerSection, section: BuildSection, folder: Path, say: Say = lambda _: None
) -> NDArray[np.float32]:
    """Resample one layer to the grid, in its final units.

    Raises
    ------
    DataError
        As :func:`build_cube`.
    """
    from rasterio.enums import Resampling
    from rasterio.transform import from_origin
    from rasterio.warp import reproject

    path = folder / layer.file
    if not path.exists():
        raise DataError(f"build.layers {layer.name}: {path}: no such file")
    values, transform, crs, note = (_labelled if path.suffix in LABELLED else _raster)(path, layer)
    if note:
        say(f"note: {layer.name}: {path}: {note}")
    if layer.name == LAND and layer.fill is None and not np.isfinite(values).all():
        raise DataError(
            f"build.layers {LAND}: {path}: has missing cells, which an average would leave out, so "
            "that coasts would count as whole land; set fill = 0.0, where missing means sea"
        )
    if layer.fill is not None:
        values = np.where(np.isfinite(values), values, np.float32(layer.fill))
    lat, lon = axes_of(section)
    found = np.full((len(lat), len(lon)), np.nan, np.float32)
    step = section.resolution_degrees
    reproject(
        values, found, src_transform=transform, src_crs=crs, src_nodata=np.nan,
        dst_transform=from_origin(section.west, section.north, step, step), dst_crs=CRS,
        dst_nodata=np.nan, resampling=Resampling[layer.resampling],
    )  # fmt: skip
    return np.asarray(layer.scale * found + layer.offset, np.float32)


def _raster(path: Path, layer: LayerSection) -> tuple[NDArray[np.float32], Any, Any, str]:
    """Read the first band of a GeoTIFF, a .bil, or whatever GDAL knows."""
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as file:
            values = file.read(1, masked=True).astype(np.float32).filled(np.nan)
            values = np.float32(file.scales[0]) * values + np.float32(file.offsets[0])
            crs, transform = file.crs, file.transform
    except RasterioError as error:
        raise DataError(f"build.layers {layer.name}: {path}: cannot be read: {error}") from None
    note = "" if crs is not None else f"states no reference system; taken as {layer.crs}"
    return values, transform, _stated_crs(crs, path, layer), note


def _stated_crs(found: Any, path: Path, layer: LayerSection) -> Any:
    """Reference system of a layer, which must be what the file of maps says."""
    from rasterio import crs
    from rasterio.errors import CRSError

    try:
        stated = crs.CRS.from_user_input(layer.crs)
    except CRSError:
        raise DataError(f"build.layers {layer.name}: crs = {layer.crs!r} is unknown") from None
    if found is not None and found != stated and not (found.is_geographic and layer.crs == CRS):
        raise DataError(
            f"build.layers {layer.name}: {path} is in {found.to_string()[:60]}, not in "
            f"{layer.crs}; if that is right, say so (crs = ...) and it will be reprojected"
        )
    return stated


def _labelled(path: Path, layer: LayerSection) -> tuple[NDArray[np.float32], Any, Any, str]:
    """Read a variable of a NetCDF file or a Zarr store on latitude and longitude."""
    import xarray as xr
    from rasterio import crs
    from rasterio.transform import from_origin

    try:
        opened = (
            xr.open_zarr(path, chunks=None, consolidated=False)
            if path.suffix == ZARR
            else xr.open_dataset(path, engine="h5netcdf")
        )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"build.layers {layer.name}: {path}: cannot be read: {error}") from None
    with opened as data:
        name = layer.variable or layer.name
        if name not in data:
            have = ", ".join(str(one) for one in data.data_vars)
            raise DataError(
                f"build.layers {layer.name}: {path}: has no variable {name}; it has {have}: name "
                "one with variable = ..."
            )
        note = _units_note(str(data[name].attrs.get("units", "")), layer)
        array = _on_axes(data[name], path, layer)
        lat, lon = (array[axis].to_numpy().astype(float) for axis in ("lat", "lon"))
        if layer.crs == CRS:
            check_axes(lat, lon, path)  # one that crosses 180 degrees has a gap by now
        values = np.ascontiguousarray(array.to_numpy(), np.float32)
    step_lat, step_lon = lat[0] - lat[1], lon[1] - lon[0]
    origin = from_origin(lon[0] - step_lon / 2, lat[0] + step_lat / 2, step_lon, step_lat)
    return values, origin, crs.CRS.from_user_input(layer.crs), note


def _units_note(found: str, layer: LayerSection) -> str:
    """Words where a file says other units than the map file, and nothing converts them."""
    is_plain = layer.scale == 1.0 and layer.offset == 0.0
    if not found or not is_plain or found.strip().lower() == layer.units.strip().lower():
        return ""
    return (
        f"its units are {found!r}, those of the map file {layer.units!r}: are they the same? else "
        "set scale and offset"
    )


def _on_axes(array: xr.DataArray, path: Path, layer: LayerSection) -> xr.DataArray:
    """Latitude falling and longitude rising from -180, whatever the file has."""
    names = {}
    for axis, known in NAMES_OF_AXES.items():
        own = [str(dim) for dim in array.dims if str(dim).lower() in known]
        if len(own) != 1 or own[0] not in array.coords:
            have = ", ".join(str(dim) for dim in array.dims)
            raise DataError(
                f"build.layers {layer.name}: {path}: dimensions ({have}) name no {axis} with "
                "coordinates; right: lat, lon"
            )
        names[own[0]] = axis
    if array.ndim != 2:
        raise DataError(
            f"build.layers {layer.name}: {path}: has {array.ndim} dimensions; right: lat and lon"
        )
    found = array.rename(names).transpose("lat", "lon")
    lat = found["lat"].to_numpy().astype(float)
    if layer.crs == CRS and np.abs(lat).max() > 90.0:
        raise DataError(
            f"build.layers {layer.name}: {path}: a latitude of {np.abs(lat).max():g}; right: -90 "
            "to 90; are lat and lon swapped?"
        )
    if layer.crs == CRS and float(found["lon"].max()) > 180.0:
        found = found.assign_coords(lon=(found["lon"] + 180.0) % 360.0 - 180.0)
    return found.sortby("lat", ascending=False).sortby("lon")

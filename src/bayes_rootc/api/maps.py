"""Maps, what they take, the formats that others read, and the grids that they are made on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_rootc.errors import WriteError
from bayes_rootc.spec.load import load_map
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.map import MapSpec

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from bayes_rootc.mapping.check import GridCheck
    from bayes_rootc.mapping.plan import Plan
    from bayes_rootc.mapping.prepare import Request

Say = Callable[[str], None]


def maps(
    spec: MapSpec | Path | str = "map",
    *,
    run: Path | str | None = None,
    learning: Path | str | None = None,
    folder: Path | str = "maps/map",
    data: Path | str | None = None,
    **how: Any,
) -> dict[str, xr.Dataset]:
    """Make maps and open them, by engine; ``how`` as of :func:`bayes_rootc.mapping.run.make_maps`.

    ``run`` and ``learning`` are those that the map file names, unless others are given. Each
    Dataset has dimensions lat, lon, standard_layer, quantile, on dask arrays. Maps that are made
    already: ``results(folder).stored``.
    """
    from bayes_rootc.mapping.block import store_path
    from bayes_rootc.mapping.run import make_maps
    from bayes_rootc.mapping.store import open_store

    spec = _spec(spec)
    made = make_maps(spec, _request(spec, folder, run, learning, data), **how)
    return {engine: open_store(store_path(made.folder, engine)) for engine in spec.engines}


def plan_maps(
    spec: MapSpec | Path | str = "map",
    *,
    run: Path | str | None = None,
    learning: Path | str | None = None,
    data: Path | str | None = None,
    n_threads: int = 1,
    say: Say = print,
) -> Plan:
    """Say what maps take (cells, blocks, disk, time, memory); nothing is mapped.

    ``print(plan.text())`` shows it. Parameters as of :func:`maps`.
    """
    from bayes_rootc.mapping.run import plan_maps as _plan_maps

    spec = _spec(spec)
    # The folder of the map is not used: the plan is made in one that is thrown away.
    request = _request(spec, "maps", run, learning, data)
    return _plan_maps(spec, request, n_threads=n_threads, say=say)


def export_maps(folder: Path | str, *, netcdf: bool = True, geotiff: bool = False) -> list[Path]:
    """Write finished maps as NetCDF and cloud-optimised GeoTIFF into their folder.

    Parameters
    ----------
    folder : path
        Of the maps.
    netcdf, geotiff : bool
        Which formats.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    RunError
        If the folder holds no finished map.
    """
    from bayes_rootc.mapping.block import store_path
    from bayes_rootc.mapping.export import write_geotiffs, write_netcdf
    from bayes_rootc.report.map_report import read_finished

    folder, written = Path(folder), []
    for engine in read_finished(folder).info["spec"]["engines"]:
        store = store_path(folder, engine)
        if netcdf:
            written.append(write_netcdf(store, folder / f"{engine}.nc"))
        if geotiff:
            written += write_geotiffs(store, folder / f"{engine}-geotiff")
    return written


def build_grid(
    spec: MapSpec | Path | str,
    to: Path | str = "cube.zarr",
    *,
    folder: Path | str | None = None,
    overwrite: bool = False,
    say: Say = print,
) -> xr.Dataset:
    """Put the rasters that a map file names on one grid, and open it.

    Parameters
    ----------
    spec : MapSpec, path or str
        Its section ``[build]`` names the layers.
    to : path
        Zarr store to make.
    folder : path, optional
        Where paths of layers start; that of the map file by default.
    overwrite : bool
        Replace a store that is there.
    say : callable
        Receives a line about each step.

    Raises
    ------
    WriteError
        If the store exists.
    DataError, SpecError
        As :func:`bayes_rootc.mapping.build.build_cube`.
    """
    from bayes_rootc.mapping.build import build_cube
    from bayes_rootc.mapping.store import open_store

    to = Path(to)
    if to.exists() and not overwrite:
        raise WriteError(f"{to}: exists; --overwrite (overwrite=True) replaces it, or take another")
    beside = find_model(spec).parent if isinstance(spec, Path | str) else Path()
    return open_store(build_cube(_spec(spec).build, to, _path(folder) or beside, say))


def check_grid(
    spec: MapSpec | Path | str = "map",
    *,
    learning: Path | str | None = None,
    data: Path | str | None = None,
    to: Path | str = "reports/grid/applicability.nc",
) -> GridCheck:
    """Check a grid against what was learned, and write its area of applicability.

    Parameters
    ----------
    spec : MapSpec, path or str
        Names the grid.
    learning : path, optional
        Learning run; the one that the map file names by default.
    data : path, optional
        Data folder with the grid.
    to : path
        NetCDF file to write: dissimilarity of every cell to the places learned from.

    Returns
    -------
    GridCheck
        ``.variables`` and ``.areas`` are DataFrames; ``.path`` is the file.

    Raises
    ------
    DataError, RunError
        If the grid or the learning run cannot be used.
    """
    from bayes_rootc.mapping.check import check_cube
    from bayes_rootc.mapping.cube import locate_cube

    spec = _spec(spec)
    grid = locate_cube(spec.grid.file, _path(data))
    return check_cube(spec, grid, Path(learning or spec.learning), Path(to))


def plot_applicability(check: GridCheck) -> Figure:
    """Draw how unlike the places learned from each cell is, as :func:`check_grid` found it."""
    import xarray as xr

    from bayes_rootc.report.figures.maps import applicability

    with xr.open_dataset(check.path, engine="h5netcdf") as found:
        return applicability(found.load())


def _spec(spec: MapSpec | Path | str) -> MapSpec:
    return load_map(find_model(spec)) if isinstance(spec, Path | str) else spec


def _request(
    spec: MapSpec,
    folder: Path | str,
    run: Path | str | None,
    learning: Path | str | None,
    data: Path | str | None,
) -> Request:
    from bayes_rootc.mapping.prepare import Request

    named = Path(run or spec.run), Path(learning or spec.learning)
    return Request(Path(folder), *named, _path(data))


def _path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path)

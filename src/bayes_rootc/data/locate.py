"""Where the layers come from: --data, the environment, or the fetched folder, in this order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bayes_rootc.errors import DataError

ENVIRONMENT = "BAYES_ROOTC_DATA"
LAYER_TABLES = ("tables/radiocarbon_layers.csv", "raw/radiocarbon/Yujie_dataset.csv")
"""Tables of layers in a data folder; the first that exists is used."""

GRID = "grid/covariates_0p5deg.nc"


@dataclass(frozen=True)
class DataLocation:
    """A table of layers and how it was found.

    Attributes
    ----------
    layers : Path
        The table.
    folder : Path or None
        The data folder around it, which may hold atmosphere tables and the covariate grid.
    found_by : str
        For people: ``--data``, the environment variable, or the fetched data.
    source : str
        ``real`` for a data folder, ``file`` for a file of the user's own.
    """

    layers: Path
    folder: Path | None
    found_by: str
    source: str


def fetched_folder() -> Path:
    """Folder into which ``data fetch`` downloads (the user's cache folder)."""
    import pooch

    return Path(pooch.os_cache("bayes_rootc")) / "data"


def locate_data(explicit: Path | None = None) -> DataLocation | None:
    """Find a table of layers.

    Parameters
    ----------
    explicit : Path, optional
        What the user gave with ``--data``: a data folder or a table in any known format.

    Returns
    -------
    DataLocation or None
        None if nothing was given, set or fetched: then the simulated world is all there is.

    Raises
    ------
    DataError
        If ``explicit``, or the environment variable, points to nothing usable. It is not passed
        over in silence: the user would get other data than asked for.
    """
    if explicit is not None:
        return _at(Path(explicit).expanduser(), "--data")
    named = os.environ.get(ENVIRONMENT, "")
    if named:
        return _at(Path(named).expanduser(), f"environment variable {ENVIRONMENT}")
    folder = fetched_folder()
    table = _table_in(folder)
    return DataLocation(table, folder, "fetched data", "real") if table else None


def folder_around(path: Path) -> Path | None:
    """Find the data folder in which a table lies, known by its grid; None for a lone file."""
    for parent in path.absolute().parents[:3]:
        if (parent / GRID).is_file():
            return parent
    return None


def _at(path: Path, found_by: str) -> DataLocation:
    if path.is_file():
        return DataLocation(path, folder_around(path), found_by, "file")
    if not path.exists():
        raise DataError(
            f"{path} ({found_by}): no such file or folder; give a data folder or a table of layers"
        )
    table = _table_in(path)
    if table is None:
        wanted = " or ".join(LAYER_TABLES)
        raise DataError(f"{path} ({found_by}): holds no table of layers; it needs {wanted}")
    return DataLocation(table, path, found_by, "real")


def _table_in(folder: Path) -> Path | None:
    return next((folder / name for name in LAYER_TABLES if (folder / name).is_file()), None)

"""The known table formats: one record each; a file is recognised by its telling columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.data.csv_text import is_workbook, read_header
from bayes_rootc.errors import DataError

RAW_COLUMNS = (
    "row", "entry", "site", "profile", "lat", "lon", "biome", "top_cm", "bottom_cm",
    "sample_year", "delta14c", "delta14c_err", "mat", "map",
    "organic", "peat", "unpublished", "unmeasured", "duplicate",
)  # fmt: skip
"""Columns of the frame that every reader returns: one row per data row, nothing dropped.

Where a format has them, also ``pct_c`` (%), ``bulk_density`` (g cm-3), ``coarse`` (volume
fraction); ``pct_c_filled``, ``bulk_density_filled``, ``coarse_filled`` for values that compilers
filled in; and ``pct_c_zero`` for a zero that the reader has emptied.

``row`` counts data rows from 1; ``biome`` to ``map`` are floats, NaN where missing; the last five
are truth values. ``duplicate`` marks a copy of another row which is itself not marked.
"""


@dataclass(frozen=True)
class Reader:
    """A table format.

    Attributes
    ----------
    name : str
        Name in ``--format`` and in stored runs.
    text : str
        What it is, and the columns by which it is known.
    matches : callable
        Path → whether the file is in this format; looks at the start of the file only.
    read : callable
        Path and data folder (or None) → frame with :data:`RAW_COLUMNS`.
    notes : callable
        Path → what the user should know of how the file is read.
    """

    name: str
    text: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, Path | None], pd.DataFrame]
    notes: Callable[[Path], tuple[str, ...]] = lambda _: ()


def _lazy(target: str) -> Callable[..., Any]:
    module, function = target.split(":")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"bayes_rootc.data.{module}"), function)(*arguments)

    return call


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "tidy",
            "CSV, one row per layer: profile, lat, lon, top_cm, bottom_cm, sample_year, delta14c, "
            "biome; optional delta14c_err, mat, map and others",
            _lazy("tidy:matches"),
            _lazy("tidy:read"),
            _lazy("tidy:unused"),
        ),
        Reader(
            "he2016",
            "compilation of He et al. (2016), Yujie_dataset.csv: pc_dataset_name, ProfileID, "
            "Layer_top_norm, D14C_BulkLayer",
            _lazy("he2016:matches"),
            _lazy("he2016:read"),
        ),
        Reader(
            "israd_flat",
            "ISRaD flat layer table, CSV: entry_name, site_name, pro_name, lyr_name, lyr_14c",
            _lazy("israd:matches_flat"),
            _lazy("israd:read_flat"),
        ),
        Reader(
            "israd_list",
            "ISRaD workbook, .xlsx with the sheets metadata, site, profile, layer",
            _lazy("israd:matches_list"),
            _lazy("israd:read_list"),
        ),
    )
}


def reader_named(name: str) -> Reader:
    """Reader of a format given by name.

    Raises
    ------
    DataError
        If no format has this name.
    """
    if name not in READERS:
        raise DataError(f"format {name!r} is unknown; it must be one of {', '.join(READERS)}")
    return READERS[name]


def detect(path: Path) -> Reader:
    """Find the format of a file by its telling columns.

    Parameters
    ----------
    path : Path
        A table of layers.

    Raises
    ------
    DataError
        If the file is missing, empty, or in none of the known formats, which are then named.
    """
    check_file(path)
    for reader in READERS.values():
        if reader.matches(path):
            return reader
    known = "\n".join(f"  {reader.name}: {reader.text}" for reader in READERS.values())
    if is_workbook(path):
        found = 'it is an Excel workbook without the sheets of ISRaD; save a table as "CSV UTF-8"'
    else:
        found = f"its header begins with {', '.join(read_header(path)[:8]) or 'nothing readable'}"
    raise DataError(f"{path}: no known format; {found}. Known formats:\n{known}")


def check_file(path: Path) -> None:
    """Raise a DataError unless ``path`` is a file with content."""
    if not path.exists():
        raise DataError(f"{path}: no such file; give the path of a table of layers")
    if not path.is_file():
        raise DataError(f"{path}: not a file; give the path of a table of layers")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; it must have a header and one row per layer")

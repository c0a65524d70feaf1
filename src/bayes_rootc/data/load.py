"""One call from a place to the layers that enter a fit."""

from __future__ import annotations

from pathlib import Path

from bayes_rootc.data.layers import build_layers
from bayes_rootc.data.locate import ENVIRONMENT, DataLocation, locate_data
from bayes_rootc.data.readers import check_file, detect, reader_named
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import DataError
from bayes_rootc.spec.turnover import DataSection


def load_layers(data: Path | None, select: DataSection, format: str | None = None) -> TableData:
    """Locate, recognise, read, validate and select.

    Parameters
    ----------
    data : Path, optional
        A data folder or a table; without it the environment variable or the fetched data.
    select : DataSection
        Which layers enter.
    format : str, optional
        Name of a reader; by default the format is recognised by its columns.

    Returns
    -------
    TableData
        At least one layer.

    Raises
    ------
    DataError
        If there are no data, the table cannot be read or holds impossible values, or no layer
        is left.
    """
    location = locate_data(data)
    if location is None:
        raise DataError(
            f"no data: give --data FOLDER_OR_FILE, set {ENVIRONMENT}, or run `data fetch`"
        )
    return require_layers(read_layers(location, select, format))


def read_layers(
    location: DataLocation, select: DataSection, format: str | None = None
) -> TableData:
    """Read and select the layers of a table that was found; there may be none left.

    Errors as in :func:`load_layers`.
    """
    check_file(location.layers)
    reader = detect(location.layers) if format is None else reader_named(format)
    return build_layers(
        reader.read(location.layers, location.folder),
        source=location.source,
        origin=str(location.layers),
        format=reader.name,
        select=select,
        notes=reader.notes(location.layers),
    )


def require_layers(layers: TableData) -> TableData:
    """Refuse a table of which no layer is left; the counts by reason say why."""
    if layers.table.empty:
        reasons = ", ".join(f"{len(drop.rows)} {drop.text}" for drop in layers.drops)
        raise DataError(f"{layers.origin}: no layer is left of {layers.n_read}: {reasons}")
    return layers

"""Tables of a report as Parquet: the CSV's rows, with types, units and long names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_rootc.files import replacing
from bayes_rootc.report.columns import split_unit
from bayes_rootc.report.parts import Table

if TYPE_CHECKING:
    from arro3.core import DataType
    from arro3.core import Table as Arrow

_DIMENSIONLESS = "–"
_CONVERT: Mapping[str, type] = {
    "boolean": bool, "integer": int, "floating": float, "mixed-integer-float": float,
}  # fmt: skip
"""Kind of the values of a column → what they become; all others are text."""


def write_parquet(table: Table, path: Path) -> None:
    """Write all rows of a table, whole or not at all.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    from arro3.io import write_parquet as write

    with replacing(path) as beside:
        write(to_arrow(table), beside)


def to_arrow(table: Table) -> Arrow:
    """Return the rows as an Arrow table; what is missing, NaN included, is null.

    Parameters
    ----------
    table : Table

    Returns
    -------
    arro3.core.Table
        Columns are floats, integers, truths or strings. A column that people see has ``long_name``
        and, where its header names one, ``units`` as metadata; the table has title, caption and
        source.
    """
    from arro3.core import Array, Field, Schema
    from arro3.core import Table as Arrow

    arrays, fields = [], []
    for name, column in table.frame.items():
        kind, values = _typed(column)
        arrays.append(Array(values, kind))
        fields.append(Field(str(name), kind, metadata=metadata_of(table.titles.get(str(name), ""))))
    about = {"title": table.title, "caption": table.caption, "source": " ".join(table.source)}
    return Arrow.from_arrays(arrays, schema=Schema(fields, metadata=about))


def metadata_of(title: str) -> dict[str, str]:
    """Split the header of a column into its long name and its unit ("1": dimensionless).

    Examples
    --------
    >>> metadata_of("C_age, typical site (yr)")
    {'long_name': 'C_age, typical site', 'units': 'yr'}
    >>> metadata_of("rests on")
    {'long_name': 'rests on'}
    """
    name, units = split_unit(title)
    found = {"long_name": name, "units": "1" if units == _DIMENSIONLESS else units}
    return {key: text for key, text in found.items() if text}


def _typed(column: pd.Series) -> tuple[DataType, list[Any]]:
    """Arrow type of a column, and its values with None for what is missing."""
    from arro3.core import DataType

    types = {
        bool: DataType.bool(), int: DataType.int64(), float: DataType.float64(),
        str: DataType.string(),
    }  # fmt: skip
    convert = _CONVERT.get(pd.api.types.infer_dtype(column, skipna=True), str)
    pairs = zip(column.tolist(), column.isna(), strict=True)
    return types[convert], [None if gap else convert(value) for value, gap in pairs]

"""Tables of observations at sites, each format a record: columns, impossible values, exclusions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.data.csv_text import TextTable, read_table
from bayes_rootc.data.numbers import Cells, text
from bayes_rootc.data.readers import check_file
from bayes_rootc.data.table_data import Drop, TableData, table_hash
from bayes_rootc.data.tidy import biome_number
from bayes_rootc.errors import DataError

CM_PER_M = 100.0
SHOWN = 10
"""Impossible values that one message names."""


@dataclass(frozen=True)
class Column:
    """A column: our name, its names in a header (any case), and how its cells are read.

    ``metres``: under a name that ends in ``_m`` the cells are metres and turned into cm.
    ``is_flag``: cells are 1/0 or yes/no, and an empty one is no.
    """

    name: str
    known: tuple[str, ...]
    required: bool = False
    is_text: bool = False
    metres: bool = False
    is_flag: bool = False


@dataclass(frozen=True)
class Impossible:
    """Rows in which a column is impossible (NaN never is), and what would be right."""

    column: str
    bad: Callable[[pd.DataFrame], pd.Series]
    right: str
    beside: str | None = None


@dataclass(frozen=True)
class Exclusion:
    """Why a row may be left out: key, text, and which rows of the raw frame it concerns."""

    key: str
    text: str
    applies: Callable[[pd.DataFrame, Any], pd.Series]


@dataclass(frozen=True)
class SiteFormat:
    """A format: what its rows are, its columns, rules and exclusions."""

    what: str
    columns: tuple[Column, ...]
    impossible: tuple[Impossible, ...]
    exclusions: tuple[Exclusion, ...]


PLACES = (
    Impossible("lat", lambda raw: raw["lat"].abs() > 90, "a latitude lies between -90 and 90"),
    Impossible(
        "lon",
        lambda raw: (raw["lon"] < -180) | (raw["lon"] > 360),
        "a longitude lies between -180 and 360",
    ),
    Impossible(
        "lat",
        lambda raw: raw["lat"].notna() & raw["lon"].isna(),
        "a place needs its longitude too, or neither",
    ),
    Impossible(
        "lon",
        lambda raw: raw["lon"].notna() & raw["lat"].isna(),
        "a place needs its latitude too, or neither",
    ),
)
"""Holds for every format."""


def missing(*columns: str) -> Callable[[pd.DataFrame, Any], pd.Series]:
    """Rows in which one of the columns is empty."""
    return lambda raw, _: raw[list(columns)].isna().any(axis="columns")


def place_id(lat: float, lon: float) -> str:
    """Name of a place: its coordinates to 0.01 degree.

    Examples
    --------
    >>> place_id(45.123, -71.3)
    '45.12 -71.30'
    """
    # Adding 0 turns -0.0 into 0.0; the date line has one name.
    east = round(lon, 2) if round(lon, 2) > -180.0 else 180.0
    return f"{round(lat, 2) + 0.0:.2f} {east + 0.0:.2f}"


def read_sites(
    path: Path,
    format: SiteFormat,
    select: Any,
    source: str,
    finish: Callable[[pd.DataFrame], pd.DataFrame],
) -> TableData:
    """Read, check and select the rows of a table of sites.

    Parameters
    ----------
    path : Path
    format : SiteFormat
    select : Section
        Options that the exclusions read.
    source : str
        ``real``, ``file`` or ``simulated``.
    finish : callable
        Kept raw rows (with ``row`` and ``place``) → the table.

    Raises
    ------
    DataError
        If the file or a needed column is missing, a cell is no number, or a value is impossible.
    """
    check_file(path)
    raw = _raw(path, format)
    _refuse_impossible(path, raw, format)
    raw["lon"] = raw["lon"].where(raw["lon"] <= 180.0, raw["lon"] - 360.0)
    left = pd.Series(True, raw.index)
    drops = []
    for exclusion in format.exclusions:
        rest = raw[left]
        concerned = exclusion.applies(rest, select).astype(bool)
        concerned = concerned.reindex(raw.index, fill_value=False)
        if concerned.any():
            rows = tuple(int(row) for row in raw.loc[concerned, "row"])
            drops.append(Drop(exclusion.key, exclusion.text, rows))
        left &= ~concerned
    kept = raw[left].reset_index(drop=True)
    if kept.empty:
        reasons = ", ".join(f"{len(drop.rows)} {drop.text}" for drop in drops)
        raise DataError(f"{path}: none of {len(raw)} {format.what} is left: {reasons}")
    kept["place"] = [place_id(lat, lon) for lat, lon in zip(kept["lat"], kept["lon"], strict=True)]
    kept["biome"] = kept["biome"].astype("int64")
    table = finish(kept)
    return TableData(
        table=table,
        source=source,
        origin=str(path),
        format=format.what,
        n_read=len(raw),
        drops=tuple(drops),
        implausible=table.iloc[:0],
        data_hash=table_hash(table),
    )


def _raw(path: Path, format: SiteFormat) -> pd.DataFrame:
    table = read_table(path)
    cells = Cells(str(path))
    raw = pd.DataFrame({"row": np.arange(1, len(table.rows) + 1)})
    for column in format.columns:
        written = _written(path, table, column)
        content = [""] * len(raw) if written is None else table.column(written)
        if column.is_text:
            raw[column.name] = [text(cell) for cell in content]
        elif column.is_flag:
            raw[column.name] = cells.flags(written or column.name, content)
        elif column.name == "biome":
            raw[column.name] = [_biome(cells, row, cell) for row, cell in enumerate(content, 1)]
        else:
            values = cells.numbers(written or column.name, content)
            in_metres = column.metres and (written or "").lower().endswith("_m")
            raw[column.name] = values * (CM_PER_M if in_metres else 1.0)
    cells.finish()
    return raw


def _written(path: Path, table: TextTable, column: Column) -> str | None:
    found = [name for name in table.header if name.lower() in column.known]
    if len(found) > 1:
        raise DataError(f"{path}: columns {' and '.join(found)} mean the same; keep one of them")
    if not found and column.required:
        raise DataError(
            f"{path}: missing column: {' or '.join(column.known)}. The header has "
            f"{', '.join(table.header)}"
        )
    return found[0] if found else None


def _biome(cells: Cells, row: int, cell: str) -> float:
    if not text(cell):
        return math.nan
    number = biome_number(cell)
    if math.isnan(number):
        cells.refuse(row, "biome", cell, "is not a biome; write a number from 1 to 9 or its key")
    return number


def _refuse_impossible(path: Path, raw: pd.DataFrame, format: SiteFormat) -> None:
    lines = []
    for rule in (*PLACES, *format.impossible):
        for index in raw.index[rule.bad(raw)]:
            row = raw.loc[index]
            shown = f"{row[rule.column]:g}"
            if rule.beside:
                shown += f" with {rule.beside} {row[rule.beside]:g}"
            lines.append(
                (int(row["row"]), f"row {int(row['row'])}, column {rule.column}: {shown} is "
                 f"impossible; {rule.right}")
            )  # fmt: skip
    if lines:
        told = [line for _, line in sorted(lines)]
        more = [f"and {len(told) - SHOWN} more such values"] if len(told) > SHOWN else []
        raise DataError("\n".join(f"{path}: {line}" for line in [*told[:SHOWN], *more]))

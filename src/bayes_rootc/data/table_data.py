"""A table as it enters a fit: kept rows, counts of the others by reason, and a hash."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayes_rootc.files import sha256_of_text


@dataclass(frozen=True)
class Drop:
    """Rows left out for one reason.

    Attributes
    ----------
    reason : str
        Key, such as ``peatland``.
    text : str
        The reason for people.
    rows : tuple of int
        Data row numbers in the file.
    """

    reason: str
    text: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class TableData:
    """The rows of a table that enter a fit, and what became of the rest of the file.

    Attributes
    ----------
    table : DataFrame
        Kept rows in file order; layers have the columns
        :data:`bayes_rootc.data.layers.TABLE_COLUMNS`, ``biome`` one per profile.
    source : str
        ``real``, ``simulated`` or ``file``.
    origin : str
        Path, or a description of the simulated world.
    format : str
        Name of the reader.
    n_read : int
        Rows in the file: the kept and the dropped.
    drops : tuple of Drop
        By reason; a row is counted under the first that applies.
    implausible : DataFrame
        Kept rows worth a look; for layers row, profile, delta14c, sample_year, why.
    data_hash : str
        sha256 of the table's content.
    truth : dict or None
        Parameters of the simulated world.
    notes : tuple of str
        What was changed in the table, and what else its user should know.
    """

    table: pd.DataFrame
    source: str
    origin: str
    format: str
    n_read: int
    drops: tuple[Drop, ...]
    implausible: pd.DataFrame
    data_hash: str
    truth: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def table_hash(table: pd.DataFrame) -> str:
    """Return the sha256 of a table's content in its order: column names and values, no types."""
    content = {
        name: [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in column]
        for name, column in ((str(name), table[name].tolist()) for name in table.columns)
    }
    return sha256_of_text(json.dumps(content, ensure_ascii=False))

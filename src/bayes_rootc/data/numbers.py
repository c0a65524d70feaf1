"""Cells to numbers and flags; every cell that is neither is named with row and column."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import DataError
from bayes_rootc.units import Floats

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""What an empty cell may look like, in lower case."""

SHOWN = 10
"""How many bad cells one message names."""

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
FLAGS = {
    "0": False, "0.0": False, "false": False, "no": False, "n": False,
    "1": True, "1.0": True, "true": True, "yes": True, "y": True,
}  # fmt: skip


@dataclass
class Cells:
    """Turns columns of cells into arrays and remembers every cell that it could not turn.

    Attributes
    ----------
    where : str
        The file, for the message.
    """

    where: str
    bad: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, row: int, column: str, value: object, right: str) -> None:
        """Remember a bad cell: its data row, its column, its value and what would be right."""
        self.bad.append((row, f"row {row}, column {column}: {_shown(value)} {right}"))

    def numbers(
        self, column: str, cells: Iterable[object], rows: Iterable[int] | None = None
    ) -> Floats:
        """Numbers of a column (text, numbers or None), NaN where a cell is empty."""
        pairs = zip(count(1) if rows is None else rows, cells, strict=False)
        return np.array([self._number(row, column, cell) for row, cell in pairs], dtype=float)

    def flags(self, column: str, cells: Iterable[object]) -> NDArray[np.bool_]:
        """Truth values of a column of 0/1, yes/no or true/false; an empty cell is no."""
        return np.array([self._flag(row, column, cell) for row, cell in enumerate(cells, 1)], bool)

    def finish(self) -> None:
        """Raise a DataError that names the bad cells, the first ten of them, if there are any."""
        lines = [f"{self.where}: {text}" for _, text in sorted(self.bad)]
        if len(lines) > SHOWN:
            lines[SHOWN:] = [f"{self.where}: and {len(lines) - SHOWN} more such cells"]
        if lines:
            raise DataError("\n".join(lines))

    def _number(self, row: int, column: str, cell: object) -> float:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return math.nan
        if isinstance(cell, int | float | np.integer | np.floating) and not isinstance(cell, bool):
            text = repr(float(cell))
        else:
            # Spreadsheets and word processors write U+2212 for a minus.
            text = str(cell).strip().replace("\N{MINUS SIGN}", "-")
        if text.lower() in MISSING:
            return math.nan
        if NUMBER.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if DECIMAL_COMMA.fullmatch(text):
            point = text.replace(",", ".")
            self.refuse(row, column, cell, f"has a decimal comma; write it with a point: {point}")
        else:
            right = "is not a number; write a number such as -120.5, or leave the cell empty"
            self.refuse(row, column, cell, right)
        return math.nan

    def _flag(self, row: int, column: str, cell: object) -> bool:
        text = "" if cell is None else str(cell).strip().lower()
        if text in MISSING:
            return False
        if text not in FLAGS:
            self.refuse(row, column, cell, "is neither yes nor no; write 1 or 0")
        return FLAGS.get(text, False)


def to_number(
    cells: Iterable[object],
    *,
    path: Path | str,
    column: str,
    rows: Iterable[int] | None = None,
) -> Floats:
    """Numbers of one column; NaN where a cell is empty (or NA, N/A, NaN, null, none).

    Parameters
    ----------
    cells : iterable, length N
        Text, numbers or None, in file order.
    path, column : str
        Names of the file and of the column, for the message.
    rows : iterable of int, length N, optional
        Data row numbers, for the message; 1 to N if not given.

    Returns
    -------
    ndarray, shape (N,)
        The numbers.

    Raises
    ------
    DataError
        If a cell is text, infinite, or has a decimal comma; the first ten are named.
    """
    turned = Cells(str(path))
    values = turned.numbers(column, cells, rows)
    turned.finish()
    return values


def text(cell: object) -> str:
    """Return the cell as stripped text, empty where it is missing."""
    shown = "" if cell is None else str(cell).strip()
    return "" if shown.lower() in MISSING else shown


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."

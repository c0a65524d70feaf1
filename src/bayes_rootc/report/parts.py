"""The parts of a report, and the record that says what the report of a kind of run holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_rootc.report import numbers
from bayes_rootc.report.columns import Column, TableRecord, WithTitle
from bayes_rootc.report.figures.record import FigureRecord
from bayes_rootc.report.figures.style import to_png, to_svg
from bayes_rootc.report.sources import Source, found_in
from bayes_rootc.report.stored import has

Diagnostics = Mapping[str, Any]
Pairs = tuple[tuple[str, str], ...]

WARNING = "⚠"
"""Sign before the word of a banner."""


@dataclass(frozen=True)
class Banner:
    """A warning that a reader must see first: a word, and the sentence that explains it."""

    word: str
    sentence: str


@dataclass(frozen=True)
class Table:
    """One table: all rows for the files, and the cells shown to people.

    Attributes
    ----------
    name, title, caption : str
    frame : DataFrame
    header, cells : tuple
    source : tuple of str
        What it is computed from, see :mod:`bayes_rootc.report.sources`.
    titles : mapping
        Columns of the frame that people see → what each is, with the unit.
    hidden : int
        Rows of the frame that are not in the cells.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    source: Source = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    hidden: int = 0

    @property
    def note(self) -> str:
        """Say so where the page shows fewer rows than the CSV holds."""
        if not self.hidden:
            return ""
        n = len(self.frame)
        return f"{n - self.hidden:,} of {n:,} rows; all in tables/{self.name}.csv."


@dataclass(frozen=True)
class Picture:
    """One rendered figure and the numbers behind it; maps, being pictures of cells, have no SVG."""

    name: str
    title: str
    caption: str
    png: bytes = field(repr=False)
    frame: pd.DataFrame = field(repr=False)
    svg: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Report:
    """Everything a reader sees, in order."""

    title: str
    lead: str
    banners: tuple[Banner, ...]
    verdict: str
    passed: bool
    facts: tuple[tuple[str, str], ...]
    key_table: Table
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]
    certificate: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Kind:
    """What the report of one kind of run says.

    Attributes
    ----------
    title : str
        Heading; the origin of the data follows.
    lead : callable
        What was fitted to what, in a few sentences.
    facts : callable
        Numbers of the first screen.
    key_table : callable
        The answer that people come for.
    tables : mapping
    figures : mapping
    prepare : callable
        Adds to the run what several tables and figures need, computed once.
    certificate : mapping
        Attributes of the run that the birth certificate adds → how they are called.
    """

    title: str
    lead: Callable[[xr.DataTree], str]
    facts: Callable[[xr.DataTree, Diagnostics], Pairs]
    key_table: Callable[[xr.DataTree], Table]
    tables: Mapping[str, TableRecord]
    figures: Mapping[str, FigureRecord]
    prepare: Callable[[xr.DataTree], xr.DataTree]
    certificate: Mapping[str, str]


def make_table(
    name: str, record: TableRecord, run: xr.DataTree, diagnostics: Diagnostics
) -> Table | None:
    """Make a table of a run; None where it does not apply, or is empty and would say nothing.

    Raises
    ------
    RunError
        If the run lacks a group or variable.
    """
    if not has(run, *record.needs):
        return None
    frame = record.make(run, diagnostics)
    if frame.empty and record.hide_if_empty:
        return None
    known = record.columns or tuple(Column(n, n, numbers.anything) for n in map(str, frame))
    shown = frame if record.limit is None else frame.head(record.limit)
    words, source = (record.title, record.caption), found_in(run, record.source)
    return table_of(name, words, frame, known, source, shown=shown)


def table_of(
    name: str,
    words: tuple[str, str],
    frame: pd.DataFrame,
    columns: Iterable[WithTitle],
    source: Source,
    *,
    shown: pd.DataFrame | None = None,
) -> Table:
    """Lay out a table by its columns.

    Parameters
    ----------
    name : str
    words : tuple of str
        Title and caption.
    frame : DataFrame
    columns : iterable
        What people see; those that the frame does not have are left out.
    source : tuple of str
        As of :class:`Table`.
    shown : DataFrame, optional
        Rows that people see, some of the frame's; by default all.
    """  # fmt: skip
    present = [column for column in columns if column.applies(frame)]
    rows = frame if shown is None else shown
    cells = tuple(
        tuple(column.cell(row) for column in present) for row in rows.to_dict(orient="records")
    )
    header = tuple(column.title for column in present)
    titles = {key: title for column in present for key, title in column.titles().items()}
    return Table(name, *words, frame, header, cells, source, titles, len(frame) - len(rows))


def make_picture(name: str, record: FigureRecord, run: xr.DataTree) -> Picture | None:
    """Draw a figure of a run; None where it does not apply.

    Raises
    ------
    RunError
        If the run lacks a group or variable.
    """
    if not has(run, *record.needs):
        return None
    return drawn(name, (record.title, record.caption), record.draw(run), record.data(run))


def drawn(name: str, words: tuple[str, str], figure: Figure, frame: pd.DataFrame) -> Picture:
    """Render a figure; words are its title and caption."""
    return Picture(name, *words, to_png(figure), frame, to_svg(figure))

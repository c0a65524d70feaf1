"""Tables and figures of what is stored (runs, learning runs, maps, comparisons), by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bayes_rootc.data.prior_means import CERTIFICATE as LEARNING_CERTIFICATE
from bayes_rootc.errors import RunError
from bayes_rootc.inference.learned_folder import open_learned
from bayes_rootc.inference.opened import load_stored
from bayes_rootc.inference.structures_folder import CERTIFICATE as STRUCTURES_CERTIFICATE
from bayes_rootc.inference.structures_folder import open_compared
from bayes_rootc.mapping.block import CERTIFICATE as MAP_CERTIFICATE
from bayes_rootc.mapping.block import store_path
from bayes_rootc.mapping.store import open_store
from bayes_rootc.report.figures.maps import thin
from bayes_rootc.report.kinds import kind_of
from bayes_rootc.report.learning_report import FIGURES, learning_report, learning_tables
from bayes_rootc.report.map_figures import map_figures
from bayes_rootc.report.map_report import map_tables, read_finished, write_map_report
from bayes_rootc.report.parts import Table, make_table
from bayes_rootc.report.sensitivity import with_sensitivity
from bayes_rootc.report.stored import has
from bayes_rootc.report.structures_report import (
    consequences,
    structures_figures,
    structures_report,
)
from bayes_rootc.report.structures_tables import structures_tables
from bayes_rootc.report.write import write_pages, write_report


@dataclass(frozen=True)
class Part[Made]:
    """A table or figure that can be made: its title, its caption, and how."""

    title: str
    caption: str
    make: Callable[[], Made]


@dataclass(frozen=True)
class Results:
    """What is stored in a folder, read once, with the tables and figures of its report.

    Attributes
    ----------
    folder : Path
    stored : DataTree, Learned, or dict
        A run (with its losses, where it has all blocks), a learning run, or maps: engine → Dataset
        on dask arrays.
    info : mapping
        Of a run the outcome of the gate (``passed``, ``verdict``, ...), of others the birth
        certificate.
    """

    folder: Path
    stored: Any = field(repr=False)
    info: Mapping[str, Any] = field(repr=False)
    _tables: Mapping[str, Part[Table | None]] = field(repr=False)
    _figures: Mapping[str, Part[Figure]] = field(repr=False)

    def contents(self) -> pd.DataFrame:
        """List what there is: kind (table, figure), name, title, caption."""
        kinds: dict[str, Mapping[str, Part[Any]]]
        kinds = {"table": self._tables, "figure": self._figures}
        rows = [
            (kind, name, part.title, part.caption)
            for kind, parts in kinds.items()
            for name, part in parts.items()
        ]
        return pd.DataFrame(rows, columns=["kind", "name", "title", "caption"])

    def table(self, name: str, *, text: bool = False) -> pd.DataFrame:
        """Make a table of the report.

        Parameters
        ----------
        name : str
            As in :meth:`contents`.
        text : bool
            Columns, rows and digits as people see them in the report, not the numbers.

        Raises
        ------
        RunError
            If there is no such table, or nothing to be said in it.
        """
        made = _named(self._tables, name, "table", self.folder).make()
        if made is None:
            raise RunError(f"{self.folder}: the table {name} has no row here")
        return pd.DataFrame(made.cells, columns=list(made.header)) if text else made.frame

    def figure(self, name: str) -> Figure:
        """Draw a figure of the report; notebooks show it, ``figure.savefig(FILE)`` writes it.

        Raises
        ------
        RunError
            If there is no such figure.
        """
        return _named(self._figures, name, "figure", self.folder).make()


RUN, LEARNING, MAPS, STRUCTURES = "run", "learning run", "maps", "structures"


def what_is_in(folder: Path) -> str:
    """Which of these kinds a folder holds; what is none of them counts as a run."""
    known = {
        LEARNING: LEARNING_CERTIFICATE, MAPS: MAP_CERTIFICATE, STRUCTURES: STRUCTURES_CERTIFICATE,
    }  # fmt: skip
    return next((kind for kind, name in known.items() if (folder / name).is_file()), RUN)


def open_results(folder: Path) -> Results:
    """Open a stored run, learning run, map or comparison; nothing is fitted, learned or mapped.

    Raises
    ------
    RunError
        If the folder holds none of them, or cannot be read.
    """
    openers = {
        RUN: _of_run, LEARNING: _of_learning, MAPS: _of_maps, STRUCTURES: _of_structures,
    }  # fmt: skip
    return openers[what_is_in(folder)](folder)


def write_results(folder: Path, target: Path) -> Path:
    """Write the report of what is stored; returns the HTML file.

    Raises
    ------
    RunError
        As :func:`open_results`.
    WriteError
        If a file cannot be written.
    """
    held = what_is_in(folder)
    if held == LEARNING:
        learned = open_learned(folder)
        return write_pages(learning_report(learned.tables, learned.info), target)
    if held == MAPS:
        return write_map_report(folder, target)
    if held == STRUCTURES:
        return write_pages(structures_report(open_compared(folder)), target)
    run, diagnostics = load_stored(folder)
    return write_report(with_sensitivity(run, folder), diagnostics, target)


def _of_run(folder: Path) -> Results:
    run, diagnostics = load_stored(folder)
    kind = kind_of(run)
    run = kind.prepare(with_sensitivity(run, folder))
    key = kind.key_table(run)
    tables: dict[str, Part[Table | None]] = _as_parts([key])
    tables |= {
        name: Part(
            record.title, record.caption, partial(make_table, name, record, run, diagnostics)
        )
        for name, record in kind.tables.items()
        if has(run, *record.needs)
    }
    figures = {
        name: Part(record.title, record.caption, partial(record.draw, run))
        for name, record in kind.figures.items()
        if has(run, *record.needs)
    }
    return Results(folder, run, diagnostics, tables, figures)


def _of_learning(folder: Path) -> Results:
    learned = open_learned(folder)
    figures = {
        name: Part(record.title, record.caption, partial(record.draw, learned.tables))
        for name, record in FIGURES.items()
        if record.table in learned.tables
    }
    tables = _as_parts(learning_tables(learned.tables))
    return Results(folder, learned, learned.info, tables, figures)


def _of_maps(folder: Path) -> Results:
    found = read_finished(folder)
    engines = found.info["spec"]["engines"]
    maps = {engine: open_store(store_path(folder, engine)) for engine in engines}
    figures = {
        record.name: Part(record.title, record.caption, record.draw)
        for engine in engines
        for record in map_figures(maps[engine], engine)
    }
    tables = _as_parts(
        map_tables(found.info, found.totals, {n: thin(one) for n, one in maps.items()})
    )
    return Results(folder, maps, found.info, tables, figures)


def _of_structures(folder: Path) -> Results:
    compared = open_compared(folder)
    found = consequences(compared)
    figures = {
        one.name: Part(one.title, one.caption, partial(one.draw, one.frame))
        for one in structures_figures(compared, found)
    }
    tables = _as_parts(structures_tables(compared, found))
    return Results(folder, compared, compared.info, tables, figures)


def _as_parts(tables: Iterable[Table]) -> dict[str, Part[Table | None]]:
    return {table.name: Part(table.title, table.caption, partial(_same, table)) for table in tables}


def _same(table: Table) -> Table:
    return table


def _named[Made](parts: Mapping[str, Part[Made]], name: str, kind: str, folder: Path) -> Part[Made]:
    if name not in parts:
        close = difflib.get_close_matches(name, parts, n=1, cutoff=0.5)
        right = f"did you mean {close[0]}?" if close else f"right: {', '.join(parts)}"
        raise RunError(f"{folder}: has no {kind} {name!r}; {right}")
    return parts[name]

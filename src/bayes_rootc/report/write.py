"""Write a report (HTML, Markdown, figures, tables) or losses; each file whole or not at all.

Tables are written as CSV and as Parquet, figures as PNG and SVG with their numbers as CSV.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayes_rootc.errors import WriteError
from bayes_rootc.files import replacing, write_text
from bayes_rootc.report.content import build_report
from bayes_rootc.report.figures.flow_catalogue import LOSS_FIGURES
from bayes_rootc.report.flow_report import answer_key_table
from bayes_rootc.report.html import render_html
from bayes_rootc.report.loss_columns import LOSS_TABLES
from bayes_rootc.report.losses import with_losses
from bayes_rootc.report.markdown import render_markdown
from bayes_rootc.report.parquet import write_parquet
from bayes_rootc.report.parts import Picture, Report, Table, make_picture, make_table

MAX_HTML_BYTES = 8_000_000


def write_report(run: xr.DataTree, diagnostics: Mapping[str, Any], folder: Path | str) -> Path:
    """Write ``report.html``, ``report.md``, ``figures/`` and ``tables/`` of a stored run.

    Everything is made in memory first, so that a run that cannot be reported leaves an older
    report as it was. Other files in the folder are not touched.

    Parameters
    ----------
    run : DataTree
        The stored run; nothing is fitted.
    diagnostics : mapping
        The gate's verdict (``diagnostics.json``).
    folder : path
        Where to write; made if it does not exist.

    Returns
    -------
    Path
        The HTML file: self-contained, below 8 MB.

    Raises
    ------
    RunError
        If the run lacks a group or variable.
    WriteError
        If a file cannot be written, or the HTML would be too big to send.
    """
    return write_pages(build_report(run, diagnostics), folder)


def write_pages(report: Report, folder: Path | str) -> Path:
    """Write a report that is laid out; errors as in :func:`write_report`."""
    folder = checked_folder(folder)
    page = render_html(report)
    if len(page.encode()) > MAX_HTML_BYTES:
        raise WriteError(
            f"{folder}: the HTML has {len(page.encode()):,} bytes; at most {MAX_HTML_BYTES:,}"
        )
    _write_parts(folder, (report.key_table, *report.tables), report.pictures)
    write_text(folder / "report.md", render_markdown(report))
    write_text(folder / "report.html", page)
    return folder / "report.html"


def write_losses(run: xr.DataTree, folder: Path | str, seed: int | None = None) -> Path:
    """Write the tables and figures of losses: ``tables/`` and ``figures/``, as a report has them.

    As with a report, everything is made first and then written file by file.

    Parameters
    ----------
    run : DataTree
        Stored run of the joint model.
    folder : path
    seed : int, optional
        Of the residuals of sites where something was not measured; the run's own by default.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RunError
        If the run lacks a block or a variable.
    WriteError
        If a file cannot be written.
    """
    folder = checked_folder(folder)
    run = with_losses(run, seed)
    made = [make_table(name, record, run, {}) for name, record in LOSS_TABLES.items()]
    tables = [answer_key_table(run), *(table for table in made if table is not None)]
    pictures = [make_picture(name, record, run) for name, record in LOSS_FIGURES.items()]
    _write_parts(folder, tables, [picture for picture in pictures if picture is not None])
    return folder


def checked_folder(folder: Path | str) -> Path:
    """Return the folder to write to; a place that is a file is a :class:`WriteError`."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise WriteError(f"{folder}: is a file; the report needs a folder")
    return folder


def _write_parts(folder: Path, tables: Iterable[Table], pictures: Iterable[Picture]) -> None:
    for picture in pictures:
        with replacing(folder / "figures" / f"{picture.name}.png") as beside:
            beside.write_bytes(picture.png)
        if picture.svg is not None:
            with replacing(folder / "figures" / f"{picture.name}.svg") as beside:
                beside.write_bytes(picture.svg)
        _write_csv(picture.frame, folder / "figures" / f"{picture.name}.csv")
    for table in tables:
        _write_csv(table.frame, folder / "tables" / f"{table.name}.csv")
        write_parquet(table, folder / "tables" / f"{table.name}.parquet")


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))

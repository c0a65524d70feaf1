"""Write a report: HTML, Markdown, figures and tables, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayes_rootc.errors import WriteError
from bayes_rootc.files import replacing, write_text
from bayes_rootc.report.content import build_report
from bayes_rootc.report.html import render_html
from bayes_rootc.report.markdown import render_markdown

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
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise WriteError(f"{folder}: is a file; the report needs a folder")
    report = build_report(run, diagnostics)
    page = render_html(report)
    if len(page.encode()) > MAX_HTML_BYTES:
        raise WriteError(
            f"{folder}: the HTML has {len(page.encode()):,} bytes; at most {MAX_HTML_BYTES:,}"
        )
    for picture in report.pictures:
        with replacing(folder / "figures" / f"{picture.name}.png") as beside:
            beside.write_bytes(picture.png)
        _write_csv(picture.frame, folder / "figures" / f"{picture.name}.csv")
    for table in (report.key_table, *report.tables):
        _write_csv(table.frame, folder / "tables" / f"{table.name}.csv")
    write_text(folder / "report.md", render_markdown(report))
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))

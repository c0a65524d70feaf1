"""A report as Markdown, with its figures beside it."""

from __future__ import annotations

import re
from html import escape

from bayes_rootc.report.parts import WARNING, Picture, Report, Table
from bayes_rootc.report.sources import in_words

_SPECIAL = re.compile(r"([\\`*_\[\]|#~$])")


def plain(text: str) -> str:
    r"""Escape text so that Markdown and its HTML show it as it is, on one line.

    Examples
    --------
    >>> plain("a|b <c>")
    'a\\|b &lt;c&gt;'
    """
    return _SPECIAL.sub(r"\\\1", escape(" ".join(text.split()), quote=False))


def render_markdown(report: Report) -> str:
    """Return the report as Markdown; figures are ``figures/NAME.png``."""
    parts = [f"# {plain(report.title)}"]
    parts += [f"> **{WARNING} {plain(b.word)}**: {plain(b.sentence)}" for b in report.banners]
    parts += [plain(report.lead), f"**{plain(report.verdict)}**"]
    parts.append("\n".join(f"- {plain(name)}: {plain(value)}" for name, value in report.facts))
    if report.notes:
        parts.append("\n".join(f"- {plain(note)}" for note in report.notes))
    parts.append(_table(report.key_table))
    parts += [_figure(picture) for picture in report.pictures[:1]]
    parts += [_table(table) for table in report.tables[:1]]
    parts += [_figure(picture) for picture in report.pictures[1:]]
    parts += [_table(table) for table in report.tables[1:]]
    parts.append("## Birth certificate")
    parts.append(_grid(("what", "value"), report.certificate))
    return "\n\n".join(parts) + "\n"


def _grid(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = [header, ("---",) * len(header)]
    text = [f"| {' | '.join(plain(cell) for cell in line)} |" for line in (lines[0], *rows)]
    text.insert(1, f"| {' | '.join(lines[1])} |")
    return "\n".join(text)


def _table(table: Table) -> str:
    rows = table.cells or (("none", *[""] * (len(table.header) - 1)),)
    parts = [f"## {plain(table.title)}", plain(table.caption), _grid(table.header, rows)]
    parts += [plain(text) for text in (table.note, in_words(table.source)) if text]
    return "\n\n".join(parts)


def _figure(picture: Picture) -> str:
    image = f"![{plain(picture.title)}](figures/{picture.name}.png)"
    return "\n\n".join([f"## {plain(picture.title)}", image, plain(picture.caption)])

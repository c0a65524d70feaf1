"""Tables as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bayes_rootc.report.parts import Table


def aligned(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write rows under a header, every column as wide as its widest cell.

    Examples
    --------
    >>> print(aligned(("biome", "k"), [("tundra", 0.5)]))
    biome   k
    tundra  0.5
    """
    lines = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def render_text(table: Table) -> str:
    """Write the cells of a table of a report under its title."""
    return f"{table.title}\n{aligned(table.header, table.cells)}"

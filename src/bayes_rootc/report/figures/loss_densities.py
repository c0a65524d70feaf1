"""How I_root, I_bulk and I_loss are distributed over sites, by estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_rootc.loss.estimates import ESTIMATES, MEAN_OF_ALL, PROFILE_LABEL
from bayes_rootc.report import numbers
from bayes_rootc.report.figures.flow_depth import FLOW_NAMES
from bayes_rootc.report.figures.style import INK, legend_below, line_of, new_figure, styled
from bayes_rootc.report.losses import DENSITIES, kept, losses
from bayes_rootc.report.study import published

MEAN = "mean over sites"
ON_LINE: dict[str, Any] = {
    "ha": "center", "va": "center", "fontsize": 7.5, "fontweight": "bold", "zorder": 5,
    "bbox": {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none"},
}  # fmt: skip
FAR_ENOUGH = 0.015
"""Share of the highest density by which a line must leave the others to get its number."""


def data(run: xr.DataTree) -> pd.DataFrame:
    """Densities: estimate, quantity, value (Mg C ha-1 yr-1), density, share_shown."""
    return kept(run, DENSITIES)


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw one panel per flow with a line per estimate, and a table of means over sites."""
    table, means = data(run), _means(losses(run))
    figure = new_figure(10.5, 4.6)
    axes = figure.subplots(1, 3)
    for ax, (name, label) in zip(axes, FLOW_NAMES.items(), strict=True):
        _panel(ax, table[table["quantity"] == name], means[name], name, label)
    axes[0].set_ylabel("density over sites and draws (per Mg C ha⁻¹ yr⁻¹)")
    handles: list[Artist] = [
        Line2D([], [], **line_of(n), label=f"{e.number}: {e.sites}, {e.i_root}")
        for n, e in enumerate(ESTIMATES)
    ]
    handles.append(Line2D([], [], color=INK, lw=1.0, ls=":", label="mean of the study"))
    legend_below(figure, handles, columns=3)
    figure.suptitle("Root carbon over 0-200 cm at single sites, by estimate", color=INK)
    return figure


def _means(table: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    whole = (table["biome"] == "all") & (table["layer_cm"] == PROFILE_LABEL)
    rows = table[whole & (table["statistic"] == MEAN)].to_dict(orient="records")
    return {
        name: [
            (
                "mean" if row["estimate"] == MEAN_OF_ALL else str(row["estimate"]),
                numbers.with_interval(*(row[name + end] for end in ("_q50", "_q025", "_q975"))),
            )
            for row in rows
        ]
        for name in FLOW_NAMES
    }


def _number_lines(ax: Axes, table: pd.DataFrame) -> None:
    """Write the number of each estimate on its line, where that is apart from the others."""
    lines = table.pivot_table("density", "estimate", "value", sort=False)
    density, value = lines.to_numpy(), lines.columns.to_numpy(float)
    gaps = np.abs(density[:, None] - density)
    gaps[np.diag_indices(len(density))] = np.inf
    gap = gaps.min(axis=1)
    # Right of the peak each number has a stretch of its own, so that none covers another.
    peak = min(int(density.mean(axis=0).argmax()), value.size // 2)
    ends = np.linspace(peak + 1, 0.9 * value.size, len(density) + 1)
    for n, number in enumerate(lines.index):
        first, last = int(ends[n]), int(ends[n + 1])
        at = first + int(gap[n, first:last].argmax())
        if gap[n, at] > FAR_ENOUGH * density.max():
            ax.text(value[at], density[n, at], number, **ON_LINE)


def _panel(
    ax: Axes, table: pd.DataFrame, means: list[tuple[str, str]], name: str, label: str
) -> None:
    for n, (_, line) in enumerate(table.groupby("estimate", sort=False)):
        ax.plot(line["value"], line["density"], **line_of(n), lw=1.5)
    _number_lines(ax, table)
    ax.axvline(published(name).value, ymax=0.54, color=INK, lw=1.0, ls=":")
    top = float(table["density"].max())
    ax.set_ylim(0.0, 1.9 * top)  # the upper half is for the table
    ax.set_yticks([tick for tick in ax.get_yticks() if tick <= top])
    ax.set_xlim(float(table["value"].min()), float(table["value"].max()))
    ax.set_xlabel(f"{label} (Mg C ha⁻¹ yr⁻¹)")
    lines = [f"{'est.':<5}mean over sites (95 %)", *(f"{n:<5}{v}" for n, v in means)]
    ax.text(
        0.98, 0.99, "\n".join(lines), transform=ax.transAxes, va="top", ha="right",
        multialignment="left", in_layout=False,
        fontsize=7.5, family="DejaVu Sans Mono", linespacing=1.3,
    )  # fmt: skip
    least = 100.0 * float(table["share_shown"].min())
    ax.set_title(f"{label}: {least:.0f} % or more of the values shown", loc="left")

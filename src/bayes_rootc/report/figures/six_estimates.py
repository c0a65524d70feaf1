"""The six estimates of I_loss as intervals, with the range of the study's six as a band."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayes_rootc.loss.estimates import ESTIMATES, MEAN_OF_ALL, PROFILE_LABEL, STATISTICS
from bayes_rootc.report.figures.style import (
    COLOURS,
    INK,
    PALE,
    legend_below,
    new_figure,
    points_of,
    styled,
)
from bayes_rootc.report.losses import losses
from bayes_rootc.report.study import published

AXES = {
    "i_loss": ("I_loss over 0-200 cm (Mg C ha⁻¹ yr⁻¹)", 1.0),
    "loss_share": ("I_loss as a share of I_root (%)", 100.0),
}


def data(run: xr.DataTree) -> pd.DataFrame:
    """I_loss (Mg C ha-1 yr-1) and its share of I_root over 0-200 cm, all sites, by estimate."""
    table = losses(run)
    table = table[(table["biome"] == "all") & (table["layer_cm"] == PROFILE_LABEL)]
    wanted = ("estimate", "sites", "statistic", "n_sites")
    names = [n for n in table if n in wanted or str(n).startswith(tuple(AXES))]
    return table[names].reset_index(drop=True)


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw posterior medians and 95 % intervals of every estimate and of their mean."""
    table = data(run)
    figure = new_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, name in ((left, "i_loss"), (right, "loss_share")):
        _panel(ax, table, name)
    words = {e.label: f"{e.number}: {e.sites} sites,\n{e.i_root}" for e in ESTIMATES}
    labels = list(dict.fromkeys(table["estimate"]))
    left.set_yticks(range(len(labels)), [words.get(label, MEAN_OF_ALL) for label in labels])
    left.set_ylim(len(labels) - 0.5, -0.5)
    handles: list[Artist] = [
        Line2D([], [], **points_of(n), ms=5, label=f"{name}, 95 % interval")
        for n, name in enumerate(STATISTICS)
    ]
    handles += [
        Line2D([], [], color=INK, lw=1.0, ls=":", label="the study"),
        Patch(color=PALE, label="its range"),
    ]
    legend_below(figure, handles)
    figure.suptitle("Six ways to the carbon that roots lose", color=INK)
    return figure


def _panel(ax: Axes, table: pd.DataFrame, name: str) -> None:
    label, scale = AXES[name]
    study = published(name)
    ax.axvspan(scale * study.low, scale * study.high, color=PALE, lw=0, zorder=0)
    ax.axvline(scale * study.value, color=INK, lw=1.0, ls=":", zorder=1)
    ax.axvline(0.0, color=INK, lw=0.6)
    for n, statistic in enumerate(STATISTICS):
        mine = table[table["statistic"] == statistic]
        y = np.arange(len(mine)) + (0.14 if n else -0.14)
        low, high = scale * mine[f"{name}_q025"], scale * mine[f"{name}_q975"]
        ax.hlines(y, low, high, color=COLOURS[n], lw=1.8)
        ax.plot(scale * mine[f"{name}_q50"], y, ls="", **points_of(n), ms=5, mew=0)
    ax.set_xlabel(label)

"""Parameters of two runs as intervals on one scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_rootc.report.figures.style import (
    COLOURS,
    INK,
    legend_below,
    new_figure,
    points_of,
    short,
    styled,
)


@styled
def draw(frame: pd.DataFrame, one: str, other: str) -> Figure:
    """Draw 90 % intervals; frame as of :func:`bayes_rootc.report.compare.parameters_of_both`."""
    figure = new_figure(7.5, 1.4 + 0.22 * len(frame))
    ax = figure.subplots()
    spread = np.hypot(frame["sd_1"], frame["sd_2"])
    for n, ending in enumerate(("_1", "_2")):
        ends = frame[[f"{q}{ending}" for q in ("q05", "q50", "q95")]].to_numpy().T
        low, middle, high = (ends - frame["mean_1"].to_numpy()) / np.asarray(spread)
        y = np.arange(len(frame)) + (0.15 if n else -0.15)
        ax.hlines(y, low, high, color=COLOURS[n], lw=1.8)
        ax.plot(middle, y, ls="", **points_of(n), ms=4, mew=0)
    ax.axvline(0.0, color=INK, lw=0.6)
    ax.set_yticks(range(len(frame)), [short(name) for name in frame["parameter"]])
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.set_xlabel("difference from the mean of the first run (sd)")
    handles: list[Artist] = [
        Line2D([], [], **points_of(n), ms=5, label=short(name))
        for n, name in enumerate((one, other))
    ]
    legend_below(figure, handles)
    return figure

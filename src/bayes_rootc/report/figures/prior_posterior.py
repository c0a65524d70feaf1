"""Prior and posterior of every population parameter, with the truth where it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayes_rootc.report.figures.style import (
    COLOURS,
    GREY,
    INK,
    label_with_unit,
    legend_below,
    panels,
    styled,
)
from bayes_rootc.report.stored import Floats, parameters, population_names

BINS_PRIOR, BINS_POSTERIOR = 40, 25


def _histogram(values: Floats, bins: int, low: float, high: float) -> tuple[Floats, Floats]:
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return counts / max(1, int(counts.max())), edges


def data(run: xr.DataTree) -> pd.DataFrame:
    """Histogram bins: parameter, kind (prior, posterior), left, right, height (peak = 1), truth."""
    names = population_names(run, of_components=False)
    prior = {p.label: p.draws.ravel() for p in parameters(run, names, where="prior")}
    parts = []
    for parameter in parameters(run, names):
        draws = parameter.draws.ravel()
        span = max(float(np.ptp(draws)), 1e-6)
        low, high = float(draws.min()), float(draws.max())
        shapes = {"posterior": (draws, BINS_POSTERIOR, low - 0.02 * span, high + 0.02 * span)}
        if parameter.label in prior:
            values = prior[parameter.label]
            low, high = (float(end) for end in np.quantile(values, (0.005, 0.995)))
            low = 0.0 if values.min() >= 0 else low
            shapes["prior"] = (values, BINS_PRIOR, low, high)
        for kind, (values, bins, low, high) in shapes.items():
            heights, edges = _histogram(values, bins, low, high)
            part = {"left": edges[:-1], "right": edges[1:], "height": heights}
            frame = pd.DataFrame(part).assign(truth=parameter.truth, unit=parameter.units)
            frame.insert(0, "parameter", parameter.label)
            frame.insert(1, "kind", kind)
            parts.append(frame)
    return pd.concat(parts, ignore_index=True)


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw one panel per parameter; both densities are scaled to their own peak."""
    table = data(run)
    names = list(dict.fromkeys(table["parameter"]))
    figure, axes = panels(len(names), columns=4, width=9.0, row_height=2.0)
    for ax, name in zip(axes, names, strict=True):
        here = table[table["parameter"] == name]
        for kind, colour, alpha in (("prior", GREY, 0.35), ("posterior", COLOURS[0], 0.8)):
            bins = here[here["kind"] == kind]
            if bins.empty:
                continue
            edges = np.append(bins["left"], bins["right"].iloc[-1])
            ax.stairs(bins["height"], edges, fill=True, color=colour, alpha=alpha, lw=0)
        truth = float(here["truth"].iloc[0])
        if np.isfinite(truth):
            ax.axvline(truth, color=COLOURS[1], lw=0.9, ls="--")
            ax.plot([truth], [1.06], marker="v", ms=7, color=COLOURS[1], clip_on=False)
        ax.set_ylim(0, 1.08)
        ax.set_yticks([0, 0.5, 1])
        ax.set_xlabel(label_with_unit(name, str(here["unit"].iloc[0])))
    for ax in axes[::4]:
        ax.set_ylabel("density / peak (–)")
    handles: list[Artist] = [
        Patch(color=GREY, alpha=0.35, label="prior"),
        Patch(color=COLOURS[0], alpha=0.8, label="posterior"),
    ]
    if table["truth"].notna().any():
        handles.append(
            Line2D([], [], color=COLOURS[1], marker="v", ls="--", label="truth (simulated world)")
        )
    legend_below(figure, handles)
    figure.suptitle("Prior and posterior of the population parameters", color=INK)
    return figure

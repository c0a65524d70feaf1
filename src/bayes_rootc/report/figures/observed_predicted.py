"""Observed against predicted Δ14C, with posterior predictive intervals and their coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_rootc.report.figures.style import GREY, INK, depth_colours, new_figure, styled
from bayes_rootc.report.stored import draws_first, layer_frame

BARS = 150
"""At most this many intervals are drawn: more would hide the points."""


def data(run: xr.DataTree) -> pd.DataFrame:
    """Layers with observed Δ14C, predictive median and 90 % and 50 % intervals (‰)."""
    replicate = draws_first(run, "posterior_predictive", "delta14c", "layer")
    q05, q25, q50, q75, q95 = np.quantile(replicate, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    layers = layer_frame(run)[["row", "entry", "site", "profile", "biome", "depth_cm", "delta14c"]]
    layers = layers.rename(columns={"delta14c": "observed"})
    layers = layers.assign(predicted=q50, q05=q05, q25=q25, q75=q75, q95=q95)
    layers["inside_90"] = layers["observed"].between(layers["q05"], layers["q95"])
    layers["inside_50"] = layers["observed"].between(layers["q25"], layers["q75"])
    return layers


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw layers as points coloured by depth, with the 90 % interval of some or all of them."""
    table = data(run).sort_values("depth_cm", kind="stable")
    figure = new_figure(7.4, 6.2)
    ax = figure.subplots()
    step = max(1, int(np.ceil(len(table) / BARS)))
    some = table.iloc[::step]
    which = "all layers" if step == 1 else f"one layer in {step}"
    ax.hlines(
        some["observed"],
        some["q05"],
        some["q95"],
        color=GREY,
        lw=0.8,
        alpha=0.55,
        label=f"90 % predictive interval ({which})",
    )
    colour_map, norm = depth_colours()
    size = 26 if len(table) < 300 else 10
    points = ax.scatter(
        table["predicted"],
        table["observed"],
        c=table["depth_cm"],
        cmap=colour_map,
        norm=norm,
        s=size,
        edgecolor=INK,
        linewidth=0.25,
        zorder=3,
        label="layer (predictive median)",
    )
    ends = table[["observed", "predicted"]].to_numpy()
    low, high = float(ends.min()), float(ends.max())
    margin = 0.06 * max(high - low, 50.0)
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color=INK, lw=1, ls="--", label="observed = predicted")
    ax.set_xlim(min(limits[0], some["q05"].min()), max(limits[1], some["q95"].max()))
    ax.set_ylim(*limits)
    ax.set_xlabel("predicted Δ14C (‰)")
    ax.set_ylabel("observed Δ14C (‰)")
    bar = figure.colorbar(points, ax=ax, shrink=0.8, aspect=30)
    bar.set_label("depth (cm)")
    bar.ax.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=3)
    ax.set_title(
        f"90 % intervals hold {100 * table['inside_90'].mean():.1f} % of {len(table):,} layers; "
        f"50 % intervals hold {100 * table['inside_50'].mean():.1f} %",
        loc="left",
    )
    return figure

"""Turnover time over depth in each biome, with the layers behind it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayes_rootc.layers import MAX_DEPTH_CM
from bayes_rootc.report.figures.style import (
    COLOURS,
    INK,
    legend_below,
    panels,
    styled,
    years_axis,
)
from bayes_rootc.report.stored import Floats, draws_first, layer_frame
from bayes_rootc.report.tables import FROM_POPULATION, turnover_table

YEARS = (1.0, 1e6)
"""Widest axis shown, years; the likelihood table itself ends at 0.5 and 1,000,000."""


def data(run: xr.DataTree) -> pd.DataFrame:
    """C_age columns of the turnover table with the middle of each standard layer (cm)."""
    table = turnover_table(run)
    edges = table["standard_layer_cm"].str.split("-", expand=True).astype(float)
    table.insert(3, "middle_cm", edges.mean(axis=1))
    return table[[name for name in table if not str(name).startswith("k_")]]


def _limits(table: pd.DataFrame, points: Floats) -> tuple[float, float]:
    # Every line and layer is shown, and the bands of biomes with layers; the wide band of a biome
    # from the population may run out of the panel.
    firm = table[table["basis"] != FROM_POPULATION]
    firm = table if firm.empty else firm
    lines = table[["c_age_typical", "c_age_mean"]].to_numpy()
    low = min(firm["c_age_typical_q025"].min(), lines.min(), points.min(initial=np.inf))
    high = max(firm["c_age_typical_q975"].max(), lines.max(), points.max(initial=0.0))
    low = 10 ** np.floor(np.log10(np.clip(low, *YEARS)) + 1e-9)
    high = 10 ** np.ceil(np.log10(np.clip(high, *YEARS)) - 1e-9)
    return float(low), float(max(high, 10 * low))


def _panel(ax: Axes, biome: pd.DataFrame, depth: Floats, points: Floats) -> None:
    size = 5 if points.size < 60 else 3
    ax.plot(points, depth, ".", ms=size, color="#555555", alpha=0.65, mew=0, zorder=3)
    middle = biome["middle_cm"]
    low, high = biome["c_age_typical_q025"], biome["c_age_typical_q975"]
    ax.fill_betweenx(middle, low, high, color=COLOURS[0], alpha=0.3, lw=0, zorder=2)
    ax.plot(biome["c_age_typical"], middle, color=COLOURS[0], lw=1.8, zorder=5)
    ax.plot(biome["c_age_mean"], middle, color=COLOURS[1], lw=1.4, ls="--", zorder=4)
    n = int(biome["n_layers"].sum())
    empty = (biome["basis"] == FROM_POPULATION).all()
    note = "no layers: from the population" if empty else f"{n:,} layer{'s' if n != 1 else ''}"
    name = str(biome["biome"].iloc[0]).replace(" grasslands/", "\ngrasslands/")
    ax.set_title(f"{name}\n{note}", loc="left")


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw one panel per biome; all share the axis of years and the axis of depth."""
    table = data(run)
    layers = layer_frame(run)
    c_age = np.median(draws_first(run, "derived", "c_age", "layer"), axis=0)
    biomes = list(dict.fromkeys(table["biome_key"]))
    figure, axes = panels(len(biomes), columns=3, width=8.4, row_height=2.55, share=True)
    low, high = _limits(table, c_age)
    for number, (ax, key) in enumerate(zip(axes, biomes, strict=True)):
        mine = (layers["biome"] == key).to_numpy()
        depth = layers.loc[mine, "depth_cm"].to_numpy(float)
        _panel(ax, table[table["biome_key"] == key], depth, c_age[mine])
        years_axis(ax, low, high)
        ax.grid(axis="x", color="#e6e6e6", lw=0.6)
        if number % 3 == 0:
            ax.set_ylabel("depth (cm)")
        if number + 3 >= len(biomes):
            ax.set_xlabel("turnover time C_age (yr)")
            ax.tick_params(labelbottom=True)
    axes[0].set_ylim(float(MAX_DEPTH_CM), 0.0)
    handles: list[Artist] = [
        Line2D([], [], color=COLOURS[0], lw=1.8, label="typical (median) site"),
        Patch(color=COLOURS[0], alpha=0.3, label="its 95 % interval"),
        Line2D([], [], color=COLOURS[1], lw=1.4, ls="--", label="mean over sites"),
        Line2D([], [], color="#555555", marker=".", ls="", label="a layer (posterior median)"),
    ]
    legend_below(figure, handles)
    figure.suptitle("Turnover time of bulk soil carbon over depth", color=INK)
    return figure

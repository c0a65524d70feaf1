"""I_root, I_bulk and I_loss over depth in each biome, absolute and percent."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_rootc.layers import MAX_DEPTH_CM
from bayes_rootc.report.figures.style import (
    COLOURS,
    INK,
    legend_below,
    line_of,
    panels,
    plain_number,
    points_of,
    styled,
)
from bayes_rootc.report.flow_tables import AVERAGES, PROFILE, depth_table

FLOW_NAMES = {"i_root": "I_root", "i_bulk": "I_bulk", "i_loss": "I_loss"}


@dataclass(frozen=True)
class Scale:
    """What the axis of flows shows."""

    suffix: str
    label: str
    title: str
    limits: tuple[float, float]
    ticks: tuple[float, ...]


SCALES = {
    "absolute": Scale(
        "_per_cm",
        "flow (kg C ha⁻¹ yr⁻¹ per cm)",
        "Root carbon over depth, mean of the population of sites",
        (-100.0, 2000.0),
        (-100.0, -10.0, -1.0, 0.0, 1.0, 10.0, 100.0, 1000.0),
    ),
    "percent": Scale(
        "_percent",
        "share of the flow of 0-200 cm (%)",
        "Where in the profile root carbon goes, mean of the population of sites",
        (-20.0, 120.0),
        (),
    ),
}


def data(run: xr.DataTree) -> pd.DataFrame:
    """Depth table with the ends of the layers, and flows per cm of depth (kg C ha-1 yr-1 cm-1)."""
    table = depth_table(run)
    table = table[table["standard_layer_cm"] != PROFILE].reset_index(drop=True)
    edges = table["standard_layer_cm"].str.split("-", expand=True).astype(float)
    table.insert(4, "top_cm", edges[0])
    table.insert(5, "bottom_cm", edges[1])
    for name in FLOW_NAMES:
        for end in ("", "_q025", "_q975"):
            if name + end in table:
                per_cm = 1000.0 * table[name + end] / (edges[1] - edges[0])
                table[f"{name}_per_cm{end}"] = per_cm
    return table


def _panel(ax: Axes, biome: pd.DataFrame, suffix: str) -> None:
    steps = np.append(biome["top_cm"], biome["bottom_cm"].iloc[-1])
    for n, name in enumerate(FLOW_NAMES):
        key = name + suffix
        if key not in biome:
            continue
        ax.stairs(
            biome[key], steps, orientation="horizontal", baseline=None,
            **line_of(n), lw=1.6,
        )  # fmt: skip
        y = _heights(biome, n)
        ax.hlines(y, biome[f"{key}_q025"], biome[f"{key}_q975"], color=COLOURS[n], lw=1.0)
        ax.plot(biome[key], y, ls="", **points_of(n), ms=3, mew=0)
    ax.axvline(0, color=INK, lw=0.6)
    missing = str(biome["from_population"].iloc[0])
    lines = textwrap.wrap(str(biome["biome"].iloc[0]), 34)
    lines += textwrap.wrap(f"from the population: {missing}", 42) if missing else []
    ax.set_title("\n".join(lines), loc="left", fontsize=8)


def _mark_cut(ax: Axes, biome: pd.DataFrame, suffix: str) -> None:
    """Put a triangle at the edge where an interval goes on beyond it."""
    left, right = ax.get_xlim()
    for n, name in enumerate(FLOW_NAMES):
        key = name + suffix
        if key not in biome:
            continue
        y = _heights(biome, n)
        for edge, marker, beyond in (
            (left, "<", biome[f"{key}_q025"] < left), (right, ">", biome[f"{key}_q975"] > right),
        ):  # fmt: skip
            ax.plot(np.full(beyond.sum(), edge), y[beyond], marker, color=COLOURS[n], ms=3.5,
                    mew=0, clip_on=False, in_layout=False, zorder=4)  # fmt: skip


def _heights(biome: pd.DataFrame, n: int) -> pd.Series:
    """Depths at which the intervals of the n-th flow are drawn, one beside the other."""
    return (biome["top_cm"] + biome["bottom_cm"]) / 2 + (n - 1) * 3.0


def _draw(run: xr.DataTree, scale: Scale) -> Figure:
    table = data(run)
    table = table[table["statistic"] == AVERAGES["mean"]]
    biomes = list(dict.fromkeys(table["biome_key"]))
    figure, axes = panels(len(biomes), columns=3, width=8.8, row_height=2.7, share=True)
    shown = [name + scale.suffix for name in FLOW_NAMES if name + scale.suffix in table]
    firm = table[table["from_population"] == ""]
    firm = table if firm.empty else firm
    low = min(0.0, *(firm[f"{key}_q025"].min() for key in shown))
    high = max(firm[f"{key}_q975"].max() for key in shown)
    for number, (ax, key) in enumerate(zip(axes, biomes, strict=True)):
        _panel(ax, table[table["biome_key"] == key], scale.suffix)
        if number % 3 == 0:
            ax.set_ylabel("depth (cm)")
        if number + 3 >= len(biomes):
            ax.set_xlabel(scale.label)
            ax.tick_params(labelbottom=True)
    if scale.ticks:
        axes[0].set_xscale("asinh", linear_width=1.0)
        axes[0].set_xticks(scale.ticks, [plain_number(tick) for tick in scale.ticks])
        axes[0].minorticks_off()
    axes[0].set_xlim(max(1.05 * low, scale.limits[0]), min(1.05 * high, scale.limits[1]))
    for ax, key in zip(axes, biomes, strict=True):
        _mark_cut(ax, table[table["biome_key"] == key], scale.suffix)
    axes[0].set_ylim(float(MAX_DEPTH_CM), 0.0)
    handles: list[Artist] = [
        Line2D([], [], **line_of(n) | points_of(n), ms=4, label=label)
        for n, (name, label) in enumerate(FLOW_NAMES.items())
        if name + scale.suffix in shown
    ]
    legend_below(figure, [*handles, Line2D([], [], color=INK, lw=1.0, label="95 % interval")])
    figure.suptitle(scale.title, color=INK)
    return figure


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw flows per cm of depth, one panel per biome, posterior medians and 95 % intervals."""
    return _draw(run, SCALES["absolute"])


@styled
def draw_percent(run: xr.DataTree) -> Figure:
    """Draw the share of each flow's own total in each layer."""
    return _draw(run, SCALES["percent"])

"""Figures of a comparison of structures: what predicts better, and what follows for the loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_rootc.layers import BIOMES
from bayes_rootc.report.figures.style import (
    INK,
    legend_below,
    new_figure,
    points_of,
    styled,
    years_axis,
)

NAMES = {
    "one_pool": "one pool",
    "gamma": "gamma",
    "lognormal": "log-normal",
    "two_pool": "two pools",
    "stacked": "stacked",
}
CRITERIA = {
    "layer": "single layers left out",
    "place": "places held out",
    "profile": "profiles held out",
    "study": "studies held out",
}
BIOME_NAMES = {**{biome.key: biome.name for biome in BIOMES.values()}, "all": "All sites"}
FLOWS = {
    "i_bulk": "I_bulk, 0-200 cm (Mg C ha⁻¹ yr⁻¹)",
    "i_loss": "I_loss, 0-200 cm (Mg C ha⁻¹ yr⁻¹)",
    "loss_share": "I_loss / I_root (–)",
}


def label(name: str) -> str:
    """Structure for people; a name of the user's own as it is."""
    return NAMES.get(name, name)


def _ordered(names: pd.Series) -> list[str]:
    """Structures in one order in all figures: those of the package, then the user's own."""
    found = [str(name) for name in dict.fromkeys(names)]
    return sorted(found, key=lambda name: [*NAMES].index(name) if name in NAMES else len(NAMES))


@styled
def evidence(comparison: pd.DataFrame) -> Figure:
    """Differences of elpd from one pool with two standard errors, by criterion."""
    criteria = list(dict.fromkeys(comparison["criterion"]))
    figure = new_figure(3.0 + 2.6 * len(criteria), 2.9)
    axes = np.atleast_1d(figure.subplots(1, len(criteria), sharey=True))
    names = _ordered(comparison["structure"])
    for ax, criterion in zip(axes, criteria, strict=True):
        part = comparison[comparison["criterion"] == criterion].set_index("structure")
        for y, name in enumerate(names):
            row = part.loc[name]
            error = 2.0 * row["difference_se"]
            ax.errorbar(row["difference"], y, xerr=error, ls="", **points_of(y), ms=6)
            ax.annotate(f"w {row['weight']:.2f}", (row["difference"], y), (0, 7),
                        textcoords="offset points", ha="center", fontsize=7.5)  # fmt: skip
        ax.axvline(0.0, color=INK, lw=0.6)
        ax.set_title(CRITERIA[criterion])
        ax.set_ylim(len(names) - 0.4, -0.7)
        ax.margins(x=0.15)
    axes[0].set_yticks(range(len(names)), [label(name) for name in names])
    figure.supxlabel(
        "log predictive density of Δ14C, difference from one pool (± 2 SE)", fontsize=9
    )
    return figure


@styled
def consequences(flows: pd.DataFrame) -> Figure:
    """I_bulk, I_loss and the share lost by biome under each structure, mean over sites."""
    mine = flows[(flows["statistic"] == "mean over sites") & (flows["layer_cm"] == "0-200")]
    biomes = [key for key in BIOME_NAMES if (mine["biome"] == key).any()]
    names = _ordered(mine["structure"])
    figure = new_figure(9.6, 1.4 + 0.55 * len(biomes))
    axes = figure.subplots(1, len(FLOWS), sharey=True)
    for ax, (flow, text) in zip(axes, FLOWS.items(), strict=True):
        _by_biome(ax, mine, flow, biomes, names)
        ax.set_xlabel(text)
    axes[0].set_yticks(range(len(biomes)), [BIOME_NAMES[key] for key in biomes])
    axes[0].set_ylim(len(biomes) - 0.5, -0.5)
    handles = [
        Line2D([], [], **points_of(n), ms=5, label=label(name)) for n, name in enumerate(names)
    ]
    legend_below(figure, handles, columns=len(names))
    return figure


def _by_biome(ax: Axes, mine: pd.DataFrame, flow: str, biomes: list[str], names: list[str]) -> None:
    for n, name in enumerate(names):
        own = mine[mine["structure"] == name].set_index("biome").reindex(biomes)
        y = np.arange(len(biomes)) + (n - 0.5 * (len(names) - 1)) * 0.15
        point = points_of(n)
        ax.hlines(y, own[f"{flow}_q025"], own[f"{flow}_q975"], color=point["color"], lw=1.3)
        ax.plot(own[f"{flow}_q50"], y, ls="", **point, ms=4, mew=0)
    ax.axvline(0.0, color=INK, lw=0.6)
    middles = mine[f"{flow}_q50"].to_numpy()
    ends = mine[f"{flow}_q975"].to_numpy()
    high = min(float(np.nanmax(ends)), 2.5 * float(np.nanmax(middles)))
    low = float(np.nanmin(mine[f"{flow}_q025"]))
    ax.set_xlim(max(low, -high) - 0.03 * high, 1.03 * high)
    ax.grid(axis="x", lw=0.3)


@styled
def ages(table: pd.DataFrame) -> Figure:
    """Mean transit time and mean age of the stock at the typical site, over depth."""
    wanted = [key for key in BIOME_NAMES if key in set(table["biome"])]
    columns = 3
    figure = new_figure(9.0, 2.3 * int(np.ceil(len(wanted) / columns)) + 0.7)
    axes = figure.subplots(int(np.ceil(len(wanted) / columns)), columns, sharex=True, sharey=True)
    names = _ordered(table["structure"])
    low, high = float(table["transit_time_q50"].min()), float(table["transit_time_q50"].max())
    for ax, biome in zip(axes.ravel(), wanted, strict=False):
        for n, name in enumerate(names):
            own = table[(table["biome"] == biome) & (table["structure"] == name)]
            depth = np.arange(len(own))
            for quantity, dashes in (("transit_time", "-"), ("stock_age", ":")):
                middle = own[f"{quantity}_q50"].replace(np.inf, np.nan)
                ax.plot(middle, depth, ls=dashes, **points_of(n), ms=3.5)
        years_axis(ax, low / 2.0, high * 4.0)
        ax.set_title(BIOME_NAMES[biome], fontsize=8.5)
        ax.set_yticks(range(len(own)), own["layer_cm"], fontsize=7)
    axes.ravel()[0].invert_yaxis()
    axes[-1, columns // 2].set_xlabel("years at the typical site")
    axes[len(axes) // 2, 0].set_ylabel("depth (cm)")
    handles = [
        Line2D([], [], **points_of(n), ms=4, label=label(name)) for n, name in enumerate(names)
    ]
    handles += [
        Line2D([], [], color=INK, ls=ls, label=text)
        for ls, text in (("-", "mean transit time (turnover time)"), (":", "mean age of the stock"))
    ]
    legend_below(figure, handles, columns=4)
    return figure

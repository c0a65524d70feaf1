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
    "gamma_by_depth": "gamma by depth",
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
        _intervals(ax, mine.set_index("biome"), flow, rows=biomes, names=names)
        ax.set_xlim(_limits(mine, flow))
        ax.set_xlabel(text)
    axes[0].set_yticks(range(len(biomes)), [BIOME_NAMES[key] for key in biomes])
    axes[0].set_ylim(len(biomes) - 0.5, -0.5)
    legend_below(figure, _structures(names), columns=len(names))
    return figure


@styled
def loss_by_depth(flows: pd.DataFrame) -> Figure:
    """Share of I_root that is lost in each layer under each structure, mean over sites."""
    mine = flows[(flows["statistic"] == "mean over sites") & (flows["layer_cm"] != "0-200")]
    names, layers = _ordered(mine["structure"]), list(dict.fromkeys(mine["layer_cm"]))
    figure, axes = _panels(set(mine["biome"]), "I_loss / I_root of the layer (–)")
    limits = _limits(mine, "loss_share")
    for biome, ax in axes.items():
        own = mine[mine["biome"] == biome].set_index("layer_cm")
        _intervals(ax, own, "loss_share", rows=layers, names=names)
        ax.set_yticks(range(len(layers)), layers, fontsize=7)
    ax.set_xlim(limits)
    ax.invert_yaxis()
    legend_below(figure, _structures(names), columns=len(names))
    return figure


def _structures(names: list[str]) -> list[Line2D]:
    """Entries of a legend."""
    return [
        Line2D([], [], **points_of(n), ms=4.5, label=label(name)) for n, name in enumerate(names)
    ]


def _panels(biomes: set[str], text: str) -> tuple[Figure, dict[str, Axes]]:
    """One panel a biome over depth, with common axes; ``text`` says what is along x."""
    wanted = [key for key in BIOME_NAMES if key in biomes]
    columns = 3 if len(wanted) <= len(BIOMES) else 4
    n_rows = int(np.ceil(len(wanted) / columns))
    figure = new_figure(3.0 * columns, 2.3 * n_rows + 0.7)
    axes = figure.subplots(n_rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax in axes[len(wanted) :]:
        ax.set_visible(False)
    found = dict(zip(wanted, axes, strict=False))
    for number, (biome, ax) in enumerate(found.items()):
        ax.set_title(BIOME_NAMES[biome], fontsize=8.5)
        if number + columns >= len(wanted):  # the lowest of its column
            ax.tick_params(labelbottom=True)
            ax.set_xlabel(text, fontsize=8)
        if number % columns == 0:
            ax.set_ylabel("depth (cm)", fontsize=8)
    return figure, found


def _intervals(
    ax: Axes, table: pd.DataFrame, flow: str, *, rows: list[str], names: list[str]
) -> None:
    """Median and 95 % interval in each row, the structures below each other."""
    for n, name in enumerate(names):
        own = table[table["structure"] == name].reindex(rows)
        y = np.arange(len(rows)) + (n - 0.5 * (len(names) - 1)) * 0.15
        point = points_of(n)
        ax.hlines(y, own[f"{flow}_q025"], own[f"{flow}_q975"], color=point["color"], lw=1.3)
        ax.plot(own[f"{flow}_q50"], y, ls="", **point, ms=4, mew=0)
    ax.axvline(0.0, color=INK, lw=0.6)
    ax.grid(axis="x", lw=0.3)


def _limits(table: pd.DataFrame, flow: str) -> tuple[float, float]:
    """Of an axis that shows all medians; intervals of biomes without data may run out of it."""
    middles, ends = table[f"{flow}_q50"].to_numpy(), table[f"{flow}_q975"].to_numpy()
    high = min(float(np.nanmax(ends)), 2.5 * float(np.nanmax(middles)))
    low = float(np.nanmin(table[f"{flow}_q025"]))
    return max(low, -high) - 0.03 * high, 1.03 * high


@styled
def ages(table: pd.DataFrame) -> Figure:
    """Mean transit time and mean age of the stock at the typical site, over depth."""
    figure, axes = _panels(set(table["biome"]), "years at the typical site")
    names = _ordered(table["structure"])
    low, high = float(table["transit_time_q50"].min()), float(table["transit_time_q50"].max())
    for biome, ax in axes.items():
        for n, name in enumerate(names):
            own = table[(table["biome"] == biome) & (table["structure"] == name)]
            depth = np.arange(len(own))
            for quantity, dashes in (("transit_time", "-"), ("stock_age", ":")):
                middle = own[f"{quantity}_q50"].replace(np.inf, np.nan)
                ax.plot(middle, depth, ls=dashes, **points_of(n), ms=3.5)
        years_axis(ax, low / 2.0, high * 4.0)
        ax.set_yticks(range(len(own)), own["layer_cm"], fontsize=7)
    ax.invert_yaxis()
    handles = [
        *_structures(names),
        *(
            Line2D([], [], color=INK, ls=ls, label=text)
            for ls, text in (
                ("-", "mean transit time (turnover time)"), (":", "mean age of the stock"),
            )
        ),
    ]  # fmt: skip
    legend_below(figure, handles, columns=4)
    return figure

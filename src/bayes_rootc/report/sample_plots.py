"""Plots of one sample and of one pool: the posterior of turnover, and Δ14C over the years."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from bayes_rootc.errors import WriteError
from bayes_rootc.files import replacing
from bayes_rootc.radiocarbon.atmosphere import LAST_YEAR, Atmosphere
from bayes_rootc.radiocarbon.sample import SampleTurnover
from bayes_rootc.report.figures.style import (
    COLOURS,
    DASHES,
    GREY,
    INK,
    PALE,
    new_figure,
    styled,
    to_png,
    years_axis,
)
from bayes_rootc.units import Floats

SHOWN_DENSITY = 1e-3
"""The axis spans where the density is above this share of its maximum."""


def write_png(path: Path, draw: Callable[[], Figure]) -> None:
    """Draw and write a PNG file, whole or not at all.

    Raises
    ------
    WriteError
        If the name does not end in ``.png``, or the file cannot be written.
    """
    if not re.fullmatch(r"\.png", path.suffix, re.IGNORECASE):
        raise WriteError(f"{path}: plots are PNG files; give a name that ends in .png")
    content = to_png(draw())
    with replacing(path) as beside:
        beside.write_bytes(content)


@styled
def draw_turnover(answer: SampleTurnover) -> Figure:
    """Posterior density of the turnover time on a logarithmic axis, its solutions labelled."""
    turnover, density = answer.turnover_grid, answer.density / answer.density.max()
    figure = new_figure(6.4, 3.8)
    ax = figure.subplots()
    shown = turnover[density > SHOWN_DENSITY]
    low, high = _whole_decades(float(shown.min()), float(shown.max()))
    years_axis(ax, low, high)
    if high < 100 * low:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    ax.plot(turnover, density, color=INK, lw=1.2)
    for n, mode in enumerate(answer.modes):
        colour = COLOURS[n % len(COLOURS)]
        inside = (turnover >= mode["lower"]) & (turnover <= mode["upper"])
        ax.fill_between(turnover[inside], density[inside], color=colour, alpha=0.45, lw=0)
        height = float(density[np.abs(np.log(turnover / mode["turnover_years"])).argmin()])
        middle = np.log(mode["turnover_years"] / low) / np.log(high / low)
        bound = "bound only\n" if mode["bounded_by_range"] else ""
        ax.annotate(
            f"{bound}{_years(mode['turnover_years'])} years\nshare {mode['mass']:.1%}",
            (mode["turnover_years"], height),
            xytext=(0, 5),
            textcoords="offset points",
            ha="left" if middle < 0.1 else "right" if middle > 0.9 else "center",
            color=colour,
            fontsize=8.5,
        )
    ax.set_ylim(0, 1.3)
    ax.set_yticks([])
    ax.set_xlabel("turnover time (years)")
    ax.set_ylabel("posterior density over ln turnover")
    ax.set_title(
        f"Δ14C {answer.delta14c:g} ± {answer.sd:g} ‰, sampled {answer.year:g}, {answer.zone}; "
        f"{answer.mixture.text}\nshaded: {answer.level * 100:g} % intervals",
        loc="left",
    )
    return figure


@styled
def draw_curves(times: Floats, pools: Mapping[float, Floats], atmosphere: Atmosphere) -> Figure:
    """Δ14C of pools and of the atmosphere they receive, over the times asked for.

    Parameters
    ----------
    times : ndarray, shape (T,)
        Decimal calendar years, rising.
    pools : mapping
        Turnover time in years → Δ14C, ‰, shape (T,).
    atmosphere : Atmosphere
    """
    figure = new_figure(6.8, 4.0)
    ax = figure.subplots()
    start, stop = float(times[0]), float(times[-1])
    nodes = atmosphere.year[(atmosphere.year > start) & (atmosphere.year < stop)]
    air = np.unique(np.concatenate([times, nodes]))
    is_lagged = atmosphere.year[-1] > LAST_YEAR + 1
    name = "atmosphere with its lag" if is_lagged else "atmosphere"
    ax.plot(air, atmosphere.at(air), color=GREY, lw=1.2, label=f"{name}, {atmosphere.zone}")
    for n, (turnover, delta14c) in enumerate(pools.items()):
        ax.plot(
            times,
            delta14c,
            color=COLOURS[n % len(COLOURS)],
            ls=DASHES[n % len(DASHES)],
            lw=1.8,
            label=f"pool of {turnover:,g} years",
        )
    if stop > atmosphere.extrapolated_from:
        ax.axvspan(
            max(start, atmosphere.extrapolated_from),
            stop,
            color=PALE,
            lw=0,
            zorder=0,
            label="extrapolated",
        )
    ax.axhline(0, color=INK, lw=0.6, zorder=0)
    if stop > start:
        ax.set_xlim(start, stop)
    ax.set_xlabel("calendar year")
    ax.set_ylabel("Δ14C (‰)")
    figure.legend(loc="outside lower center", ncols=3)
    count = "One pool" if len(pools) == 1 else f"{len(pools)} pools"
    ax.set_title(f"{count}, {atmosphere.initial} atmosphere before 1950", loc="left")
    return figure


def _years(value: float) -> str:
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


def _whole_decades(low: float, high: float) -> tuple[float, float]:
    """Half decades around a span, at least one decade wide."""
    first, last = np.floor(np.log10(low) * 2) / 2, np.ceil(np.log10(high) * 2) / 2
    if last - first < 1:
        first, last = first - 0.5, last + 0.5
    return float(10**first), float(10**last)

"""Rank histograms of each chain: chains that agree have flat ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy import stats

from bayes_rootc.report.figures.style import COLOURS, INK, PALE, legend_below, panels, styled
from bayes_rootc.report.stored import parameters, population_names

BINS = 20


def data(run: xr.DataTree) -> pd.DataFrame:
    """Counts of draws: parameter, chain, bin, left, right (share of all ranks), draws, expected."""
    names = population_names(run, of_components=False)
    parts = []
    for parameter in parameters(run, names):
        chains, draws = parameter.draws.shape
        share = (stats.rankdata(parameter.draws.ravel()) - 0.5) / parameter.draws.size
        bins = int(np.clip(draws // 5, 2, BINS))
        for chain, ranks in enumerate(share.reshape(chains, draws)):
            counts, edges = np.histogram(ranks, bins=bins, range=(0.0, 1.0))
            frame = pd.DataFrame({"bin": np.arange(bins), "left": edges[:-1], "right": edges[1:]})
            frame = frame.assign(draws=counts, expected=draws / bins)
            frame.insert(0, "parameter", parameter.label)
            frame.insert(1, "chain", chain)
            parts.append(frame)
    return pd.concat(parts, ignore_index=True)


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw one panel per parameter, one row of bars per chain, scaled to the expected count."""
    table = data(run)
    names = list(dict.fromkeys(table["parameter"]))
    n_chains = int(table["chain"].max()) + 1
    height = float(np.clip(0.5 * n_chains, 1.6, 6.0))
    figure, axes = panels(len(names), columns=4, width=9.0, row_height=height + 0.5)
    for ax, name in zip(axes, names, strict=True):
        for chain, bars in table[table["parameter"] == name].groupby("chain"):
            expected = float(bars["expected"].iloc[0])
            n_draws = int(bars["draws"].sum())
            low, high = stats.binom(n_draws, expected / n_draws).interval(0.95)
            base = float(chain)
            # A row is one unit high; the expected count stands at 0.4 of it.
            scale = 0.4 / expected
            ax.fill_between([0, 1], base + low * scale, base + high * scale, color=PALE, lw=0)
            edges = np.append(bars["left"], bars["right"].iloc[-1])
            ax.stairs(
                base + np.minimum(bars["draws"] * scale, 0.95),
                edges,
                baseline=base,
                fill=True,
                color=COLOURS[int(chain) % len(COLOURS)],
                alpha=0.75,
            )
            ax.plot([0, 1], [base + 0.4] * 2, color=INK, lw=0.8, ls="--")
        ax.set_title(name, loc="left")
        ax.set_xlim(0, 1)
        ax.set_ylim(-0.05, n_chains)
        ax.set_yticks(np.arange(n_chains) + 0.4, [str(chain + 1) for chain in range(n_chains)])
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("rank / draws of all chains (–)")
    for ax in axes[::4]:
        ax.set_ylabel("chain (number)")
    handles: list[Artist] = [
        Patch(color=COLOURS[0], alpha=0.75, label="draws per bin"),
        Line2D([], [], color=INK, lw=0.8, ls="--", label="expected"),
        Patch(color=PALE, label="95 % range of a bin of independent draws"),
    ]
    legend_below(figure, handles)
    figure.suptitle("Ranks of the draws by chain", color=INK)
    return figure

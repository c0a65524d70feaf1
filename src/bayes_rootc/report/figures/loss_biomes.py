"""I_loss of each biome, mean over sites and typical site, with letters."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_rootc.loss.tables import letter_table
from bayes_rootc.report.figures.style import (
    COLOURS,
    INK,
    legend_below,
    new_figure,
    points_of,
    styled,
)
from bayes_rootc.report.flow_tables import AVERAGES, flows_table
from bayes_rootc.report.study import published

UNDER = {"fc": "white", "ec": "none", "pad": 0.5}  # letters stand before lines

WIDEST = 3.0
"""The axis ends at this many times the largest interval of a biome with data in every block."""


def data(run: xr.DataTree) -> pd.DataFrame:
    """I_loss columns of the flows of biomes, with letters_mean and letters_typical."""
    table = flows_table(run)
    for average in AVERAGES:
        letters = letter_table(run, average).set_index("biome")["letters"]
        table[f"letters_{average}"] = table["biome_key"].map(letters)
    wanted = ("biome_key", "biome", "from_population")
    return table[[n for n in table if n in wanted or str(n).startswith(("i_loss", "letters"))]]


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw posterior medians and 95 % intervals over 0-200 cm."""
    table = data(run)
    figure = new_figure(8.8, 5.4)
    ax = figure.subplots()
    firm = table[table["from_population"] == ""]
    firm = table if firm.empty else firm
    low = min(0.0, WIDEST * float(firm["i_loss_mean_q025"].min()))
    high = WIDEST * float(firm["i_loss_mean_q975"].max())
    high = min(high, 1.12 * float(table["i_loss_mean_q975"].max()))
    places = np.arange(len(table), dtype=float)
    for n, average in enumerate(AVERAGES):
        key, y = f"i_loss_{average}", places + (0.17 if n else -0.17)
        ax.hlines(y, table[f"{key}_q025"], table[f"{key}_q975"], color=COLOURS[n], lw=1.8)
        ax.plot(table[key], y, ls="", **points_of(n), ms=5, mew=0)
        ends = np.clip(table[f"{key}_q975"], low, 0.94 * high)
        for end, height, letters in zip(ends, y, table[f"letters_{average}"], strict=True):
            ax.text(
                end + 0.01 * high,
                height,
                letters,
                va="center",
                color=COLOURS[n],
                fontsize=8,
                bbox=UNDER,
            )
    ax.axvline(0.0, color=INK, lw=0.6)
    study = published("i_loss")
    ax.axvline(study.value, color=INK, lw=1.0, ls=":")
    names = [
        "\n".join([str(row.biome), *_marked(str(row.from_population))])
        for row in table.itertuples()
    ]
    ax.set_yticks(places, names)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlim(low, high)
    ax.set_xlabel("I_loss over 0-200 cm (Mg C ha⁻¹ yr⁻¹)")
    handles: list[Artist] = [
        Line2D([], [], **points_of(n), ms=5, label=f"{text}, 95 % interval")
        for n, text in enumerate(AVERAGES.values())
    ]
    handles.append(Line2D([], [], color=INK, lw=1.0, ls=":", label="global mean of the study"))
    legend_below(figure, handles, columns=3)
    figure.suptitle(
        "I_loss by biome; biomes that share a letter are not shown to differ", color=INK
    )
    return figure


def _marked(missing: str) -> list[str]:
    return textwrap.wrap(f"(population: {missing})", 44) if missing else []

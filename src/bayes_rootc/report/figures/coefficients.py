"""Coefficients of the components by biome: one heat map per quantity, pale where 0 is likely."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bayes_rootc.report.drivers import DEPTH, TYPICAL_BIOME, coefficients_table
from bayes_rootc.report.figures.style import INK, colour_of, ink_on, new_figure, short, styled

UNSURE = "#e8e8e8"


def data(run: xr.DataTree) -> pd.DataFrame:
    """Return the table of coefficients as drawn."""
    return coefficients_table(run)


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw one heat map per quantity; depth slopes, which are much larger, have numbers only."""
    table = data(run)
    names = list(dict.fromkeys(table["quantity"]))
    columns = 2 if len(names) > 1 else 1
    rows = -(-len(names) // columns)
    n_components = table["component"].nunique()
    figure = new_figure(3.2 + columns * (0.9 + 0.5 * n_components), 0.9 + 3.5 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    sloped = table[table["component"] != DEPTH]
    limit = float(sloped["coefficient"].abs().max() or 1.0)
    scale = ScalarMappable(Normalize(-limit, limit), mpl.colormaps["RdBu_r"])
    for ax, name in zip(axes.ravel(), names, strict=False):
        _panel(ax, table[table["quantity"] == name], scale)
    for ax in axes[:, 1:].ravel():
        ax.set_yticklabels([])
    for spare in axes.ravel()[len(names) :]:
        spare.remove()
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.5, aspect=40, pad=0.02)
    bar.set_label("change on the quantity's log or logit scale by one unit of the component (–)")
    figure.suptitle(
        "Drivers by biome: posterior means. Bold: the 95 % interval does not hold 0; "
        "*: no data of its own",
        color=INK,
    )
    return figure


def _panel(ax: Axes, table: pd.DataFrame, scale: ScalarMappable) -> None:
    biomes = list(dict.fromkeys(table["biome"]))
    components = list(dict.fromkeys(table["component"]))
    for row in table.to_dict(orient="records"):
        x, y = components.index(row["component"]), biomes.index(row["biome"])
        value = float(row["coefficient"])
        fill = (1.0, 1.0, 1.0) if row["component"] == DEPTH else colour_of(value, scale)
        unsure = bool(row["holds_zero"])
        colour = to_rgb(UNSURE) if unsure else fill
        ax.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, fc=colour, ec="white", lw=1.2, in_layout=False)
        )
        ink = "#606060" if unsure else ink_on(colour)
        mark = "" if row["n"] else "*"
        ax.text(
            x,
            y,
            f"{value:+.2f}{mark}",
            ha="center",
            va="center",
            fontsize=6.5 if unsure else 7.0,
            fontweight="normal" if unsure else "bold",
            color=ink,
            in_layout=False,
        )
    ax.set_xlim(-0.5, len(components) - 0.5)
    ax.set_ylim(len(biomes) - 0.5, -0.5)
    ax.axhline(biomes.index(TYPICAL_BIOME) - 0.5, color=INK, lw=0.8)
    ax.set_xticks(range(len(components)), map(short, components), rotation=40, ha="right")
    ax.set_yticks(range(len(biomes)), biomes)
    ax.tick_params(length=0)
    ax.set_title(str(table["title"].iloc[0]), loc="left")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)

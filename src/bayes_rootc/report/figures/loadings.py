"""What the components are made of: loadings of the grid variables."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bayes_rootc.report.drivers import loadings_table
from bayes_rootc.report.figures.style import INK, colour_of, ink_on, new_figure, short, styled


def data(run: xr.DataTree) -> pd.DataFrame:
    """Loadings in long form: component, group, variance, variable, loading."""
    return loadings_table(run).melt(
        id_vars=["component", "group", "variance"], var_name="variable", value_name="loading"
    )


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw a heat map, one row a variable; variables of other groups are left blank."""
    table = loadings_table(run)
    variables = [str(name) for name in table if name not in {"component", "group", "variance"}]
    values = table[variables].to_numpy(float).T
    pairs = zip(table["component"], table["variance"], strict=True)
    names = [f"{short(name)}\nvariance {variance:.1f}" for name, variance in pairs]
    figure = new_figure(3.0 + 0.95 * len(names), 1.6 + 0.23 * len(variables))
    ax = figure.subplots()
    limit = float(np.nanmax(np.abs(values), initial=1e-6))
    scale = ScalarMappable(Normalize(-limit, limit), mpl.colormaps["RdBu_r"])
    for (y, x), value in np.ndenumerate(values):
        if not np.isfinite(value) or value == 0.0:
            continue
        fill = colour_of(value, scale)
        ax.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, fc=fill, ec="white", lw=0.8, in_layout=False)
        )
        text = f"{value:+.2f}"
        ax.text(
            x, y, text, ha="center", va="center", fontsize=6.5, color=ink_on(fill), in_layout=False
        )
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(len(variables) - 0.5, -0.5)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(variables)), map(short, variables))
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    bar = figure.colorbar(scale, ax=ax, shrink=0.6, aspect=30)
    bar.set_label("loading on the standardised variable (–)")
    figure.suptitle("Principal components of the covariates", color=INK)
    return figure

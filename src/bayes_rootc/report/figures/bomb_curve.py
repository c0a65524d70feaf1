"""The atmosphere of each zone since 1940, and the layers at the time of their sampling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_rootc.report.figures.style import (
    INK,
    PALE,
    depth_colours,
    line_of,
    new_figure,
    styled,
)
from bayes_rootc.report.stored import group, labels, layer_frame, variable

FIRST, LAST = 1940.0, 2027.0


def atmosphere(run: xr.DataTree) -> tuple[pd.DataFrame, float]:
    """Curves (columns: zones, index: year, ‰) and the year from which any is extrapolated."""
    array = variable(run, "constant_data", "atmosphere_delta14c")
    (zone_dim,) = [str(dim) for dim in array.dims if dim != "atm_year"]
    array = array.transpose("atm_year", zone_dim)
    year = variable(run, "constant_data", "year", "atm_year").values
    zones = labels(array, zone_dim)
    constant = group(run, "constant_data")
    if "extrapolated_from" in constant:
        start = float(np.nanmin(np.append(constant["extrapolated_from"].values, np.inf)))
    else:
        start = float(array.attrs.get("extrapolated_from", np.nan))
    return pd.DataFrame(
        np.asarray(array, float), index=np.asarray(year, float), columns=zones
    ), start


def data(run: xr.DataTree) -> pd.DataFrame:
    """Curves from 1940 in long form: year, zone, delta14c (‰), extrapolated."""
    curves, start = atmosphere(run)
    curves = curves[(curves.index >= FIRST) & (curves.index <= LAST)]
    long = curves.rename_axis("year").reset_index()
    long = long.melt("year", var_name="zone", value_name="delta14c")
    return long.assign(extrapolated=long["year"] > start)


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw curves by colour and dash, layers by depth, and shade the extrapolated years."""
    curves, layers = data(run), layer_frame(run)
    figure = new_figure(8.4, 5.4)
    ax = figure.subplots()
    colour_map, norm = depth_colours()
    points = ax.scatter(
        layers["sample_time"],
        layers["delta14c"],
        c=layers["depth_cm"],
        cmap=colour_map,
        norm=norm,
        s=22 if len(layers) < 300 else 8,
        edgecolor=INK,
        linewidth=0.2,
        zorder=2,
        label="layer",
    )
    for number, (zone, curve) in enumerate(curves.groupby("zone", sort=False)):
        ax.plot(
            curve["year"],
            curve["delta14c"],
            **line_of(number),
            lw=1.5,
            zorder=3,
            label=f"atmosphere {zone}",
        )
    guess = curves.loc[curves["extrapolated"], "year"]
    if not guess.empty:
        ax.axvspan(guess.min(), LAST, color=PALE, lw=0, zorder=0, label="extrapolated years")
    earliest = float(layers["sample_time"].min()) if len(layers) else FIRST
    ax.set_xlim(min(FIRST, earliest - 2), LAST)
    ax.axhline(0, color=INK, lw=0.6, zorder=1)
    ax.set_xlabel("year of sampling (calendar year)")
    ax.set_ylabel("Δ14C (‰)")
    bar = figure.colorbar(points, ax=ax, shrink=0.8, aspect=30)
    bar.set_label("depth of the layer (cm)")
    bar.ax.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=4)
    ax.set_title("Atmosphere and soil layers", loc="left")
    return figure

"""Maps on an equal-area projection (Mollweide), land from the data's own mask, and latitudes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bayes_rootc.report.figures.map_scales import (
    BEYOND,
    FLOW,
    MISSING,
    OUTSIDE,
    P_BELOW,
    SHARE,
    SHARE_WIDTH,
    UNCERTAINTY,
    UNIT,
    Scale,
    colour_bar,
    floor,
    limits,
)
from bayes_rootc.report.figures.style import COLOURS, INK, new_figure, styled

MOST_COLUMNS = 720
"""Of a map on paper; finer grids are thinned to about as many."""

NAMES = {"i_root": "I_root", "i_bulk": "I_bulk", "i_loss": "I_loss"}
NEGATIVE, NOT_MAPPED = "#b2182b", "#cfcfcf"
LATITUDE_STEP = 5.0
DOT_DEGREES = 1.5
"""Side of the blocks of cells that get a dot where at least half of them are negative."""


NAMED = {**NAMES, "loss_share": "I_loss/I_root"}
"""What is drawn by layer."""


def thin(maps: xr.Dataset) -> xr.Dataset:
    """Every n-th row and column, so that a map has about :data:`MOST_COLUMNS`."""
    step = max(1, round(maps.sizes["lon"] / MOST_COLUMNS))
    return maps.isel(lat=slice(None, None, step), lon=slice(None, None, step))


def level(maps: xr.Dataset) -> str:
    """Say how much the widest stored interval holds, as ``95 %``."""
    q = maps["quantile"].to_numpy()
    return f"{100.0 * (q[-1] - q[0]):.4g} %"


def uncertainty(maps: xr.Dataset, flow: str) -> xr.DataArray:
    """Half width of the widest stored interval over the absolute median."""
    return half_width(maps, flow) / np.abs(median(maps, flow))


def half_width(maps: xr.Dataset, name: str) -> xr.DataArray:
    """Half of the distance between the outer quantiles."""
    q = maps[f"{name}_quantile"]
    return (q.isel(quantile=-1, drop=True) - q.isel(quantile=0, drop=True)) / 2.0


def median(maps: xr.Dataset, name: str) -> xr.DataArray:
    """Quantile nearest to one half."""
    return maps[f"{name}_quantile"].sel(quantile=0.5, method="nearest", drop=True)


def shown_of(maps: xr.Dataset, name: str, *, uncertain: bool) -> tuple[xr.DataArray, Scale]:
    """Median or uncertainty of a flow or of the share lost, and the colours for it.

    The share lost is a ratio already: its uncertainty is the half width itself.
    """
    if not uncertain:
        return median(maps, name), SHARE if name == "loss_share" else FLOW
    if name == "loss_share":
        return half_width(maps, name), _named(SHARE_WIDTH, maps)
    return uncertainty(maps, name), _named(UNCERTAINTY, maps)


@styled
def profile(maps: xr.Dataset, layer: str, engine: str) -> Figure:
    """Draw median and uncertainty of the three flows, and their latitude profiles."""
    here = maps.sel(standard_layer=layer)
    figure = _titled(10.5, 7.6, f"{engine}, {layer} cm")
    grid = figure.add_gridspec(len(NAMES), 3, width_ratios=(4, 4, 1.5))
    columns = (
        ("median", FLOW, {flow: median(here, flow) for flow in NAMES}),
        (
            "uncertainty",
            _named(UNCERTAINTY, maps),
            {flow: uncertainty(here, flow) for flow in NAMES},
        ),
    )
    for column, (what, kind, values) in enumerate(columns):
        norm = limits([*values.values()], kind)
        axes: list[Axes] = []
        for row, (flow, name) in enumerate(NAMES.items()):
            axes.append(figure.add_subplot(grid[row, column], projection="mollweide"))
            drawn = _paint(axes[-1], values[flow], kind, norm)
            axes[-1].set_title(f"{name}, {what}")
        colour_bar(figure, drawn, axes, kind, shrink=0.8)
    for row, flow in enumerate(NAMES):
        _latitudes(figure.add_subplot(grid[row, 2]), here, flow, COLOURS[row])
    return figure


@styled
def layers(maps: xr.Dataset, flow: str, engine: str, *, uncertain: bool) -> Figure:
    """Draw the seven layers of one flow: median, or uncertainty."""
    names = [str(one) for one in maps["standard_layer"].to_numpy()][:-1]
    values, kind = shown_of(maps, flow, uncertain=uncertain)
    parts = [values.sel(standard_layer=name) for name in names]
    title = f"{NAMED[flow]}, {'uncertainty' if uncertain else 'median'}: {engine}"
    return _panels(parts, [f"{name} cm" for name in names], kind, title)


@styled
def share(maps: xr.Dataset, engine: str) -> Figure:
    """Draw the share of the root input that is lost from 0-200 cm, and its uncertainty."""
    here = maps.isel(standard_layer=-1)
    figure = _titled(10.5, 3.2, f"I_loss/I_root, 0-200 cm: {engine}")
    for column, uncertain in enumerate((False, True)):
        values, kind = shown_of(here, "loss_share", uncertain=uncertain)
        ax = figure.add_subplot(1, 2, column + 1, projection="mollweide")
        drawn = _paint(ax, values, kind, limits([values], kind))
        colour_bar(figure, drawn, [ax], kind, shrink=0.7)
    return figure


@styled
def trust(maps: xr.Dataset, engine: str) -> Figure:
    """Draw how far cells can be trusted: P(I_loss < 0), missing covariates, and n_beyond."""
    here = maps.isel(standard_layer=-1)
    shown = [(P_BELOW, here["p_loss_negative"]), (MISSING, here["n_missing"])]
    if bool(np.isfinite(here["n_beyond"]).any()):
        shown.append((BEYOND, here["n_beyond"]))
    figure = _titled(10.5, 2.8, engine)
    for column, (kind, values) in enumerate(shown):
        ax = figure.add_subplot(1, len(shown), column + 1, projection="mollweide")
        colour_bar(figure, _paint(ax, values, kind, limits([], kind)), [ax], kind, shrink=0.7)
    return figure


@styled
def applicability(found: xr.Dataset) -> Figure:
    """Draw how unlike the training places a cell is; above 1 (red) it is beyond what they teach.

    Parameters
    ----------
    found : Dataset
        What ``grid check`` writes: ``dissimilarity_TARGET`` with its ``threshold``.
    """
    names = [str(name) for name in found if str(name).startswith("dissimilarity_")]
    figure = new_figure(10.5, 3.0)
    for column, name in enumerate(names):
        ax = figure.add_subplot(1, len(names), column + 1, projection="mollweide")
        values = thin(found[[name]])[name] / found[name].attrs["threshold"]
        drawn = _paint(ax, values, OUTSIDE, limits([], OUTSIDE))
        ax.set_title(NAMES[name.removeprefix("dissimilarity_")])
        colour_bar(figure, drawn, [ax], OUTSIDE, shrink=0.7)
    return figure


def _titled(width: float, height: float, title: str) -> Figure:
    figure = new_figure(width, height)
    figure.suptitle(title, color=INK, fontsize=10)
    return figure


def _named(kind: Scale, maps: xr.Dataset) -> Scale:
    """Scale whose label names the interval of these maps."""
    return replace(kind, label=kind.label.format(level=level(maps)))


def _panels(parts: list[xr.DataArray], titles: list[str], kind: Scale, title: str) -> Figure:
    figure = _titled(10.5, 6.6, title)
    norm = limits(parts, kind)
    axes: list[Axes] = []
    for i, (part, text) in enumerate(zip(parts, titles, strict=True)):
        ax = figure.add_subplot(3, 3, i + 1, projection="mollweide")
        drawn = _paint(ax, part, kind, norm)
        ax.set_title(text)
        axes.append(ax)
    colour_bar(figure, drawn, axes, kind, shrink=0.5)
    return figure


def _paint(ax: Axes, values: xr.DataArray, kind: Scale, norm: Normalize) -> Any:
    lat, lon = (np.deg2rad(_edges(values[name].to_numpy())) for name in ("lat", "lon"))
    colours = mpl.colormaps[kind.colours].with_extremes(under=kind.below)
    shown = values.transpose("lat", "lon").to_numpy()
    ax.set_facecolor(NOT_MAPPED)
    drawn = ax.pcolormesh(lon, lat, np.ma.masked_invalid(np.maximum(shown, floor(norm, kind))),
                          cmap=colours, norm=norm, rasterized=True)  # fmt: skip
    if kind.log:
        negative = np.ma.masked_where(~(shown < 0.0), np.ones_like(shown))
        if negative.count():
            ax.pcolormesh(lon, lat, negative, cmap=mpl.colors.ListedColormap([NEGATIVE]),
                          rasterized=True)  # fmt: skip
            _mark_negative(ax, values)
    _outline(ax, values)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(visible=True, color="#999999", linewidth=0.6)
    return drawn


def _mark_negative(ax: Axes, values: xr.DataArray) -> None:
    """Name the colour of negative cells, and dot where they are many: in grey it is no signal."""
    step = abs(float(values["lat"][1] - values["lat"][0]))
    n = min(max(1, round(DOT_DEGREES / step)), values.sizes["lat"], values.sizes["lon"])
    share = (values < 0.0).astype(float).coarsen(lat=n, lon=n, boundary="trim").mean()
    lat, lon = np.meshgrid(share["lat"], share["lon"], indexing="ij")
    many = share.transpose("lat", "lon").to_numpy() >= 0.5
    ax.plot(np.deg2rad(lon[many]), np.deg2rad(lat[many]), ".", color="black", ms=0.9, mew=0)
    patch = Patch(facecolor=NEGATIVE, hatch="....", edgecolor="black", lw=0.0, label="below 0")
    ax.legend(handles=[patch], loc="lower left", fontsize=6, frameon=False, handlelength=1.2,
              bbox_to_anchor=(-0.03, -0.06))  # fmt: skip


def _outline(ax: Axes, values: xr.DataArray) -> None:
    """Draw the edge of what is mapped: in grey, a bright land would drown in the sea."""
    mapped = np.isfinite(values.transpose("lat", "lon").to_numpy()).astype(float)
    if 0.0 < mapped.mean() < 1.0:
        lat, lon = (np.deg2rad(values[name].to_numpy()) for name in ("lat", "lon"))
        edge = ax.contour(lon, lat, mapped, levels=[0.5], colors=INK, linewidths=0.25)
        edge.set_rasterized(True)  # its curved segments would make 40 MB of an SVG


def _edges(centres: np.ndarray) -> np.ndarray:
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    return np.asarray(centres[0] + step * (np.arange(len(centres) + 1) - 0.5))


def latitude_table(maps: xr.Dataset, layer: str) -> pd.DataFrame:
    """Mean over the land of each band of latitude of the cells' medians, and their range."""
    here = maps.sel(standard_layer=layer, drop=True)
    central = xr.Dataset({flow: median(here, flow) for flow in NAMES})
    cells = central.to_dataframe().dropna().reset_index()
    cells["latitude"] = (np.floor(cells["lat"] / LATITUDE_STEP) + 0.5) * LATITUDE_STEP
    bands = cells.groupby("latitude")
    columns = {}
    for flow in NAMES:
        values = bands[flow]
        columns[f"{flow}_mean"] = values.mean()
        columns[f"{flow}_q10"], columns[f"{flow}_q90"] = values.quantile(0.1), values.quantile(0.9)
    return pd.DataFrame(columns).reset_index()


def _latitudes(ax: Axes, here: xr.Dataset, flow: str, colour: str) -> None:
    table = latitude_table(here.expand_dims("standard_layer"), here["standard_layer"].item())
    y = table["latitude"]
    ax.fill_betweenx(y, table[f"{flow}_q10"], table[f"{flow}_q90"], color=colour, alpha=0.25, lw=0)
    ax.plot(table[f"{flow}_mean"], y, color=colour, lw=1.4)
    ax.set_ylim(-60, 85)
    ax.set_yticks([-45, 0, 45], ["45° S", "0°", "45° N"])
    low = min(0.0, float(table[f"{flow}_q10"].min()))
    ax.set_xlim(low, None)
    ax.set_xlabel(f"{NAMES[flow]}\n{UNIT}", fontsize=7.5)
    ax.axvline(0.0, color=INK, lw=0.5)

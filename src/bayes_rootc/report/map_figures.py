"""The figures of a finished map: what each shows, how it is drawn, the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_rootc.mapping.statistics import P_NEGATIVE
from bayes_rootc.mapping.store import CELL, PROFILE_LAYER
from bayes_rootc.report.figures import maps as figures
from bayes_rootc.report.map_tables import ENGINES

COLOURS_NOTE = (
    "Red, with dots where it prevails: median below 0. Grey: not mapped. White: above 0, but below "
    "the scale (next to nothing)."
)


@dataclass(frozen=True)
class MapFigure:
    """One figure of an engine."""

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    data: Callable[[], pd.DataFrame]


def map_figures(maps: xr.Dataset, engine: str) -> Iterator[MapFigure]:
    """Say what is drawn of the maps of an engine; nothing is drawn before ``draw`` is called."""
    maps, of = figures.thin(maps), ENGINES[engine]
    study = "corresponds to the study's Fig. 4"
    yield MapFigure(
        f"{engine}_profile", f"0-200 cm, {of}",
        "Median, uncertainty and latitude profile (mean of the cells' medians in bands of "
        f"{figures.LATITUDE_STEP:g}°, and 10 to 90 % of them); {study}. {COLOURS_NOTE}",
        partial(figures.profile, maps, PROFILE_LAYER, of),
        partial(figures.latitude_table, maps, PROFILE_LAYER),
    )  # fmt: skip
    yield MapFigure(
        f"{engine}_share", f"Share lost, {of}", "0-200 cm: I_loss/I_root and its uncertainty.",
        partial(figures.share, maps, of), partial(_share_by_latitude, maps),
    )  # fmt: skip
    yield MapFigure(
        f"{engine}_trust", f"How far to trust, {of}",
        "Probability that I_loss over 0-200 cm is below 0, and covariates of the cell that are "
        "missing; of the posterior also components of its covariates beyond those of the data.",
        partial(figures.trust, maps, of), partial(_layer_means, maps),
    )  # fmt: skip
    for flow, name in figures.NAMED.items():
        for uncertain in (False, True):
            what = "uncertainty" if uncertain else "median"
            yield MapFigure(
                f"{engine}_{flow}_{what}", f"{name} by layer, {what}, {of}",
                f"Corresponds to the study's Extended Data Figs. 4 to 7. {COLOURS_NOTE}",
                partial(figures.layers, maps, flow, of, uncertain=uncertain),
                partial(_layer_quantiles, maps, flow, uncertain=uncertain),
            )  # fmt: skip


def _share_by_latitude(maps: xr.Dataset) -> pd.DataFrame:
    share = figures.median(maps.isel(standard_layer=-1, drop=True), "loss_share")
    cells = share.rename("loss_share").to_dataframe().dropna().reset_index()
    return cells.groupby("lat")["loss_share"].median().to_frame().reset_index()


def _layer_means(maps: xr.Dataset) -> pd.DataFrame:
    """Mean over the cells of what says how far to trust them."""
    layers = maps[P_NEGATIVE].load().mean(("lat", "lon")).to_series()
    rows = [(P_NEGATIVE, str(layer), float(value)) for layer, value in layers.items()]
    rows += [(name, "", float(maps[name].load().mean())) for name in CELL]
    return pd.DataFrame(rows, columns=["variable", "layer_cm", "mean"])


def _layer_quantiles(maps: xr.Dataset, flow: str, *, uncertain: bool) -> pd.DataFrame:
    """Quantiles over the cells of each layer, the numbers behind a figure of maps."""
    values, _ = figures.shown_of(maps, flow, uncertain=uncertain)
    of = values.load().quantile([0.05, 0.25, 0.5, 0.75, 0.95], dim=("lat", "lon"))
    return pd.DataFrame(of.to_numpy().T, maps["standard_layer"].to_numpy()).reset_index()

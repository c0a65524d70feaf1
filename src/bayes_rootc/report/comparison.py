"""The study's numbers beside ours, with the data behind each and why they may differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.loss.drivers import r2_table
from bayes_rootc.loss.estimates import MEAN_OF_ALL, PROFILE_LABEL
from bayes_rootc.report.answer import MEAN
from bayes_rootc.report.flow_tables import flows_table, layer_c_age_table
from bayes_rootc.report.losses import DEPTHS, kept, losses
from bayes_rootc.report.stored import biome_name
from bayes_rootc.report.study import UNKNOWN, study_table

Key = tuple[str, str, str]  # quantity, biome, layer


@dataclass(frozen=True)
class Ours:
    """Our number: posterior median, 95 % interval, and the data behind it."""

    value: float
    low: float
    high: float
    data: str


@dataclass(frozen=True)
class Compared:
    """How a quantity is called, and one sentence on why the study and we may differ."""

    name: str
    why: str


_ROOT = (
    "We fit a hierarchical model to BNPP records and take another gridded NPP; the study used "
    "MODIS and machine learning, and its sites are not ours."
)
_BULK = (
    "Our mean over sites holds the scatter of sites and layers, which raises the mean of a "
    "log-normal quantity; the study took point estimates, and stocks from WISE30sec."
)
_LOSS = (
    "Our parts add up in every draw; the study's means do not (3.50 - 0.60 = 2.90, not 2.31), so "
    "they are hardly over the same sites."
)
_DEPTH = "What the study found layer by layer could not be read."
_R2 = (
    "Ours is for biome, components and depth alone, on the log scale; which terms the study's fit "
    "held could not be read."
)

LIKE_THE_STUDY = {
    "biome and components, for a record": ("r2_i_root", PROFILE_LABEL),
    "biome, components and depth, for a layer": ("r2_i_bulk", "by layer"),
}
"""Predictor of our R² → the study's R² (quantity, layer) that it comes nearest to."""

COMPARED = {
    "i_root": Compared("I_root", _ROOT),
    "i_bulk": Compared("I_bulk", _BULK),
    "i_loss": Compared("I_loss", _LOSS),
    "loss_share": Compared(
        "I_loss / I_root",
        "Ours is a ratio of means over our sites, and less BNPP lowers it; the study's is not the "
        "ratio of its own means (2.31 / 3.50 = 66 %), so it may be a mean of ratios.",
    ),
    "turnover_bias": Compared(
        "I_root / I_bulk",
        "A ratio of means; the study says “about four times” for how much too fast bulk carbon "
        "looks, its means give 5.8.",
    ),
    **{f"i_loss_estimate_{n}": Compared(f"I_loss, estimate {n}", _LOSS) for n in range(1, 7)},
    "r2_i_root": Compared("Bayesian R² of I_root", _R2),
    "r2_i_bulk": Compared("Bayesian R² of I_bulk", _R2),
    "i_root_depth_share": Compared("share of I_root in the layer", _DEPTH),
    "i_bulk_depth_share": Compared("share of I_bulk in the layer", _DEPTH),
    "i_loss_depth_share": Compared("share of I_loss in the layer", _DEPTH),
    "c_age": Compared("C_age", "Ours is that of the median layer; the study's could not be read."),
}


def _of(row: dict[str, object], name: str, data: str, middle: str = "_q50") -> Ours:
    value, low, high = (float(str(row[name + end])) for end in (middle, "_q025", "_q975"))
    return Ours(value, low, high, data)


def _estimates(run: xr.DataTree) -> dict[Key, Ours]:
    """Global numbers and the six estimates: means over all sites."""
    table = losses(run)
    mine = (table["biome"] == "all") & (table["layer_cm"] == PROFILE_LABEL)
    found: dict[Key, Ours] = {}
    for row in table[mine & (table["statistic"] == MEAN)].to_dict(orient="records"):
        record = {str(key): value for key, value in row.items()}
        data = f"{record['n_sites']:,} sites ({record['sites']})"
        if record["estimate"] != MEAN_OF_ALL:
            key = (f"i_loss_estimate_{record['estimate']}", "all", PROFILE_LABEL)
            found[key] = _of(record, "i_loss", data)
            continue
        for name in ("i_root", "i_bulk", "i_loss", "loss_share", "turnover_bias"):
            found[name, "all", PROFILE_LABEL] = _of(record, name, data)
    return found


def _biomes(run: xr.DataTree) -> dict[Key, Ours]:
    found: dict[Key, Ours] = {}
    for row in flows_table(run).to_dict(orient="records"):
        record = {str(key): value for key, value in row.items()}
        data = (
            f"{record.get('n_bnpp_sites', 0)} BNPP sites, {record.get('n_profiles', 0)} Δ14C "
            f"profiles, {record.get('n_root_profiles', 0)} root profiles"
        )
        if record["from_population"]:
            data += f"; from the population: {record['from_population']}"
        for name in ("i_root", "i_bulk", "i_loss"):
            key = (name, str(record["biome_key"]), PROFILE_LABEL)
            found[key] = _of(record, f"{name}_mean", data, middle="")
    return found


def _depth_shares(run: xr.DataTree) -> dict[Key, Ours]:
    table = kept(run, DEPTHS)
    mine = (table["biome"] == "all") & (table["estimate"] == MEAN_OF_ALL)
    found: dict[Key, Ours] = {}
    for row in table[mine].to_dict(orient="records"):
        key = (f"{row['quantity']}_depth_share", "all", str(row["layer_cm"]))
        record = {str(name): value for name, value in row.items()}
        found[key] = _of(record, "share", f"{row['n_sites']:,} sites")
    return found


def _r2(run: xr.DataTree) -> dict[Key, Ours]:
    found: dict[Key, Ours] = {}
    for row in r2_table(run).to_dict(orient="records"):
        predictor = str(row["predictor"])
        if predictor in LIKE_THE_STUDY:
            record = {str(key): value for key, value in row.items()}
            name, layer = LIKE_THE_STUDY[predictor]
            data = f"{row['n']:,} sites or layers, by {predictor}"
            found[name, "all", layer] = _of(record, "r2", data)
    return found


def _c_age(run: xr.DataTree) -> dict[Key, Ours]:
    found: dict[Key, Ours] = {}
    for row in layer_c_age_table(run).to_dict(orient="records"):
        record = {str(key): value for key, value in row.items()}
        key = ("c_age", "all", str(row["layer_cm"]))
        found[key] = _of(record, "c_age", f"{row['n_layers']:,} layers", middle="")
    return found


SOURCES: tuple[Callable[[xr.DataTree], dict[Key, Ours]], ...] = (
    _estimates,
    _biomes,
    _depth_shares,
    _r2,
    _c_age,
)


def comparison_table(run: xr.DataTree) -> pd.DataFrame:
    """Every number of the study that we know or miss, beside ours.

    Returns
    -------
    DataFrame
        The columns of :func:`bayes_rootc.report.study.study_table`; what (the quantity's name),
        where_in_words; ours, ours_q025, ours_q975, our_data; theirs_text, verdict (where the
        study's number lies), why (one sentence).

    Raises
    ------
    RunError
        If the run lacks a block or a variable.
    """
    ours: dict[Key, Ours] = {}
    for source in SOURCES:
        ours |= source(run)
    nothing = Ours(np.nan, np.nan, np.nan, "none")
    rows = []
    for row in study_table().to_dict(orient="records"):
        quantity, biome, layer = (str(row[key]) for key in ("quantity", "biome", "layer_cm"))
        mine, known = ours.get((quantity, biome, layer), nothing), COMPARED[quantity]
        value = float(row["value"])
        own: dict[str, object] = {str(key): value for key, value in row.items()}
        own |= {
            "what": known.name,
            "biome_name": "all sites" if biome == "all" else biome_name(biome),
            "ours": mine.value,
            "ours_q025": mine.low,
            "ours_q975": mine.high,
            "our_data": mine.data,
            "theirs_text": _theirs(value, float(row["low"]), float(row["high"])),
            "verdict": _verdict(value, mine),
            "why": known.why,
        }
        rows.append(own)
    return pd.DataFrame(rows)


def _theirs(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return UNKNOWN
    return f"{value:g} ({low:g} to {high:g})" if np.isfinite(low) else f"{value:g}"


def _verdict(value: float, mine: Ours) -> str:
    if not np.isfinite(value):
        return "nothing to compare with"
    if not np.isfinite(mine.value):
        return "not in this run"
    if mine.low <= value <= mine.high:
        return "inside our interval"
    return "above our interval" if value > mine.high else "below our interval"

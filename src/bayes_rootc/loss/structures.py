"""What follows of the structure of a layer's carbon: ages, I_bulk, I_loss, each and stacked.

Stacked results are draws of the structures in proportion to their stacking weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.loss.estimates import MEAN_OF_ALL, STATISTICS, Summary, all_site_flows, summarise
from bayes_rootc.loss.tables import loss_table, summary_of
from bayes_rootc.units import Floats
from bayes_rootc.variables import CHAIN, DRAW, DRAW_KEPT, SHAPE, SHAPE_SLOPE, STACKED

ONE_POOL = "one_pool"
"""Structure with which the others are compared."""


def structure_flows(
    runs: Mapping[str, xr.DataTree], weights: Mapping[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """I_root, I_bulk, I_loss and the share lost under each structure, and stacked.

    Parameters
    ----------
    runs : mapping
        Structure → stored joint run.
    weights : mapping
        Structure → stacking weight.

    Returns
    -------
    flows : DataFrame
        As :func:`.tables.loss_table`, the mean of six estimates, with ``structure`` in front.
    survival : DataFrame
        What of the one-pool I_loss of 0-200 cm over all sites survives: structure, statistic,
        ``survives`` with posterior mean and quantiles, and ``p_no_less``, the probability that it
        is no less than all. Draws of two fits are paired at random, as of independent posteriors:
        both saw the same data, so that the true interval is rather narrower. NaN where the
        one-pool I_loss is not above 0 in 97.5 % of the draws, so that a ratio says nothing.
    """
    found = {name: _mean_of_six(run) for name, run in runs.items()}
    n = min(summary.values["i_loss"].shape[-1] for summary in found.values())
    picks = stacked_draws(weights, n)
    first = next(iter(found.values()))
    mixed = {
        key: np.concatenate([found[s].values[key][..., at] for s, at in picks.items()], axis=-1)
        for key in first.values
    }
    found[STACKED] = replace(first, values=mixed)
    frames = [
        loss_table([summary]).assign(structure=name) for name, summary in found.items()
    ]  # fmt: skip
    table = pd.concat(frames, ignore_index=True)
    survival = _survival({name: summary.values["i_loss"] for name, summary in found.items()})
    return table[["structure", *(name for name in table if name != "structure")]], survival


def _survival(losses: Mapping[str, Floats]) -> pd.DataFrame:
    """Ratios to one pool; draws (statistic, biome, layer, S), all sites and layers last."""
    rng = np.random.default_rng(0)
    rows = []
    for s, statistic in enumerate(STATISTICS):
        one = losses[ONE_POOL][s, -1, -1]
        clear = np.quantile(one, 0.025) > 0.0
        for name, draws in losses.items():
            own = draws[s, -1, -1]
            ratio = rng.permutation(own) / rng.choice(one, len(own)) if clear else own * np.nan
            if name == ONE_POOL and clear:
                ratio = np.ones_like(own)
            rows.append({
                "structure": name, "statistic": statistic, **summary_of("survives", ratio),
                "p_no_less": float((ratio >= 1.0).mean()) if clear else np.nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


def structure_ages(runs: Mapping[str, xr.DataTree], weights: Mapping[str, float]) -> pd.DataFrame:
    """Turnover time (mean transit time) and mean age of the stock at the typical site, years.

    Parameters
    ----------
    runs : mapping
        Structure → stored turnover run.
    weights : mapping
        Structure → stacking weight.

    Returns
    -------
    DataFrame
        structure, biome, layer_cm; ``transit_time`` and ``stock_age`` with posterior mean and
        quantiles; ``p_no_age``, the share of draws without a mean age, whose age counts as
        infinite.
    """
    drawn = {name: _ages(run) for name, run in runs.items()}
    n = min(values["transit_time"].shape[0] for values in drawn.values())
    picks = stacked_draws(weights, n)
    drawn[STACKED] = {
        key: np.concatenate([drawn[s][key][at] for s, at in picks.items()])
        for key in ("transit_time", "stock_age")
    }
    frames = []
    for name, values in drawn.items():
        for b, biome in enumerate(BIOME_KEYS):
            columns: dict[str, Any] = {
                "structure": name, "biome": biome, "layer_cm": list(STANDARD_LAYERS),
                "p_no_age": np.isinf(values["stock_age"][:, b]).mean(axis=0),
            }  # fmt: skip
            for key, draws in values.items():
                columns |= summary_of(key, draws[:, b].T)
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def structure_shapes(runs: Mapping[str, xr.DataTree]) -> pd.DataFrame:
    """Posterior of the sampled shapes.

    Parameters
    ----------
    runs : mapping
        Structure → stored turnover run.

    Returns
    -------
    DataFrame
        structure, parameter (``shape``, ``shape_slope``), ``value`` with posterior mean and
        quantiles; a row for each parameter that a structure samples.
    """
    rows = []
    for name, run in runs.items():
        posterior = run["posterior"].to_dataset()
        for parameter in (SHAPE, SHAPE_SLOPE):
            if parameter in posterior:
                summary = summary_of("value", posterior[parameter].to_numpy().ravel())
                rows.append({"structure": name, "parameter": parameter, **summary})
    columns = ["structure", "parameter", *summary_of("value", np.zeros(1))]
    return pd.DataFrame(rows, columns=columns)


def stacked_draws(weights: Mapping[str, float], n: int) -> dict[str, np.ndarray]:
    """Evenly spaced draws of each structure, as many of n as its weight says.

    Examples
    --------
    >>> {name: len(at) for name, at in stacked_draws({"one_pool": 0.25, "gamma": 0.75}, 8).items()}
    {'one_pool': 2, 'gamma': 6}
    """
    total = sum(weights.values())
    edges = np.round(np.cumsum([0.0, *weights.values()]) / total * n).astype(int)
    return {
        name: np.linspace(0, n - 1, int(size)).round().astype(int)
        for name, size in zip(weights, np.diff(edges), strict=True)
        if size
    }


def _mean_of_six(run: xr.DataTree) -> Summary:
    summaries = summarise(all_site_flows(run, int(run.attrs.get("seed", 0))))
    return next(summary for summary in summaries if summary.label == MEAN_OF_ALL)


def _ages(run: xr.DataTree) -> dict[str, Floats]:
    derived = run["derived"].to_dataset()
    kept = derived[DRAW_KEPT].to_numpy().astype(int)
    transit = 1.0 / derived["k_typical"].isel({DRAW: kept}).rename({DRAW: DRAW_KEPT}).astype(float)
    dims = (CHAIN, DRAW_KEPT, "biome", "standard_layer")
    # By number, not by label: the factor of one shape for all depths has no standard layers.
    factor = derived["age_factor"].drop_vars(derived["age_factor"].coords)
    ages = transit.drop_vars(transit.coords) * factor
    shaped = (-1, len(BIOME_KEYS), len(STANDARD_LAYERS))
    return {
        "transit_time": transit.transpose(*dims).to_numpy().reshape(shaped),
        "stock_age": ages.transpose(*dims).to_numpy().reshape(shaped),
    }

"""Tables of the losses: posterior mean and quantiles of what was computed draw by draw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.loss.estimates import FLOWS, LAYER_LABELS, STATISTICS, Summary
from bayes_rootc.loss.joint import all_draws, biome_labels, constant, require_joint
from bayes_rootc.loss.letters import compact_letters
from bayes_rootc.models.flows import AVERAGES
from bayes_rootc.units import Floats

QUANTILES = {"_q025": 0.025, "_q50": 0.5, "_q975": 0.975}

AVERAGE_NAMES = dict(zip(AVERAGES, STATISTICS, strict=True))
"""Average of a biome in the run → its name in tables."""

COUNTS = {
    "I_bulk": ("n_profiles", "n_densities"),
    "I_root": ("n_bnpp_sites",),
    "root depth": ("n_root_profiles",),
}
"""Part of a biome's balance → the counts that say whether it has data of its own."""


def loss_table(summaries: Sequence[Summary]) -> pd.DataFrame:
    """Six estimates and their mean, by biome and layer, for both statistics over sites.

    Every number is computed in every draw and summarised last: ``loss_share`` is I_loss/I_root
    and ``turnover_bias`` I_root/I_bulk of the statistics (so, for means, ratios of means).

    Parameters
    ----------
    summaries : sequence of Summary
        From :func:`.estimates.summarise`.

    Returns
    -------
    DataFrame
        estimate, sites, biome (key or ``all``), layer_cm, statistic, n_sites; for each of i_root,
        i_bulk, i_loss (Mg C ha⁻¹ yr⁻¹), loss_share, turnover_bias and p_loss_negative (share of
        the sites whose I_loss is below 0) the posterior mean and _q025, _q50, _q975; and
        p_statistic_negative, the share of draws in which the statistic of I_loss is below 0.
        A biome without sites has no rows.
    """
    frames = []
    for summary in summaries:
        values = dict(summary.values)
        values["loss_share"] = values["i_loss"] / values["i_root"]
        values["turnover_bias"] = values["i_root"] / values["i_bulk"]
        for s, statistic in enumerate(STATISTICS):
            for b, biome in enumerate(biome_labels()):
                if not summary.n_sites[b]:
                    continue
                columns: dict[str, Any] = {
                    "estimate": summary.label,
                    "sites": summary.sites,
                    "biome": biome,
                    "layer_cm": list(LAYER_LABELS),
                    "statistic": statistic,
                    "n_sites": summary.n_sites[b],
                }
                for name, draws in values.items():
                    columns |= summary_of(name, draws[s, b])
                negative = values["i_loss"][s, b] < 0.0
                columns["p_statistic_negative"] = negative.mean(axis=-1)
                frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def depth_table(summaries: Sequence[Summary]) -> pd.DataFrame:
    """Share of each standard layer in the mean flow of 0-200 cm, in every draw a ratio of means.

    Returns
    -------
    DataFrame
        estimate, sites, biome, layer_cm, quantity (i_root, i_bulk, i_loss), n_sites, and ``share``
        with its quantiles. Shares of I_loss may be negative or above 1, for I_loss may be negative.
    """
    frames = []
    mean = list(STATISTICS).index("mean over sites")
    for summary in summaries:
        for b, biome in enumerate(biome_labels()):
            if not summary.n_sites[b]:
                continue
            for name in FLOWS:
                draws = summary.values[name][mean, b]
                columns = {
                    "estimate": summary.label,
                    "sites": summary.sites,
                    "biome": biome,
                    "layer_cm": list(STANDARD_LAYERS),
                    "quantity": name,
                    "n_sites": summary.n_sites[b],
                    **summary_of("share", draws[:-1] / draws[-1]),
                }
                frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def biome_table(run: xr.DataTree) -> pd.DataFrame:
    """Flows of all nine biomes from the population, by layer and over 0-200 cm.

    Returns
    -------
    DataFrame
        biome, layer_cm, statistic; i_root, i_bulk, i_loss, loss_share, turnover_bias with
        quantiles, p_statistic_negative; the numbers of data; basis: ``data``, or what comes from
        the population, for the biome has no data of it.

    Raises
    ------
    RunError
        If the run lacks a block or a variable.
    """
    require_joint(run)
    counts = biome_counts(run)
    frames = []
    for average, statistic in AVERAGE_NAMES.items():
        by_name = {}
        for name in FLOWS:
            layers = all_draws(run, "derived", f"{name}_{average}")
            total = all_draws(run, "derived", f"{name}_total_{average}")
            by_name[name] = np.concatenate([layers, total[..., None]], axis=-1)
        by_name["loss_share"] = by_name["i_loss"] / by_name["i_root"]
        by_name["turnover_bias"] = by_name["i_root"] / by_name["i_bulk"]
        for b, biome in enumerate(BIOME_KEYS):
            columns: dict[str, Any] = {
                "biome": biome,
                "layer_cm": list(LAYER_LABELS),
                "statistic": statistic,
            }
            for name, draws in by_name.items():
                columns |= summary_of(name, draws[:, b].T)
            columns["p_statistic_negative"] = (by_name["i_loss"][:, b] < 0.0).mean(axis=0)
            columns.update({str(name): value for name, value in counts.loc[biome].items()})
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def biome_counts(run: xr.DataTree) -> pd.DataFrame:
    """Return the numbers of data of each biome (rows), and ``basis``, what they say in words.

    Raises
    ------
    RunError
        If a count is missing.
    """
    counts = {name: constant(run, name) for names in COUNTS.values() for name in names}
    frame = pd.DataFrame(counts, index=list(BIOME_KEYS))
    basis = []
    for _, row in frame.iterrows():
        lacking = [part for part, names in COUNTS.items() if not row[list(names)].all()]
        basis.append(f"from the population: {', '.join(lacking)}" if lacking else "data")
    return frame.assign(basis=basis)


def contrast_table(run: xr.DataTree, average: str = "mean") -> pd.DataFrame:
    """Differences of I_loss (0-200 cm) between all pairs of biomes.

    Parameters
    ----------
    run : DataTree
    average : str
        ``mean`` (over the sites of a biome) or ``typical`` (median site).

    Returns
    -------
    DataFrame
        biome_1, biome_2, difference (posterior mean of 1 minus 2), q025, q975, p_greater (share of
        draws in which 1 loses more).
    """
    require_joint(run)
    loss = all_draws(run, "derived", f"i_loss_total_{average}")
    rows = []
    for i, j in combinations(range(len(BIOME_KEYS)), 2):
        difference = loss[:, i] - loss[:, j]
        low, high = np.quantile(difference, [0.025, 0.975])
        rows.append(
            {
                "biome_1": BIOME_KEYS[i],
                "biome_2": BIOME_KEYS[j],
                "difference": difference.mean(),
                "q025": low,
                "q975": high,
                "p_greater": (difference > 0.0).mean(),
            }
        )
    return pd.DataFrame(rows)


def letter_table(run: xr.DataTree, average: str = "mean") -> pd.DataFrame:
    """Compact letters of the biomes, the largest posterior mean of I_loss first.

    Two biomes share a letter exactly where the 95 % interval of their difference holds 0.

    Returns
    -------
    DataFrame
        biome, i_loss (posterior mean, 0-200 cm), letters.
    """
    contrasts = contrast_table(run, average)
    mean = all_draws(run, "derived", f"i_loss_total_{average}").mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    first, second = (
        contrasts[name].map(BIOME_KEYS.index).to_numpy(int) for name in ("biome_1", "biome_2")
    )
    differs = np.zeros((len(BIOME_KEYS), len(BIOME_KEYS)), bool)
    differs[first, second] = (contrasts["q025"] > 0.0) | (contrasts["q975"] < 0.0)
    matrix = (differs | differs.T)[np.ix_(order, order)]
    keys = [BIOME_KEYS[i] for i in order]
    return pd.DataFrame({"biome": keys, "i_loss": mean[order], "letters": compact_letters(matrix)})


def summary_of(name: str, draws: Floats) -> dict[str, Floats]:
    """Posterior mean and quantiles over the last axis, as columns ``name``, ``name_q025`` ...

    Where draws are infinite, quantiles are draws: between infinite ones nothing is interpolated.
    """
    method: Literal["linear", "nearest"] = "linear" if np.isfinite(draws).all() else "nearest"
    quantiles = np.quantile(draws, list(QUANTILES.values()), axis=-1, method=method)
    return {name: draws.mean(axis=-1)} | {
        name + end: values for end, values in zip(QUANTILES, quantiles, strict=True)
    }

"""Structures compared by their log densities layer by layer: differences, stacking, where.

References
----------
.. [1] yao2018, Yao, Vehtari, Simpson & Gelman (2018), Bayesian Analysis 13, 917-1007.
"""

from __future__ import annotations

import warnings

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.utils import ELPDDataLOO

from bayes_rootc.inference.scores import clustered_error
from bayes_rootc.spec.structures import REFERENCE

PARETO_K_HIGH = 0.7

LEAST_STUDIES = 10
"""With fewer of them, standard errors count places instead."""

LEAST_CLUSTERS = 5
"""Fewer studies or places in a group make no standard error: it is then unknown, NaN."""


def compare(pointwise: pd.DataFrame) -> pd.DataFrame:
    """Compare structures by each criterion.

    Parameters
    ----------
    pointwise : DataFrame
        criterion, structure, row, place, study, elpd (per layer) and, as far as known, pareto_k,
        covered_90, pit, crps.

    Returns
    -------
    DataFrame
        See :attr:`Compared.comparison`; the best structure of a criterion first.
    """
    frames = []
    for criterion, part in pointwise.groupby("criterion", sort=False):
        wide = part.pivot(index="row", columns="structure", values="elpd")
        of_layer = part[part["structure"] == REFERENCE].set_index("row").loc[wide.index]
        cluster = of_layer[counted(part)]
        weight = stacking_weights(wide)
        best = wide.sum().idxmax()
        for name in wide:
            own = part[part["structure"] == name]
            difference, error = _difference(wide, name, REFERENCE, cluster)
            behind, behind_error = _difference(wide, name, best, cluster)
            k = own["pareto_k"].dropna()
            frames.append({
                "criterion": criterion, "structure": name, "n_layers": len(wide),
                "elpd": wide[name].sum(),
                "elpd_se": len(wide) * clustered_error(wide[name], cluster),
                "difference": difference, "difference_se": error,
                "behind": behind, "behind_se": behind_error,
                "weight": weight[str(name)],
                "n_high_k": int((k > PARETO_K_HIGH).sum()) if len(k) else -1,
                "coverage_90": own["covered_90"].mean(),
                "pit_distance": _distance(own["pit"]), "crps": own["crps"].mean(),
            })  # fmt: skip
    table = pd.DataFrame(frames)
    order = {name: i for i, name in enumerate(table["criterion"].unique())}
    table = table.sort_values(
        ["criterion", "elpd"], key=lambda c: c.map(order) if c.name == "criterion" else -c
    )
    return table.reset_index(drop=True)


def counted(pointwise: pd.DataFrame) -> str:
    """What standard errors count: studies, or places where there are few studies.

    Layers of one study share its laboratory, its region and, where it was held out, its error.
    """
    return "study" if pointwise["study"].nunique() >= LEAST_STUDIES else "place"


def _difference(
    elpd: pd.DataFrame, name: object, other: object, cluster: pd.Series
) -> tuple[float, float]:
    """Sum over layers of the difference of two structures, and its standard error."""
    if name == other:
        return 0.0, 0.0
    by_layer = elpd[name] - elpd[other]
    return float(by_layer.sum()), len(by_layer) * clustered_error(by_layer, cluster)


def stacking_weights(elpd: pd.DataFrame) -> dict[str, float]:
    """Stacking weights of structures from their log densities by layer (columns: structures)."""
    data = {str(name): _elpd_data(elpd[name].to_numpy(float)) for name in elpd}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arviz warns that small differences may be noise
        found = azs.compare(data, method="stacking", round_to="none")
    return {str(name): float(found.loc[name, "weight"]) for name in elpd}


def gains(pointwise: pd.DataFrame) -> pd.DataFrame:
    """Where a structure predicts better than one pool: by depth, biome, year of sampling, study.

    Returns
    -------
    DataFrame
        criterion, structure, by (standard_layer, biome, years, study), group, n_layers, difference
        (of elpd from one pool, summed), difference_se (NaN where fewer than
        :data:`LEAST_CLUSTERS` studies or places are in the group), per_layer.
    """
    rows = []
    reference = pointwise[pointwise["structure"] == REFERENCE]
    own = reference.set_index(["criterion", "row"])["elpd"].rename("one_pool")
    joined = pointwise.join(own, on=["criterion", "row"])
    joined["difference"] = joined["elpd"] - joined["one_pool"]
    others = joined[joined["structure"] != REFERENCE]
    for by in ("standard_layer", "biome", "years", "study"):
        cluster = "place" if by == "study" else counted(pointwise)
        for keys, part in others.groupby(["criterion", "structure", by], sort=False):
            n = len(part)
            enough = part[cluster].nunique() >= LEAST_CLUSTERS
            error = clustered_error(part["difference"], part[cluster]) if enough else np.nan
            rows.append({
                "criterion": keys[0], "structure": keys[1], "by": by, "group": keys[2],
                "n_layers": n, "difference": part["difference"].sum(),
                "difference_se": n * error, "per_layer": part["difference"].mean(),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _elpd_data(values: np.ndarray) -> ELPDDataLOO:
    by_layer = xr.DataArray(values, dims="layer")
    return ELPDDataLOO(
        elpd=float(values.sum()), se=float(np.sqrt(len(values) * values.var())), p=0.0,
        n_samples=1, n_data_points=len(values), scale="log", warning=False, good_k=PARETO_K_HIGH,
        elpd_i=by_layer, pareto_k=xr.zeros_like(by_layer),
    )  # fmt: skip


def _distance(pit: pd.Series) -> float:
    """Largest distance between the distribution of PIT values and the uniform one."""
    values = np.sort(pit.dropna().to_numpy(float))
    if not len(values):
        return float("nan")
    rank = np.arange(len(values) + 1) / len(values)
    return float(np.maximum(np.abs(values - rank[:-1]), np.abs(values - rank[1:])).max())

"""What drives the flows: effects of the components by biome, and how much they explain.

References
----------
.. [1] gelman2019, Gelman, Goodrich, Gabry & Vehtari (2019), The American Statistician 73, 307-309.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import (
    BIOME_KEYS,
    COMPONENT,
    LAYER,
    NPP_SITE,
    PLACE,
    PROFILE,
    VARIABLE,
    depth_basis,
)
from bayes_rootc.loss.joint import all_draws, constant, read_joint, require_joint
from bayes_rootc.loss.tables import biome_counts
from bayes_rootc.models.flows import bulk_variance
from bayes_rootc.units import Floats

POPULATION = "population"
DEPTH = "depth"


@dataclass(frozen=True)
class Driven:
    """A flow whose logarithm is a sum of modelled quantities.

    Attributes
    ----------
    parts : tuple of str
        Quantities whose slopes add up.
    has_depth : bool
        Whether they change with depth.
    data : tuple of str
        Counts that must all be above 0 for a biome to have slopes of its own.
    """

    parts: tuple[str, ...]
    has_depth: bool
    data: tuple[str, ...]


DRIVEN = {
    "ln I_root": Driven(("bnpp",), False, ("n_bnpp_sites",)),
    "ln I_bulk": Driven(("k", "rho"), True, ("n_profiles", "n_densities")),
}
"""Flow → what its slopes are the sum of."""


def coefficient_table(run: xr.DataTree) -> pd.DataFrame:
    """Slopes of ln I_root and ln I_bulk on the components (and on depth), by biome.

    Returns
    -------
    DataFrame
        quantity, biome (``population`` first: the typical biome), component (``depth``: on the
        depth basis), mean, q025, q975, holds_zero, basis (``data``, or ``from the population``
        for a biome without data).

    Raises
    ------
    RunError
        If the run lacks a block.
    """
    require_joint(run)
    counts = biome_counts(run)
    rows = []
    names = [str(name) for name in constant(run, COMPONENT)]
    for quantity, driven in DRIVEN.items():
        population = _sum(run, [f"gamma_{name}" for name in driven.parts])[:, None]
        by_biome = _sum(run, [f"slopes_{name}" for name in driven.parts])
        slopes = np.concatenate([population, by_biome], axis=1)
        labels = list(names)
        if driven.has_depth:
            typical = _sum(run, [f"beta_{name}" for name in driven.parts])[:, None]
            of_depth = _sum(run, [f"s_{name}" for name in driven.parts])
            of_depth = np.concatenate([typical, of_depth], axis=1)
            slopes = np.concatenate([slopes, of_depth[..., None]], axis=2)
            labels.append(DEPTH)
        for b, biome in enumerate((POPULATION, *BIOME_KEYS)):
            has_data = biome == POPULATION or counts.loc[biome, list(driven.data)].all()
            for c, component in enumerate(labels):
                low, high = np.quantile(slopes[:, b, c], [0.025, 0.975])
                rows.append(
                    {
                        "quantity": quantity,
                        "biome": biome,
                        "component": component,
                        "mean": slopes[:, b, c].mean(),
                        "q025": low,
                        "q975": high,
                        "holds_zero": bool(low <= 0.0 <= high),
                        "basis": "data" if has_data else "from the population",
                    }
                )
    return pd.DataFrame(rows)


def loadings_table(run: xr.DataTree) -> pd.DataFrame:
    """Loadings of the grid variables on the components that their group was reduced to.

    Returns
    -------
    DataFrame
        component, group, variance (of the component), variable, loading; variables of other
        groups are left out.
    """
    require_joint(run)
    names, variables = constant(run, COMPONENT), constant(run, VARIABLE)
    group, variance = constant(run, "component_group"), constant(run, "component_variance")
    loadings = constant(run, "component_loadings")
    rows = [
        {
            "component": str(name),
            "group": str(group[c]),
            "variance": float(variance[c]),
            "variable": str(variables[v]),
            "loading": float(loadings[c, v]),
        }
        for c, name in enumerate(names)
        for v in np.flatnonzero(np.nan_to_num(loadings[c]))
    ]
    return pd.DataFrame(rows)


def r2_table(run: xr.DataTree) -> pd.DataFrame:
    """Bayesian R²: variance of what is predicted over that plus the residual variance [1]_.

    With biome, components and depth alone (what carries over to a place without measurements), and
    with the effects of the measured sites or profiles as well. For I_root what is left out differs:
    of the value of a site the scatter between sites, of a single record that of records as well.

    Returns
    -------
    DataFrame
        quantity, predictor, n (sites or layers), r2 (posterior mean), r2_q025, r2_q50, r2_q975.
    """
    joint = read_joint(run)
    draws = joint.draws
    components = joint.constants["components"].transpose(PLACE, ...).to_numpy()

    site = joint.constant("npp_site_biome_index", NPP_SITE).astype(int)
    scores = components[joint.constant("npp_site_place_index", NPP_SITE).astype(int)]
    of_bnpp = joint.level("bnpp", site, scores)

    owner = joint.constant("profile_index", LAYER).astype(int)
    biome = joint.constant("profile_biome_index", PROFILE).astype(int)
    scores = components[joint.constant("profile_place_index", PROFILE).astype(int)]
    top, bottom = (joint.constant(f"{end}_cm", LAYER) for end in ("top", "bottom"))
    depth = depth_basis((top + bottom) / 2.0, joint.reference_cm)
    trend = (draws["s_k"] + draws["s_rho"])[:, biome[owner]] * depth
    level = joint.level("k", biome, scores) + joint.level("rho", biome, scores)
    profile = draws["eta"] + joint.derived["eta_rho"]
    within = draws["tau_k"] ** 2 + draws["tau_rho"] ** 2
    between, record = draws["sigma_place_bnpp"] ** 2, draws["tau_bnpp"] ** 2
    known = np.log(joint.derived["bnpp"])
    rows = [
        ("ln I_root", "biome and components, for a site", of_bnpp, between),
        ("ln I_root", "biome and components, for a record", of_bnpp, between + record),
        ("ln I_root", "biome, components and site, for a record", known, record),
        (
            "ln I_bulk", "biome, components and depth, for a layer", level[:, owner] + trend,
            bulk_variance(draws),
        ),
        (
            "ln I_bulk", "biome, components, depth and profile, for a layer",
            profile[:, owner] + trend, within,
        ),
    ]  # fmt: skip
    return pd.DataFrame([_r2_row(*row) for row in rows])


def bayes_r2(predictor: Floats, residual_variance: Floats) -> Floats:
    """R² in every draw [1]_.

    Parameters
    ----------
    predictor : ndarray, shape (S, n)
    residual_variance : ndarray, shape (S,)

    Returns
    -------
    ndarray, shape (S,)
        Between 0 and 1.
    """
    explained = predictor.var(axis=1)
    return np.asarray(explained / (explained + residual_variance))


def _r2_row(quantity: str, predictor: str, values: Floats, residual: Floats) -> dict[str, object]:
    r2 = bayes_r2(values, residual)
    q025, q50, q975 = np.quantile(r2, [0.025, 0.5, 0.975])
    return {
        "quantity": quantity,
        "predictor": predictor,
        "n": values.shape[1],
        "r2": r2.mean(),
        "r2_q025": q025,
        "r2_q50": q50,
        "r2_q975": q975,
    }


def _sum(run: xr.DataTree, names: list[str]) -> Floats:
    return np.asarray(sum(all_draws(run, "posterior", name) for name in names))

"""The flow models in PyMC: turnover, carbon density, root input, root depth; alone or jointly.

Every block has one shape: a level of each site (biome effect and biome-varying slopes of the
components) and observations that scatter about it. Normal site effects are integrated out; the
biome effects of all blocks share one covariance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models import effects
from bayes_rootc.models.effects import data_weight, normal_effects, variable
from bayes_rootc.models.flow_levels import flow_shape, layer_biome, site_levels
from bayes_rootc.models.flow_problem import FlowProblem, density_terms
from bayes_rootc.models.grouped_op import grouped_normal
from bayes_rootc.models.layer_potential import SampledShape, layer_potential
from bayes_rootc.spec.priors import frozen
from bayes_rootc.variables import BIOME, COMPONENT, EFFECT_OF, GRID_COMPONENT, PROFILE


@dataclass
class _Draft:
    """What the blocks hand on while the model is built."""

    problem: FlowProblem
    shape: SampledShape | None
    level: dict[str, Any]
    deviation: Any = None


def build_flow_model(problem: FlowProblem) -> pm.Model:
    """Build the model of all blocks that the specification names.

    Parameters
    ----------
    problem : FlowProblem

    Returns
    -------
    pymc.Model
        Variables by the names of :data:`bayes_rootc.variables.VARIABLES`, such as ``a_bnpp``
        (biome) and ``slopes_k`` (biome, component); those ending in ``_multiple`` are the
        sampler's own.
    """
    blocks = problem.blocks
    coords: dict[str, Any] = {
        BIOME: BIOME_KEYS,
        COMPONENT: problem.components.names,
        GRID_COMPONENT: problem.components.names[: problem.components.n_grid],
    }
    if problem.rows is not None:
        coords[PROFILE] = problem.rows.profiles
    with pm.Model(coords=coords) as model:
        shape = flow_shape(problem)
        draft = _Draft(problem, shape, site_levels(problem, shape))
        for name, block in blocks.items():
            BUILDERS[name](draft, block)
    return model


def _depth_slopes(draft: _Draft, name: str, priors: Any) -> Any:
    """Depth slopes of the biomes, N(beta, sigma_slope)."""
    mean = variable(f"beta_{name}", priors.beta)
    spread = variable(f"sigma_slope_{name}", priors.sigma_slope)
    weight = data_weight(draft.problem.counts[name], effects.PROFILES_FOR_HALF)
    return normal_effects(f"s_{name}", mean, spread, weight=weight, dims=BIOME)[0]


def _place_effect(draft: _Draft, name: str, prior: Any) -> Any:
    """Effect that the profiles of a site share, by profile; 0 where few sites have several."""
    problem, rows = draft.problem, draft.problem.rows
    assert rows is not None
    if not problem.is_nested:
        return 0.0
    spread = variable(f"sigma_place_{name}", prior)
    used, position = np.unique(rows.profile_site, return_inverse=True)
    level = draft.level[name][used]
    centred = len(used) >= effects.SITES_TO_CENTRE
    sampled = pm.Normal(
        f"place_{name}_multiple", level if centred else 0.0, spread if centred else 1.0,
        shape=len(used),
    )  # fmt: skip
    return (sampled - level if centred else spread * sampled)[position]


def _profile_effects(draft: _Draft, level: Any, block: Any) -> Any:
    """Value of ln k at each profile, eta ~ N(level + place, sigma_profile)."""
    problem, rows = draft.problem, draft.problem.rows
    assert rows is not None
    spread = variable("sigma_profile_k", block.priors.sigma_profile)
    centred = problem.profiles_centred
    if not (centred and problem.is_nested):
        place = _place_effect(draft, "k", block.joint_priors.sigma_place)
        weight = np.full(len(rows.profiles), float(centred))
        return normal_effects("eta", level + place, spread, weight=weight, dims=PROFILE)[0]
    # The effects of places integrated out: sampled, they and their spread mix slowly.
    between = variable("sigma_place_k", block.joint_priors.sigma_place)
    start = np.full(len(rows.profiles), frozen(block.priors.alpha).mean())
    if draft.shape is None:
        eta = pm.Flat("eta", dims=PROFILE, initval=start)
    else:
        reduced = pm.Flat("eta_reduced", dims=PROFILE, initval=start)
        shift = draft.shape.shift(rows.profile, len(rows.profiles))
        eta = pm.Deterministic("eta", reduced + shift, dims=PROFILE)
    log_prior = _grouped(eta - level, spread**2, between**2, rows.profile_site)
    pm.Potential("eta_log_prior", log_prior)
    return eta


def _turnover(draft: _Draft, block: Any) -> None:
    problem, rows = draft.problem, draft.problem.rows
    likelihood = problem.likelihood
    assert rows is not None and likelihood is not None
    slopes = _depth_slopes(draft, "k", block.priors)
    level = draft.level["k"][rows.profile_site]
    eta = _profile_effects(draft, level, block)
    tau = variable("tau_k", block.priors.tau)
    mu = eta[rows.profile] + slopes[layer_biome(problem)] * rows.depth
    layer_potential(likelihood, draft.shape, mu, tau)
    draft.deviation = eta - level


def _stock(draft: _Draft, block: Any) -> None:
    problem, rows, density = draft.problem, draft.problem.rows, draft.problem.density
    assert rows is not None and density is not None
    priors = block.priors
    slopes = _depth_slopes(draft, "rho", priors)
    profile_level = draft.level["rho"][rows.profile_site]
    if problem.is_nested:
        of_place = _place_effect(draft, "rho", priors.sigma_place)
        profile_level += pm.Deterministic("place_rho", of_place, dims=PROFILE)
    if draft.deviation is not None:
        kappa = variable("kappa", block.joint_priors.kappa)
        profile_level = profile_level + kappa * draft.deviation
    parameters = {
        "sigma_profile_rho": variable("sigma_profile_rho", priors.sigma_profile),
        "tau_rho": variable("tau_rho", priors.tau),
        **{name: variable(name, getattr(priors, name))
           for name in ("bd_intercept", "bd_slope", "bd_depth", "tau_bd")},
    }  # fmt: skip
    profile, depth = rows.profile[density.layer], rows.depth[density.layer]
    biome = problem.sites.biome[rows.profile_site]
    mean = profile_level[profile] + slopes[biome[profile]] * depth
    terms = density_terms(density, depth, mean, parameters, where=pt.switch)
    spread = parameters["sigma_profile_rho"] ** 2
    log_density: Any = grouped_normal(*terms, spread, profile.astype(np.int64))
    pm.Potential("density_log_likelihood", log_density[0])
    both = np.flatnonzero(density.has_both)
    if len(both):
        ln_rho = (density.ln_carbon + density.ln_bulk)[both]
        expected = (
            parameters["bd_intercept"]
            + parameters["bd_slope"] * ln_rho
            + parameters["bd_depth"] * depth[both]
        )
        pm.Normal("ln_bulk_density", expected, parameters["tau_bd"], observed=density.ln_bulk[both])


def _grouped_records(draft: _Draft, name: str, priors: Any) -> Any:
    """Records that scatter about the value of their site; returns their residuals."""
    records = draft.problem.records[name]
    residual = records.y - draft.level[name][records.site]
    _add_groups(name, residual, records.site, priors.sigma_place, priors.tau)
    return residual


def _add_groups(name: str, residual: Any, site: Any, between: Any, within: Any) -> None:
    spread = variable(f"sigma_place_{name}", between)
    tau = variable(f"tau_{name}", within)
    log_density = _grouped(residual, tau**2, spread**2, site)
    pm.Potential(f"{name}_log_likelihood", log_density)


def _grouped(residual: Any, within: Any, between: Any, group: Any) -> Any:
    """Log density of residuals of one variance within and between groups."""
    _, position = np.unique(group, return_inverse=True)
    ones = np.ones(len(position))
    terms = (residual, ones, within * ones, between, position.astype(np.int64))
    log_density: Any = grouped_normal(*terms)
    return log_density[0]


def _bnpp(draft: _Draft, block: Any) -> None:
    _grouped_records(draft, "bnpp", block.priors)


def _f_bnpp(draft: _Draft, block: Any) -> None:
    _grouped_records(draft, "f_bnpp", block.priors)


def _roots(draft: _Draft, block: Any) -> None:
    problem, priors = draft.problem, block.priors
    residual = _grouped_records(draft, "d50", priors)
    mean = variable("alpha_ratio", priors.alpha_ratio)
    spread = variable("sigma_biome_ratio", priors.sigma_biome_ratio)
    weight = data_weight(problem.counts["d50"], effects.GROUPS_FOR_HALF)
    level, _ = normal_effects("a_ratio", mean, spread, weight=weight, dims=BIOME)
    regression = variable("ratio_d50", priors.ratio_d50)
    records = problem.records["ratio"]
    left = records.y - level[problem.sites.biome[records.site]] - regression * residual
    _add_groups("ratio", left, records.site, priors.sigma_place_ratio, priors.tau_ratio)


BUILDERS: dict[str, Callable[[_Draft, Any], None]] = {
    "turnover": _turnover,
    "stock": _stock,
    "bnpp": _bnpp,
    "f_bnpp": _f_bnpp,
    "roots": _roots,
}
"""Block → what it adds to the model; in this order, for a block may use an earlier one's."""

assert tuple(BUILDERS) == tuple(EFFECT_OF)

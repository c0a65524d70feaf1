"""Levels of the quantities at the sites: biome effects of one covariance, slopes of components."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_rootc.data.components import PRIOR_GROUP
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models import effects
from bayes_rootc.models.correlation import PARTIAL_CORRELATION
from bayes_rootc.models.design import Index
from bayes_rootc.models.effects import (
    correlation_factor,
    data_weight,
    normal_effects,
    sampled_effects,
    variable,
)
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.models.layer_potential import SampledShape, sampled_shape
from bayes_rootc.spec.parameters import population_priors
from bayes_rootc.variables import BIOME, COMPONENT, GRID_COMPONENT


def flow_shape(problem: FlowProblem) -> SampledShape | None:
    """Add the shape of the turnover block where it is sampled; None otherwise."""
    if problem.likelihood is None:
        return None
    block: Any = problem.blocks["turnover"]
    return sampled_shape(block.structure, problem.likelihood)


def site_levels(problem: FlowProblem, shape: SampledShape | None) -> dict[str, Any]:
    """Level of every quantity at every site: a_b + x · slopes_b.

    Parameters
    ----------
    problem : FlowProblem
    shape : SampledShape or None
        Of the turnover block.

    Returns
    -------
    dict
        Quantity → tensor, shape (sites,).
    """
    of_biome = _biome_effects(problem, shape)
    biome, scores = problem.sites.biome, problem.site_scores
    level = {}
    for name, effect in of_biome.items():
        level[name] = effect[biome]
        if problem.components.names:
            level[name] = level[name] + (_slopes(problem, name)[biome] * scores).sum(axis=1)
    return level


def layer_biome(problem: FlowProblem) -> Index:
    """Biome of every layer, shape (N,), 0 to 8."""
    assert problem.rows is not None
    return np.asarray(problem.sites.biome[problem.rows.profile_site][problem.rows.profile])


def _slopes(problem: FlowProblem, name: str) -> Any:
    """Effects of the components on a quantity by biome; of its prior mean, lambda in all biomes."""
    components = problem.components
    n_grid, dims = components.n_grid, (BIOME, COMPONENT)
    slopes = pt.zeros((len(BIOME_KEYS), 0))
    if n_grid:
        mean = variable(f"gamma_{name}", problem.level_prior(name, "gamma"), dims=GRID_COMPONENT)
        spread = variable(f"sigma_gamma_{name}", problem.level_prior(name, "sigma_gamma"))
        weight = data_weight(problem.squares(name), effects.SQUARES_FOR_HALF)
        slopes, _ = sampled_effects(f"slopes_{name}_multiple", mean, spread, weight=weight)
    if n_grid < len(components.names):
        prior_mean = [column == f"{PRIOR_GROUP} {name}" for column in components.names[n_grid:]]
        own = np.tile(np.array(prior_mean, float), (len(BIOME_KEYS), 1))
        if any(prior_mean):
            own = own * variable(
                f"lambda_{name}", population_priors(problem.spec)[f"lambda_{name}"]
            )
        slopes = pt.concatenate([slopes, own], axis=1)
    return pm.Deterministic(f"slopes_{name}", slopes, dims=dims)


def _biome_effects(problem: FlowProblem, shape: SampledShape | None) -> dict[str, Any]:
    """Biome effects of all quantities, one covariance: the rows of its factor one by one."""
    names = list(problem.counts)
    section = problem.spec.covariance
    together = section.shared and len(names) > 1
    factor: list[list[Any]] = [[*[0.0] * i, 1.0] for i in range(len(names))]
    if together:
        factor = correlation_factor(PARTIAL_CORRELATION, len(names), section.lkj_eta)
    found: dict[str, Any] = {}
    multiples: list[Any] = []
    for i, name in enumerate(names):
        mean = variable(f"alpha_{name}", problem.level_prior(name, "alpha"))
        spread = variable(f"sigma_biome_{name}", problem.level_prior(name, "sigma_biome"))
        known = [factor[i][j] * multiples[j] for j in range(i)] if together else []
        conditional = mean + spread * sum(known, pt.zeros(len(BIOME_KEYS)))
        weight = data_weight(problem.counts[name], effects.GROUPS_FOR_HALF)
        own = spread * factor[i][i]
        if name == "k" and shape is not None:
            shift = shape.shift(layer_biome(problem), len(BIOME_KEYS))
            reduced, multiple = sampled_effects(
                "a_k_reduced", conditional - shift, own, weight=weight, dims=BIOME
            )
            found[name] = pm.Deterministic("a_k", reduced + shift, dims=BIOME)
        else:
            found[name], multiple = normal_effects(
                f"a_{name}", conditional, own, weight=weight, dims=BIOME
            )
        multiples.append(multiple)
    return found

"""Flows of the biomes of a simulated world, from its true parameters."""

from __future__ import annotations

import numpy as np

from bayes_rootc.inference.constants import biome_moments
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.models.flows import biome_flows
from bayes_rootc.units import Floats


def true_draws(problem: FlowProblem) -> dict[str, Floats]:
    """Return the truth as one draw: scalars (1,), biomes (1, 9), slopes (1, 9, components)."""
    truth = problem.inputs.truth
    assert truth is not None
    names = problem.components.names
    draws = {}
    for name, value in truth.items():
        if isinstance(value, float):
            draws[name] = np.array([value])
        elif name.startswith("slopes_"):
            slopes = [[value[key][component] for component in names] for key in BIOME_KEYS]
            draws[name] = np.array([slopes])
        elif name.startswith(("a_", "s_")):
            draws[name] = np.array([[value[key] for key in BIOME_KEYS]])
    return draws


def true_flows(problem: FlowProblem) -> dict[str, dict[str, float]]:
    """Return the totals of each biome over 0-200 cm, name → biome key → Mg C ha-1 yr-1.

    Averages are over the sites of the problem, as in a fit; ``i_root_total_mean`` and its like.
    """
    moments = biome_moments(problem.site_scores, problem.sites.biome)
    flows = biome_flows(true_draws(problem), *moments, problem.reference_depth_cm)
    return {
        name: dict(zip(BIOME_KEYS, values[0].tolist(), strict=True))
        for name, values in flows.items()
        if "_total_" in name
    }

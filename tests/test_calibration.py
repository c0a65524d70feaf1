"""Simulated worlds: intervals of the population parameters cover the truth as often as they say.

Truths are drawn from the priors that the fit then uses, so that the coverage of a correct
posterior is exact on average (Cook, Gelman & Rubin 2006; Talts et al. 2018).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayes_rootc.data.world import simulate_world
from bayes_rootc.inference.kinds import target_acceptance
from bayes_rootc.inference.predictive import prior_draws
from bayes_rootc.inference.sampling import compile_model, sample
from bayes_rootc.models.assemble import assemble
from bayes_rootc.models.turnover import build_model
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec
from bayes_rootc.spec.turnover import TurnoverSpec

WORLDS = 40
LAYERS = 400
FIRST_SEED = 1000
COVARIATES = ("mat", "map")

# The package's priors are wide on purpose; drawn from them, most worlds would lie where Δ14C says
# nothing (turnover of minutes, or of the age of the Earth). These are the same families, narrower.
NARROWER = {
    "alpha": {"mean": -6.0, "sd": 0.7},
    "beta": {"mean": -1.2, "sd": 0.3},
    "gamma": {"sd": 0.3},
    "sigma_profile": {"sd": 0.8},
    "tau": {"median": 0.6, "sigma": 0.25},
}


def calibration_spec() -> TurnoverSpec:
    """Return the turnover model with narrower priors and a short sampler."""
    content = dump_spec(load_spec(Path(__file__).parents[1] / "models" / "turnover.toml"))
    for name, changes in NARROWER.items():
        content["priors"][name] |= changes
    content["sampler"] |= {"chains": 2, "tune": 500, "draws": 500}
    return parse_spec(content)


def truth_from_prior(spec: TurnoverSpec, seed: int) -> dict[str, Any]:
    """Draw one set of population parameters."""
    drawn = prior_draws(spec, len(COVARIATES), 1, np.random.default_rng([seed, 1]))
    truth: dict[str, Any] = {name: float(values[0]) for name, values in drawn.items()
                             if name != "gamma"}  # fmt: skip
    truth["gamma"] = dict(zip(COVARIATES, drawn["gamma"][0].tolist(), strict=True))
    return truth


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    spec = calibration_spec()
    compiled: dict[tuple[Any, ...], Any] = {}
    covered: dict[str, list[bool]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + WORLDS):
        truth = truth_from_prior(spec, seed)
        problem = assemble(spec, simulate_world(spec, LAYERS, seed, truth))
        model = build_model(spec, problem.design, problem)
        shape = (problem.design.biomes_centred, problem.design.profiles_centred,
                 problem.nodes.theta.shape, len(problem.design.biomes))  # fmt: skip
        if shape not in compiled:
            compiled[shape] = compile_model(model)
        data = {variable.name: variable.get_value() for variable in model.data_vars} | {
            "node_theta": problem.nodes.theta,
            "node_log_weight": problem.nodes.log_weight,
        }
        draws = sample(
            compiled[shape].with_data(**data),
            spec.sampler,
            target_accept=target_acceptance(spec.sampler, problem.design),
        )
        for name, value in truth.items():
            values = value.values() if isinstance(value, dict) else [value]
            posterior = draws.posterior[name].to_numpy()
            posterior = posterior.reshape(posterior.shape[0] * posterior.shape[1], -1)
            low, high = np.quantile(posterior, [0.05, 0.95], axis=0)
            for i, true in enumerate(values):
                label = f"{name}[{COVARIATES[i]}]" if isinstance(value, dict) else name
                covered.setdefault(label, []).append(bool(low[i] <= true <= high[i]))
    shares = {name: np.mean(flags) for name, flags in covered.items()}
    overall = np.mean([flag for flags in covered.values() for flag in flags])
    print(f"\ncoverage of 90 % intervals in {WORLDS} worlds: {overall:.3f}", shares)
    assert 0.85 <= overall <= 0.95, shares
    # A single parameter has 40 yes-or-no answers: below 31 of 40 has probability 0.002 at 90 %.
    assert min(shares.values()) >= 0.775, shares

"""Predictions: layer means, biomes by depth, replicates, priors."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_rootc.data.world import simulate_world
from bayes_rootc.inference.predictive import (
    STANDARD_MIDDLES_CM,
    biome_predictions,
    layer_log_likelihood,
    layer_means,
    prior_draws,
    profile_means,
    replicate_delta14c,
)
from bayes_rootc.layers import depth_basis
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.radiocarbon.quadrature import log_marginal_grid
from bayes_rootc.spec.turnover import TurnoverSpec

S = 3000


@pytest.fixture(scope="module")
def problem(short_spec: TurnoverSpec) -> Problem:
    return assemble(short_spec, simulate_world(short_spec, 40))


def test_layer_means_follow_the_hierarchy(problem: Problem) -> None:
    design = problem.design
    rng = np.random.default_rng(1)
    draws = {
        "eta_profile": rng.normal(size=(2, len(design.profiles))),
        "s_biome": rng.normal(size=(2, len(design.biomes))),
        "a_biome": rng.normal(size=(2, len(design.biomes))),
        "gamma": rng.normal(size=(2, 2)),
    }
    mu = layer_means(draws, design)
    p = design.profile[7]
    slope = draws["s_biome"][1, design.biome[p]]
    assert mu[1, 7] == pytest.approx(draws["eta_profile"][1, p] + slope * design.depth[7])
    centre = draws["a_biome"][1, design.biome[p]] + design.covariates[p] @ draws["gamma"][1]
    assert profile_means(draws, design)[1, p] == pytest.approx(centre)


def test_log_likelihood_is_that_of_the_dense_grid(problem: Problem) -> None:
    mu = np.full((2, 40), -6.0)
    tau = np.array([0.4, 1.1])
    got = layer_log_likelihood(mu, tau, problem, place=None)
    for s in range(2):
        dense = log_marginal_grid(problem.table.theta, problem.log_likelihood, mu[s], tau[s])
        np.testing.assert_allclose(got[s], dense, atol=2e-3)


def test_mean_over_sites_is_what_simulated_sites_average_to(short_spec: TurnoverSpec) -> None:
    draws = {
        "a_biome": np.array([[-6.0]]), "s_biome": np.array([[-1.5]]),
        "sigma_profile": np.array([0.5]), "tau": np.array([0.3]), "gamma": np.array([[0.4]]),
    }  # fmt: skip
    got = biome_predictions(draws, short_spec, np.array([[0.2]]), np.array([[[0.25]]]))
    rng = np.random.default_rng(0)
    n = 400_000
    x = 0.2 + 0.5 * rng.standard_normal(n)
    depth = depth_basis(STANDARD_MIDDLES_CM, 20.0)[2]
    theta = -6.0 + 0.4 * x - 1.5 * depth + np.hypot(0.5, 0.3) * rng.standard_normal(n)
    assert got["k_mean"][0, 0, 2] == pytest.approx(np.exp(theta).mean(), rel=0.01)
    assert got["c_age_mean"][0, 0, 2] == pytest.approx(np.exp(-theta).mean(), rel=0.01)
    assert got["k_typical"][0, 0, 2] == pytest.approx(np.median(np.exp(theta)), rel=0.01)
    assert got["c_age_typical"][0, 0, 2] == pytest.approx(1 / got["k_typical"][0, 0, 2])


def test_replicates_scatter_about_the_curve(problem: Problem) -> None:
    mu, tau = np.full((S, 40), -7.0), np.full(S, 1e-9)
    replicate = replicate_delta14c(
        mu, tau, problem, place=None, df=4.0, rng=np.random.default_rng(2)
    )
    centre = problem.table.predict(mu[0])
    np.testing.assert_allclose(np.median(replicate, axis=0), centre, atol=1.5)
    spread = np.quantile(replicate, 0.75, axis=0) - np.quantile(replicate, 0.25, axis=0)
    np.testing.assert_allclose(spread / problem.scale, 2 * 0.7407, rtol=0.15)


def test_priors_are_drawn_as_the_model_file_says(short_spec: TurnoverSpec) -> None:
    drawn = prior_draws(short_spec, 2, 20_000, np.random.default_rng(0))
    assert drawn["alpha"].mean() == pytest.approx(-5.5, abs=0.05)
    assert np.median(drawn["tau"]) == pytest.approx(0.6, rel=0.03)
    assert (drawn["sigma_biome"] > 0).all()
    assert drawn["gamma"].shape == (20_000, 2)

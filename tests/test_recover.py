"""Exact recovery of each layer's ln k against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayes_rootc.inference.recover import layer_modes, recover_theta

GRID = np.linspace(-12.0, 0.6, 631)


def two_peaks() -> np.ndarray:
    """Return log likelihoods of three layers: narrow, two peaks, none at all."""
    narrow = stats.norm.logpdf(GRID, -6.0, 0.1)
    double = np.logaddexp(stats.norm.logpdf(GRID, -5.0, 0.2), stats.norm.logpdf(GRID, -1.0, 0.2))
    return np.stack([narrow, double, np.zeros_like(GRID)])


def test_mass_is_the_average_of_the_conditional_posteriors() -> None:
    log_likelihood = two_peaks()
    rng = np.random.default_rng(1)
    mu, tau = rng.normal(-4.0, 2.0, (50, 3)), rng.uniform(0.3, 1.5, 50)
    mass = recover_theta(GRID, log_likelihood[None], mu, tau, rng).mass
    expected = np.zeros_like(mass)
    for s in range(50):
        log_term = log_likelihood + stats.norm.logpdf(GRID, mu[s][:, None], tau[s])
        term = np.exp(log_term - log_term.max(axis=1, keepdims=True))
        term[:, [0, -1]] /= 2
        expected += term / term.sum(axis=1, keepdims=True) / 50
    np.testing.assert_allclose(mass, expected, atol=1e-12, rtol=1e-9)


def test_draws_follow_the_conditional_posterior() -> None:
    # Normal likelihood times normal hierarchy: the answer is known.
    n = 4000
    mu, tau = np.full((n, 3), -6.2), np.full(n, 0.4)
    theta = recover_theta(GRID, two_peaks()[None], mu, tau, np.random.default_rng(2)).theta[:, 0]
    variance = 1 / (1 / 0.1**2 + 1 / 0.4**2)
    mean = variance * (-6.0 / 0.1**2 - 6.2 / 0.4**2)
    assert stats.kstest(theta, stats.norm(mean, np.sqrt(variance)).cdf).pvalue > 1e-3


def test_without_likelihood_the_hierarchy_is_returned() -> None:
    n = 4000
    theta = recover_theta(
        GRID, two_peaks()[None], np.full((n, 3), -5.0), np.full(n, 0.8), np.random.default_rng(3)
    ).theta[:, 2]
    assert stats.kstest(theta, stats.norm(-5.0, 0.8).cdf).pvalue > 1e-3


def test_mean_far_beyond_the_grid_is_held_at_its_end() -> None:
    theta = recover_theta(
        GRID,
        two_peaks()[None, 2:],
        np.full((10, 1), 30.0),
        np.full(10, 0.3),
        np.random.default_rng(4),
    ).theta
    assert theta == pytest.approx(np.full((10, 1), GRID[-1]), abs=0.05)


def test_same_seed_same_draws() -> None:
    mu, tau = np.full((20, 3), -5.0), np.full(20, 0.5)
    first, again = (
        recover_theta(GRID, two_peaks()[None], mu, tau, np.random.default_rng(9)).theta
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)


def test_two_solutions_are_found_with_their_masses() -> None:
    mu, tau = np.full((5, 3), -3.0), np.full(5, 2.0)
    mass = recover_theta(GRID, two_peaks()[None], mu, tau, np.random.default_rng(5)).mass
    modes = layer_modes(GRID, mass)
    assert [len(found) for found in modes[:2]] == [1, 2]
    assert [mode.mass for mode in modes[1]] == pytest.approx([0.5, 0.5], abs=0.01)

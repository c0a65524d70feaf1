"""Compressed likelihoods against a dense sum on a finer grid."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from bayes_rootc.radiocarbon.atmosphere import ZONES, sample_time, zone_of_latitude
from bayes_rootc.radiocarbon.quadrature import (
    SMALLEST_TAU,
    compress,
    log_marginal_grid,
    trapezoid_weights,
)
from bayes_rootc.radiocarbon.table import (
    build_table,
    error_scale,
    log_likelihood_grid,
    theta_grid,
)

GRID = theta_grid()
FINER = theta_grid(step=0.005)
TAUS = (SMALLEST_TAU, 0.5, 1.0, 2.0)
OFFSETS = np.arange(-4.0, 4.1, 1.0)

Layers = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def simulated_layers(n: int, seed: int) -> Layers:
    """Draw zones, sampling times, Δ14C and errors over all that data hold."""
    rng = np.random.default_rng(seed)
    return (
        rng.choice(list(ZONES), n),
        rng.integers(1950, 2020, n) + 0.5,
        np.where(rng.random(n) < 0.5, rng.uniform(-990, 600, n), rng.uniform(-200, 250, n)),
        np.exp(rng.uniform(np.log(3), np.log(50), n)),
    )


def real_layers(folder: Path, every: int) -> Layers:
    path = folder / "tables" / "radiocarbon_layers.csv"
    columns = ("lat", "sample_year", "d14c", "d14c_err")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[row[name] or "nan" for name in columns] for row in csv.DictReader(file)]
    table = np.array(rows, float)
    table = table[~np.isnan(table[:, :3]).any(axis=1) & (table[:, 1] >= 1950)]
    lat, year, delta14c, sd = table[::every].T
    return zone_of_latitude(lat), sample_time(year), delta14c, sd


def log_likelihood(layers: Layers, theta: np.ndarray) -> np.ndarray:
    zone, time, delta14c, sd = layers
    scale = error_scale(sd, default=6.0, floor=3.0, model=8.0)
    return log_likelihood_grid(build_table(zone, time, theta), delta14c, scale, 4.0)


def worst(layers: Layers) -> float:
    """Largest miss of a layer's log marginal likelihood, wherever μ and τ can sensibly be."""
    coarse = log_likelihood(layers, GRID)
    nodes, dense = compress(GRID, coarse), log_likelihood(layers, FINER)
    mode, largest = GRID[coarse.argmax(axis=1)], 0.0
    for tau in TAUS:
        for offset in OFFSETS:
            mu = mode + offset
            inside = (mu >= GRID[0]) & (mu <= GRID[-1])
            term = nodes.log_weight + stats.norm.logpdf(nodes.theta, mu[:, None], tau)
            miss = np.logaddexp.reduce(term, axis=1) - log_marginal_grid(FINER, dense, mu, tau)
            largest = max(largest, float(np.abs(miss[inside]).max(initial=0.0)))
    return largest


def test_nodes_agree_with_a_dense_sum_on_simulated_layers() -> None:
    assert worst(simulated_layers(250, seed=5)) < 1e-3


def test_nodes_agree_with_a_dense_sum_on_real_layers(data_folder: Path) -> None:
    layers = real_layers(data_folder, every=8)
    assert len(layers[0]) > 200
    assert worst(layers) < 1e-3


def test_the_dense_sum_is_the_integral() -> None:
    """Normal times normal: known in closed form."""
    theta = np.linspace(-12.0, 2.0, 1401)
    log_density = stats.norm.logpdf(theta, -5.0, 0.4)[None, :]
    got = log_marginal_grid(theta, log_density, np.array([-4.2]), 0.7)
    assert got == pytest.approx([stats.norm.logpdf(-5.0, -4.2, np.hypot(0.4, 0.7))], abs=1e-9)


@pytest.mark.parametrize("centre", [-11.7, -6.0, -3.3, 0.4])
@pytest.mark.parametrize("spread", [0.05, 0.4, 3.0])
def test_nodes_of_a_normal_likelihood(centre: float, spread: float) -> None:
    def integrand(x: float) -> float:
        return float(stats.norm.pdf(x, centre, spread) * stats.norm.pdf(x, -5.0, 1.0))

    log_density = stats.norm.logpdf(GRID, centre, spread)[None, :]
    nodes = compress(GRID, log_density)
    term = nodes.log_weight + stats.norm.logpdf(nodes.theta, -5.0, 1.0)
    points = [centre, -5.0]
    total, _ = integrate.quad(integrand, GRID[0], GRID[-1], points=points, epsabs=0, limit=400)
    assert np.logaddexp.reduce(term, axis=1) == pytest.approx([np.log(total)], abs=1e-3)


def test_nodes_integrate_polynomials_exactly() -> None:
    """A Gauss rule of 10 nodes a cell is exact up to degree 19: here for the whole measure."""
    log_density = log_likelihood(simulated_layers(3, seed=8), GRID)
    nodes = compress(GRID, log_density)
    theta, weight = nodes.theta.astype(float), np.exp(nodes.log_weight.astype(float))
    measure = np.exp(log_density) * trapezoid_weights(GRID)
    for power in range(20):
        from_nodes = (weight * (theta / 14.0) ** power).sum(axis=1)
        from_grid = (measure * (GRID / 14.0) ** power).sum(axis=1)
        assert from_nodes == pytest.approx(from_grid, rel=1e-5)  # single precision


def test_nodes_rise_stay_on_the_grid_and_weigh_what_the_grid_weighs() -> None:
    log_density = log_likelihood(simulated_layers(40, seed=6), GRID)
    nodes = compress(GRID, log_density)
    assert nodes.theta.shape == nodes.log_weight.shape == (40, 60)
    assert np.all(np.diff(nodes.theta, axis=1) > 0)
    assert nodes.theta.min() >= GRID[0]
    assert nodes.theta.max() <= GRID[-1]
    dense = np.logaddexp.reduce(log_density + np.log(trapezoid_weights(GRID)), axis=1)
    assert np.logaddexp.reduce(nodes.log_weight, axis=1) == pytest.approx(dense, abs=1e-5)


def test_a_likelihood_that_vanishes_somewhere_gives_no_nan() -> None:
    log_density = np.where(np.abs(GRID + 5.0) < 0.5, 0.0, -np.inf)[None, :]
    nodes = compress(GRID, log_density)
    assert not np.isnan(nodes.theta).any()
    assert not np.isnan(nodes.log_weight).any()
    term = nodes.log_weight + stats.norm.logpdf(nodes.theta, -5.0, 1.0)
    expected = log_marginal_grid(GRID, log_density, np.array([-5.0]), 1.0)
    assert np.logaddexp.reduce(term, axis=1) == pytest.approx(expected, abs=1e-3)

"""Exact draws of each layer's own ln k, which the sampler has integrated out.

Given μ and τ of one posterior draw, p(θ_i | ...) ∝ p(y_i | θ) N(θ | μ_i, τ) lives on the grid of
the likelihood table; one uniform number per layer and draw picks from it by inversion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from bayes_rootc.radiocarbon.modes import Mode, find_modes
from bayes_rootc.units import Floats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Recovered:
    """Posterior of the layers' ln k.

    Attributes
    ----------
    theta : ndarray, shape (S, N)
        One draw of ln k per posterior draw and layer.
    mass : ndarray, shape (N, G)
        Posterior probability of each grid point, averaged over the draws (Rao-Blackwell), so that
        the masses of the solutions carry no noise of their own.
    """

    theta: Floats
    mass: Floats


def recover_theta(
    theta_grid: Floats,
    log_likelihood: Floats,
    mu: Floats,
    tau: Floats,
    rng: np.random.Generator,
    *,
    which: NDArray[np.intp] | None = None,
) -> Recovered:
    """Draw every layer's ln k from its conditional posterior.

    Parameters
    ----------
    theta_grid : ndarray, shape (G,)
        Evenly spaced grid of ln k.
    log_likelihood : ndarray, shape (M, N, G)
        log p(y_i | θ) on the grid, for each of M shapes.
    mu : ndarray, shape (S, N)
        Hierarchical means.
    tau : ndarray, shape (S,)
        Standard deviations of the layers.
    rng : numpy.random.Generator
    which : ndarray of int, shape (S, N) or (S, 1), optional
        Shape of each draw and layer, 0 to M - 1; the first by default.

    Returns
    -------
    Recovered
    """
    peak = log_likelihood.max(axis=2, keepdims=True)
    likelihood = np.exp(log_likelihood - peak)
    likelihood[:, :, [0, -1]] /= 2.0  # trapezoid rule
    uniform = rng.random(mu.shape)
    which = np.zeros((1, 1), dtype=np.intp) if which is None else which
    of_layers = np.ascontiguousarray(np.broadcast_to(which, mu.shape))
    theta, mass = _invert(theta_grid, likelihood, of_layers, (mu, tau), uniform)
    return Recovered(theta, mass)


def layer_modes(theta_grid: Floats, mass: Floats, level: float = 0.95) -> list[tuple[Mode, ...]]:
    """Solutions of every layer, largest mass first; see :func:`.modes.find_modes`."""
    return [find_modes(theta_grid, row, level) for row in mass]


@numba.njit(parallel=True, error_model="numpy", cache=True)
def _invert(
    grid: Array,
    likelihood: Array,
    which: NDArray[np.intp],
    normal: tuple[Array, Array],
    uniform: Array,
) -> tuple[Array, Array]:  # pragma: no cover
    mu, tau = normal
    n_draws, n_layers = mu.shape
    n_grid = len(grid)
    step = grid[1] - grid[0]
    theta = np.empty((n_draws, n_layers))
    mean_mass = np.zeros((n_layers, n_grid))
    for i in numba.prange(n_layers):
        cumulative = np.empty(n_grid)
        term = np.empty(n_grid)
        for s in range(n_draws):
            _weigh(term, grid[0], step, (mu[s, i], tau[s]), likelihood[which[s, i], i])
            total = 0.0
            for g in range(n_grid):
                total += term[g]
                cumulative[g] = total
            for g in range(n_grid):
                mean_mass[i, g] += term[g] / total / n_draws
            target = uniform[s, i] * total
            g = np.searchsorted(cumulative, target)
            g = min(g, n_grid - 1)
            below = cumulative[g - 1] if g > 0 else 0.0
            share = (target - below) / (cumulative[g] - below)
            # The mass of a grid point is spread over its own interval, half of one at the ends.
            left = grid[g] - (0.5 * step if g > 0 else 0.0)
            right = grid[g] + (0.5 * step if g < n_grid - 1 else 0.0)
            theta[s, i] = left + share * (right - left)
    return theta, mean_mass


@numba.njit(error_model="numpy", cache=True)
def _weigh(
    term: Array, first: float, step: float, normal: tuple[float, float], likelihood: Array
) -> None:  # pragma: no cover
    """Likelihood times exp(-(θ - μ)²/2τ²) along the grid.

    By a two-term recurrence, outward from the point nearest to μ, where it neither overflows nor
    loses digits: two products a point instead of an exponential.
    """
    mu, tau = normal
    width = step / tau
    nearest = int(min(max(np.rint((mu - first) / step), 0), len(term) - 1))
    offset = (first + nearest * step - mu) / tau
    curvature = np.exp(-width * width)
    value = 1.0
    ratio = np.exp(-width * offset - 0.5 * width * width)
    for g in range(nearest, len(term)):
        term[g] = value * likelihood[g]
        value *= ratio
        ratio *= curvature
    value = 1.0
    ratio = np.exp(width * offset - 0.5 * width * width)
    for g in range(nearest, -1, -1):
        term[g] = value * likelihood[g]
        value *= ratio
        ratio *= curvature

"""Sparse quadrature: a layer's likelihood over ln k, compressed to a few weighted nodes.

The likelihood p(y | θ) of a layer is a fixed function of θ = ln k. Read as a measure p(y | θ) dθ,
it has Gauss rules of its own: m nodes that integrate every polynomial up to degree 2m - 1 against
it exactly, with positive weights. The domain is cut into cells of equal width and each cell gets
such a rule (Golub & Welsch 1969, by the Stieltjes recurrence), so that

    p(y | μ, τ) = ∫ p(y | θ) N(θ | μ, τ) dθ = Σ_w exp(ℓ_w) N(θ_w | μ, τ)

for every normal density that is not much narrower than a cell, wherever its mean lies: narrow
peaks, second solutions and heavy tails alike. With the defaults the logarithm is right to 1e-3
for τ >= 0.3.

References
----------
golub_welsch1969, Golub & Welsch (1969), Mathematics of Computation 23, 221-230.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.units import Floats

CELL_WIDTH = 2.45
"""Largest width of a cell, in units of ln k."""

NODES_PER_CELL = 10

NO_LENGTH = 1e-12
"""A polynomial of this norm, in units of ln k, is zero but for rounding."""

SMALLEST_TAU = 0.3
"""Standard deviations of N(θ | μ, τ) from here on are integrated to 1e-3 in the logarithm."""


@dataclass(frozen=True)
class Nodes:
    """Quadrature nodes of N layers.

    Attributes
    ----------
    theta : ndarray of float32, shape (N, W), or (N, M, W) where there are M shapes
        ln k at the nodes, rising along the last axis.
    log_weight : ndarray of float32, of the same shape
        Log weights ℓ; -inf where a cell holds no likelihood at all.
    """

    theta: NDArray[np.float32]
    log_weight: NDArray[np.float32]

    def of(self, rows: NDArray[np.bool_]) -> Nodes:
        """Nodes of some of the layers (mask, shape (N,))."""
        return Nodes(self.theta[rows], self.log_weight[rows])


def compress(theta: Floats, log_likelihood: Floats) -> Nodes:
    """Compress likelihoods on a grid to Gauss nodes.

    Parameters
    ----------
    theta : ndarray, shape (G,)
        Evenly spaced grid of ln k.
    log_likelihood : ndarray, shape (N, G)
        log p(y_i | θ) on the grid; see :func:`.table.log_likelihood_grid`.

    Returns
    -------
    Nodes
        With W = 10 nodes per cell; 60 for the default range of k.
    """
    measure_log = log_likelihood + np.log(trapezoid_weights(theta))
    n_cells = int(np.ceil((theta[-1] - theta[0]) / CELL_WIDTH))
    positions, logs = [], []
    for cell in np.array_split(np.arange(len(theta)), n_cells):
        # Each cell is scaled to its own peak, so that far tails keep their digits.
        peak = measure_log[:, cell].max(axis=1, keepdims=True)
        peak = np.where(np.isfinite(peak), peak, 0.0)
        centre = theta[cell].mean()
        node, weight = _gauss_rule(theta[cell] - centre, np.exp(measure_log[:, cell] - peak))
        positions.append(node + centre)
        with np.errstate(divide="ignore"):
            logs.append(np.log(weight) + peak)
    return Nodes(
        np.concatenate(positions, axis=1, dtype=np.float32),
        np.concatenate(logs, axis=1, dtype=np.float32),
    )


def trapezoid_weights(theta: Floats) -> Floats:
    """Weights of the trapezoid rule on an evenly spaced grid, shape (G,)."""
    weights = np.full(len(theta), theta[1] - theta[0])
    weights[[0, -1]] /= 2.0
    return weights


def log_marginal_grid(theta: Floats, log_likelihood: Floats, mu: Floats, tau: float) -> Floats:
    """Log ∫ p(y | θ) N(θ | μ, τ) dθ by the dense trapezoid rule: the reference for the nodes.

    Parameters
    ----------
    theta : ndarray, shape (G,)
    log_likelihood : ndarray, shape (N, G)
    mu : ndarray, shape (N,)
    tau : float

    Returns
    -------
    ndarray, shape (N,)
    """
    z = (theta - mu[:, None]) / tau
    log_normal = -0.5 * z**2 - np.log(tau * np.sqrt(2.0 * np.pi))
    return np.asarray(
        np.logaddexp.reduce(log_likelihood + log_normal + np.log(trapezoid_weights(theta)), axis=1)
    )


def _gauss_rule(x: Floats, density: Floats) -> tuple[Floats, Floats]:
    """Gauss rules of N discrete measures on the same points.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Points, centred for the digits.
    density : ndarray, shape (N, n)
        Masses at the points, 0 or more.

    Returns
    -------
    nodes, weights : ndarray, shape (N, m)
    """
    order = min(NODES_PER_CELL, len(x))
    mass = density.sum(axis=1)
    safe_mass = np.where(mass > 0, mass, 1.0)
    diagonal = np.zeros((len(density), order))
    beside = np.zeros((len(density), order))
    previous, current = np.zeros_like(density), 1.0 / np.sqrt(safe_mass)[:, None] + 0.0 * density
    for j in range(order):
        weighted = density * current
        diagonal[:, j] = (weighted * current * x).sum(axis=1)
        following = (x - diagonal[:, j, None]) * current
        if j > 0:
            following -= beside[:, j - 1, None] * previous
        length = np.sqrt((density * following**2).sum(axis=1))
        # A measure on fewer points than nodes (a likelihood that vanishes in most of its cell)
        # has no further polynomials: the nodes that are left over get no weight.
        beside[:, j] = np.where(length > NO_LENGTH, length, 0.0)
        scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > NO_LENGTH)
        previous, current = current, following * scale[:, None]
    jacobi = np.zeros((len(density), order, order))
    main, first = np.arange(order), np.arange(order - 1)
    jacobi[:, main, main] = diagonal
    jacobi[:, first, first + 1] = jacobi[:, first + 1, first] = beside[:, :-1]
    nodes, vectors = np.linalg.eigh(jacobi)
    return nodes, mass[:, None] * vectors[:, 0, :] ** 2

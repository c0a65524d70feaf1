"""How good a predictive distribution was, once the value is known: CRPS, PIT, coverage.

A predictive distribution is given as weighted values, so that draws of a model, the values of a
cell and the leaves of a forest are scored by the same code.

References
----------
gneiting_raftery2007, Gneiting & Raftery (2007), JASA 102, 359-378: the continuous ranked
probability score CRPS = E|X - y| - E|X - X'|/2, in the unit of y, lower is better.
ferro2014, Ferro (2014), QJRMS 140, 1917-1923: the fair estimator from a finite sample.
meinshausen2006, Meinshausen (2006), JMLR 7, 983-999: forests as weighted values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayes_rootc.units import Floats

LEVELS = (0.5, 0.9, 0.95)
"""Levels of the central intervals."""


@dataclass(frozen=True)
class Predictive:
    """Predictive distributions of N observations as weighted values.

    Attributes
    ----------
    values : ndarray, shape (N, S)
        Rising along the second axis.
    weights : ndarray, shape (N, S)
        0 or more, sum 1.
    fair : bool
        The values are draws from the distribution, not the distribution itself: the spread that a
        finite sample lacks is made good.
    """

    values: Floats
    weights: Floats
    fair: bool


def from_draws(draws: ArrayLike) -> Predictive:
    """Equally weighted draws of shape (S, N)."""
    values = np.sort(np.asarray(draws, float).T, axis=1)
    return Predictive(values, np.full(values.shape, 1.0 / values.shape[1]), fair=True)


def from_weights(values: ArrayLike, weights: ArrayLike) -> Predictive:
    """Values shared by all observations, shape (S,), with weights of shape (N, S)."""
    shared, given = np.asarray(values, float), np.asarray(weights, float)
    order = np.argsort(shared)
    rows = np.broadcast_to(shared[order], given.shape)
    return Predictive(rows, given[:, order] / given.sum(axis=1, keepdims=True), fair=False)


def crps(predictive: Predictive, y: ArrayLike) -> Floats:
    """Continuous ranked probability score, in the unit of ``y``.

    Parameters
    ----------
    predictive : Predictive
    y : array_like, shape (N,)
        What came true.

    Returns
    -------
    ndarray, shape (N,)
        0 or more, but for the noise of the fair estimator; |x - y| for a point forecast x.
    """
    values, weights = predictive.values, predictive.weights
    distance = (weights * np.abs(values - _column(y))).sum(axis=1)
    # E|X - X'| = 2 ∫ F (1 - F), a sum over the gaps between sorted values.
    below = np.cumsum(weights, axis=1)[:, :-1]
    spread = 2.0 * (below * (1.0 - below) * np.diff(values, axis=1)).sum(axis=1)
    if predictive.fair:
        spread = spread / (1.0 - (weights**2).sum(axis=1))
    return np.asarray(distance - 0.5 * spread)


def pit(predictive: Predictive, y: ArrayLike) -> Floats:
    """Probability integral transform P(X < y) + P(X = y)/2, shape (N,); uniform if calibrated."""
    values, weights, truth = predictive.values, predictive.weights, _column(y)
    return np.asarray((weights * ((values < truth) + 0.5 * (values == truth))).sum(axis=1))


def quantiles(predictive: Predictive, probabilities: ArrayLike) -> Floats:
    """Quantiles, shape (N, Q).

    Each value stands at the middle of its own weight; straight lines between (Hazen's rule for
    equal weights).
    """
    wanted = np.asarray(probabilities, float)
    middle = np.cumsum(predictive.weights, axis=1) - 0.5 * predictive.weights
    result = np.empty((len(middle), len(wanted)))
    for i, (place, value, weight) in enumerate(
        zip(middle, predictive.values, predictive.weights, strict=True)
    ):
        used = weight > 0
        result[i] = np.interp(wanted, place[used], value[used])
    return result


def score(predictive: Predictive, y: ArrayLike) -> pd.DataFrame:
    """Score every observation.

    Parameters
    ----------
    predictive : Predictive
    y : array_like, shape (N,)

    Returns
    -------
    DataFrame
        One row an observation: ``crps``, ``pit``, ``median``, and for each of :data:`LEVELS`, such
        as 0.9, ``lower_90``, ``upper_90`` and whether the interval covers: ``covered_90``.
    """
    truth = np.asarray(y, float)
    columns = {
        "crps": crps(predictive, truth),
        "pit": pit(predictive, truth),
        "median": quantiles(predictive, [0.5])[:, 0],
    }
    table = pd.DataFrame(columns)
    for level in LEVELS:
        lower, upper = quantiles(predictive, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]).T
        name = percent(level)
        table[f"lower_{name}"], table[f"upper_{name}"] = lower, upper
        table[f"covered_{name}"] = (lower <= truth) & (truth <= upper)
    return table


def percent(level: float) -> str:
    """Write 0.9 as ``90``: the ending of a column's name."""
    return f"{100.0 * level:g}"


def clustered_error(values: ArrayLike, cluster: ArrayLike) -> float:
    """Standard error of a mean whose terms are alike within clusters, such as places.

    Parameters
    ----------
    values : array_like, shape (N,)
    cluster : array_like, shape (N,)
        Two clusters or more, else NaN.

    Returns
    -------
    float
        Square root of Σ_c (Σ_{i in c} (x_i - mean))² · C/(C - 1), over N.
    """
    terms = np.asarray(values, float)
    _, index = np.unique(np.asarray(cluster), return_inverse=True)
    n_clusters = int(index.max()) + 1
    if n_clusters < 2:
        return float("nan")
    sums = np.bincount(index, weights=terms - terms.mean())
    return float(np.sqrt((sums**2).sum() * n_clusters / (n_clusters - 1)) / len(terms))


def _column(y: ArrayLike) -> Floats:
    return np.asarray(y, float)[:, None]

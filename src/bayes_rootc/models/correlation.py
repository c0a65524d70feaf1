"""Correlation matrices from canonical partial correlations (numpy)."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bayes_rootc.units import Floats

PARTIAL_CORRELATION = "partial_correlation"
"""Variable that holds them, mapped from (-1, 1) to (0, 1)."""


def pairs_of(n: int) -> list[tuple[int, int]]:
    """Pairs of rows in the order in which their partial correlations are stored."""
    return list(combinations(range(n), 2))


def correlation_matrix(partial: Floats, n: int) -> Floats:
    """Correlation matrices of draws of partial correlations.

    Parameters
    ----------
    partial : ndarray, shape (..., n (n - 1) / 2)
        Canonical partial correlations mapped to (0, 1), in the order of :func:`pairs_of`.
    n : int

    Returns
    -------
    ndarray, shape (..., n, n)

    Examples
    --------
    >>> correlation_matrix(np.array([0.75]), 2).round(6).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    values = dict(zip(pairs_of(n), np.moveaxis(2.0 * partial - 1.0, -1, 0), strict=True))
    factor = np.zeros((*partial.shape[:-1], n, n))
    for i in range(n):
        left = np.ones(partial.shape[:-1])
        for j in range(i):
            factor[..., i, j] = values[j, i] * np.sqrt(left)
            left = left * (1.0 - values[j, i] ** 2)
        factor[..., i, i] = np.sqrt(left)
    return np.asarray(factor @ np.swapaxes(factor, -1, -2))

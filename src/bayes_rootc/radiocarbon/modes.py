"""Solutions of the two-root problem: the modes of a density over ln k and the mass of each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bayes_rootc.units import Floats

LEAST_MASS = 0.001
"""Peaks that hold less of the posterior mass are ripples of the heavy tails, not solutions."""

SHALLOWEST_DIP = 0.8
"""Two peaks are one solution where the density between them stays above this share of the lower."""


@dataclass(frozen=True)
class Mode:
    """One solution.

    Attributes
    ----------
    mass : float
        Posterior mass, 0 to 1.
    peak, median, low, high : float
        Densest point, median and central interval of ln k within the solution.
    at_edge : bool
        Whether the density is highest at the end of the range of k: the interval is then bounded
        by that range, not by the data.
    """

    mass: float
    peak: float
    median: float
    low: float
    high: float
    at_edge: bool


def find_modes(theta: Floats, mass: Floats, level: float = 0.95) -> tuple[Mode, ...]:
    """Split a density at its valleys.

    Parameters
    ----------
    theta : ndarray, shape (G,)
        Evenly spaced grid of ln k.
    mass : ndarray, shape (G,)
        Probability of each grid point; sums to 1.
    level : float
        Mass of the central interval within each solution.

    Returns
    -------
    tuple of Mode
        From the largest mass to the smallest. What they lack to 1 lies in ripples, each below
        :data:`LEAST_MASS`.
    """
    found = []
    for start, stop in _segments(mass):
        part = mass[start:stop]
        total = float(part.sum())
        if total < LEAST_MASS:
            continue
        peak = start + int(part.argmax())
        tail = (1.0 - level) / 2.0
        median, low, high = _quantiles(theta[start:stop], part / total, (0.5, tail, 1.0 - tail))
        at_edge = peak in (0, len(mass) - 1)
        found.append(Mode(total, float(theta[peak]), median, low, high, at_edge))
    return tuple(sorted(found, key=lambda mode: -mode.mass))


def _segments(mass: Floats) -> list[tuple[int, int]]:
    """Stretches of the grid between valleys that are deep enough."""
    padded = np.concatenate([[0.0], mass, [0.0]])
    rises = padded[1:-1] > padded[:-2]
    falls = padded[1:-1] >= padded[2:]
    peaks: list[int] = np.flatnonzero(rises & falls).tolist()
    while True:
        valleys = [left + int(mass[left : right + 1].argmin()) for left, right in pairwise(peaks)]
        depths = [
            mass[valley] / min(mass[left], mass[right])
            for valley, left, right in zip(valleys, peaks, peaks[1:], strict=False)
        ]
        if not depths or max(depths) <= SHALLOWEST_DIP:
            break
        pair = int(np.argmax(depths))
        lower = pair if mass[peaks[pair]] < mass[peaks[pair + 1]] else pair + 1
        del peaks[lower]
    edges = [0, *valleys, len(mass)]
    return list(pairwise(edges))


def _quantiles(theta: Floats, mass: Floats, at: tuple[float, ...]) -> list[float]:
    # The mass of a grid point is spread evenly over its own interval.
    step = theta[1] - theta[0] if len(theta) > 1 else 0.0
    edges = np.append(theta - step / 2.0, theta[-1] + step / 2.0)
    cumulative = np.concatenate([[0.0], np.cumsum(mass)])
    return [float(value) for value in np.interp(at, cumulative / cumulative[-1], edges)]

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
        Densest point, median and interval of ln k within the solution: the central interval, or
        the one that runs to the end of the range where ``at_edge``.
    at_edge : bool
        Whether the density is highest at an end of the range of k: the data give a bound there,
        not a value.
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
        Probability of each grid point by the trapezoid rule, the two ends standing for half a
        step; sums to 1.
    level : float
        Mass of the interval within each solution.

    Returns
    -------
    tuple of Mode
        From the largest mass to the smallest. What they lack to 1 lies in ripples, each below
        :data:`LEAST_MASS`.
    """
    # The ends stand for half a step: without its step, a density that rises to the end of the
    # range would seem to peak one point before it.
    density = mass.copy()
    density[[0, -1]] *= 2.0
    found = []
    for start, stop in _segments(density):
        total = float(mass[start:stop].sum())
        if total < LEAST_MASS:
            continue
        peak = start + int(density[start:stop].argmax())
        below, above = _tails(peak, len(mass), level)
        median, low, high = _quantiles(theta, mass, start, stop, (0.5, below, 1.0 - above))
        at_edge = peak in (0, len(mass) - 1)
        found.append(Mode(total, float(theta[peak]), median, low, high, at_edge))
    return tuple(sorted(found, key=lambda mode: -mode.mass))


def _tails(peak: int, n_points: int, level: float) -> tuple[float, float]:
    """Mass left out below and above: both alike, but none where the peak is the range's end."""
    outside = 1.0 - level
    if peak == 0:
        return 0.0, outside
    if peak == n_points - 1:
        return outside, 0.0
    return outside / 2.0, outside / 2.0


def _segments(density: Floats) -> list[tuple[int, int]]:
    """Stretches of the grid between valleys that are deep enough."""
    padded = np.concatenate([[0.0], density, [0.0]])
    rises = padded[1:-1] > padded[:-2]
    falls = padded[1:-1] >= padded[2:]
    peaks: list[int] = np.flatnonzero(rises & falls).tolist()
    while True:
        valleys = [
            left + int(density[left : right + 1].argmin()) for left, right in pairwise(peaks)
        ]
        depths = [
            density[valley] / min(density[left], density[right])
            for valley, left, right in zip(valleys, peaks, peaks[1:], strict=False)
        ]
        if not depths or max(depths) <= SHALLOWEST_DIP:
            break
        pair = int(np.argmax(depths))
        lower = pair if density[peaks[pair]] < density[peaks[pair + 1]] else pair + 1
        del peaks[lower]
    edges = [0, *valleys, len(density)]
    return list(pairwise(edges))


def _quantiles(
    theta: Floats, mass: Floats, start: int, stop: int, at: tuple[float, ...]
) -> list[float]:
    # The mass of a grid point is spread evenly over its own interval.
    step = theta[1] - theta[0]
    edges = np.append(theta[start:stop] - step / 2.0, theta[stop - 1] + step / 2.0)
    edges = np.clip(edges, theta[0], theta[-1])
    cumulative = np.concatenate([[0.0], np.cumsum(mass[start:stop])])
    return [float(value) for value in np.interp(at, cumulative / cumulative[-1], edges)]

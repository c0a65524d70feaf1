"""Δ14C as a fixed function of ln k for every layer, tabulated once; its likelihood on the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_rootc.radiocarbon.atmosphere import load_atmosphere
from bayes_rootc.radiocarbon.measurement import log_density
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.radiocarbon.structures import Mixture, mix, mixing_weights
from bayes_rootc.units import Floats


@dataclass(frozen=True)
class Input:
    """What the pools receive: the settings of :func:`.atmosphere.load_atmosphere`."""

    folder: Path | None = None
    initial: str = "constant"
    prebomb_delta14c: float = 0.0
    lag: float = 0.0


K_SLOWEST, K_FASTEST = 1e-9, 128.0
"""Rates (yr⁻¹) beyond which a part of a mixture has no 14C at all, or that of the air."""


@dataclass(frozen=True)
class ForwardTable:
    """Δ14C(ln k) for N layers that share U distinct pairs of zone and sampling time.

    In a structure of many rates k is their mean over the layer's stock.

    Attributes
    ----------
    theta : ndarray, shape (G,)
        Grid of ln k (k in yr⁻¹), evenly spaced, rising.
    delta14c : ndarray, shape (U, G)
        Δ14C of the pool, ‰.
    row : ndarray of int, shape (N,)
        Which of the U curves belongs to a layer.
    """

    theta: Floats
    delta14c: Floats
    row: NDArray[np.intp]

    def of(self, rows: NDArray[np.bool_]) -> ForwardTable:
        """Table of some of the layers (mask, shape (N,))."""
        return replace(self, row=self.row[rows])

    def predict(self, theta: Floats) -> Floats:
        """Δ14C of every layer at given ln k, by straight lines between grid points.

        Parameters
        ----------
        theta : ndarray, shape (..., N)
            ln k; values beyond the grid are held at its ends.

        Returns
        -------
        ndarray, shape (..., N)
            Δ14C, ‰; within 0.1 ‰ of the exact solution.
        """
        step = self.theta[1] - self.theta[0]
        place = np.clip((theta - self.theta[0]) / step, 0.0, len(self.theta) - 1.0)
        left = np.minimum(place.astype(np.intp), len(self.theta) - 2)
        share = place - left
        low, high = self.delta14c[self.row, left], self.delta14c[self.row, left + 1]
        return np.asarray(low + share * (high - low))


@dataclass(frozen=True)
class ShapeTable:
    """Forward tables at evenly spaced values (knots) of ln shape, straight lines in between.

    Attributes
    ----------
    ln_shape : ndarray, shape (M,)
    tables : tuple of ForwardTable, length M
    """

    ln_shape: Floats
    tables: tuple[ForwardTable, ...]

    def of(self, rows: NDArray[np.bool_]) -> ShapeTable:
        """Tables of some of the layers (mask, shape (N,))."""
        return replace(self, tables=tuple(table.of(rows) for table in self.tables))

    def place(self, shape: Floats) -> Floats:
        """Where shapes lie among the knots, 1 to M - 2 within the range that is sampled."""
        step = self.ln_shape[1] - self.ln_shape[0]
        return np.asarray(
            np.clip((np.log(shape) - self.ln_shape[0]) / step, 0.0, len(self.ln_shape) - 1.0)
        )

    def predict(self, theta: Floats, place: Floats) -> Floats:
        """Δ14C (‰) of layers at given ln k and places among the knots, shape (S, N) each."""
        left = np.minimum(place.astype(np.intp), len(self.tables) - 2)
        found = np.zeros(theta.shape)
        for knot in np.unique(np.concatenate([left.ravel(), left.ravel() + 1])):
            weight = np.maximum(1.0 - np.abs(place - knot), 0.0)
            found += weight * self.tables[knot].predict(theta)
        return found


def theta_grid(k_min: float = 1e-6, k_max: float = 2.0, step: float = 0.02) -> Floats:
    """Evenly spaced grid of ln k from ``k_min`` to ``k_max`` (yr⁻¹), no coarser than ``step``."""
    low, high = np.log(k_min), np.log(k_max)
    return np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)


def build_table(
    zone: ArrayLike, time: ArrayLike, theta: Floats, received: Input | None = None
) -> ForwardTable:
    """Solve the one-pool model for every distinct pair of zone and sampling time.

    Parameters
    ----------
    zone : array_like of str, shape (N,)
        Atmospheric zone of each layer.
    time : array_like, shape (N,)
        Decimal calendar year of sampling.
    theta : ndarray, shape (G,)
        Grid of ln k.
    received : Input, optional
        Atmosphere settings; the packaged constant-state atmosphere by default.
    """
    received = received or Input()
    zone, time = np.asarray(zone), np.asarray(time, float)
    row = np.empty(len(time), dtype=np.intp)
    curves: list[Floats] = []
    filled = 0
    for name in np.unique(zone):
        here = zone == name
        times, place = np.unique(time[here], return_inverse=True)
        atmosphere = load_atmosphere(
            str(name), received.folder, received.initial, received.prebomb_delta14c, received.lag
        )
        curves.append(pool_delta14c(np.exp(theta), atmosphere, times).T)
        row[here] = filled + place
        filled += len(times)
    return ForwardTable(theta, np.concatenate(curves), row)


def build_mixtures(
    zone: ArrayLike,
    time: ArrayLike,
    theta: Floats,
    mixtures: Sequence[Mixture],
    received: Input | None = None,
) -> list[ForwardTable]:
    """Mix the one-pool curves by each of several structures; as :func:`build_table` for one pool.

    Parameters
    ----------
    zone, time, theta, received
        As in :func:`build_table`.
    mixtures : sequence of Mixture

    Returns
    -------
    list of ForwardTable
        Over ln of the mean rate, within 0.1 ‰ of the integral over the distribution of rates.
    """
    if all(mixture.name == "one_pool" for mixture in mixtures):
        return [build_table(zone, time, theta, received)] * len(mixtures)
    step = (theta[-1] - theta[0]) / (len(theta) - 1)
    before = int(np.ceil((theta[0] - np.log(K_SLOWEST)) / step))
    after = int(np.ceil((np.log(K_FASTEST) - theta[-1]) / step))
    reach = theta[0] + step * np.arange(-before, len(theta) + after)
    wide = build_table(zone, time, reach, received)
    return [
        ForwardTable(
            theta, mix(wide.delta14c, *mixing_weights(m, step), before, len(theta)), wide.row
        )
        for m in mixtures
    ]


def error_scale(delta14c_err: ArrayLike, default: float, floor: float, model: float) -> Floats:
    """Scale of the Student-t error of Δ14C, ‰: measurement and model error in quadrature.

    Parameters
    ----------
    delta14c_err : array_like, shape (N,)
        Reported standard deviation, ‰; NaN where none is reported.
    default, floor, model : float
        Error where none is reported, least measurement error, and model error, ‰.
    """
    reported = np.asarray(delta14c_err, float)
    measured = np.maximum(np.where(np.isnan(reported), default, reported), floor)
    return np.hypot(measured, model)


def log_likelihood_grid(
    table: ForwardTable, delta14c: ArrayLike, scale: ArrayLike, df: float
) -> Floats:
    """Log p(Δ14C_i | ln k) on the grid, Student-t with ``df`` degrees of freedom.

    Parameters
    ----------
    delta14c, scale : array_like, shape (N,)
        Observation and its scale, ‰.

    Returns
    -------
    ndarray, shape (N, G)
        Log density, per ‰.
    """
    scale = np.asarray(scale, float)[:, None]
    residual = np.asarray(delta14c, float)[:, None] - table.delta14c[table.row]
    return log_density(residual, scale, df)

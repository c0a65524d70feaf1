"""Turnover of one sample: every solution of Δ14C for the turnover time, with its mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_rootc.errors import AtmosphereError, UnitError
from bayes_rootc.radiocarbon.atmosphere import sample_time, zone_of_latitude
from bayes_rootc.radiocarbon.modes import Mode, find_modes
from bayes_rootc.radiocarbon.quadrature import trapezoid_weights
from bayes_rootc.radiocarbon.structures import Mixture
from bayes_rootc.radiocarbon.table import (
    Input,
    build_mixtures,
    error_scale,
    log_likelihood_grid,
    theta_grid,
)
from bayes_rootc.units import Floats, check_delta14c

DEFAULT_SD = 6.0
FLOOR_SD = 3.0
MODEL_SD = 8.0
STUDENT_T_DF = 4.0
GRID_STEP = 0.005

FIRST_YEAR = 1850.0
"""No soil was sampled for radiocarbon, or archived, before; 98 does not mean 1998."""

RANGE_END = 1.1
"""An interval that ends within this factor of the range of k ends where the range does."""

MISFIT_SCALES = 5.0
"""A Δ14C further than this many error scales from every possible pool is refused."""


@dataclass(frozen=True)
class SampleTurnover:
    """Answer for one sample.

    Attributes
    ----------
    modes : tuple of dict
        ``turnover_years`` (densest point over ln k), ``median``, ``lower``, ``upper`` (interval),
        all in years, ``mass``, ``bounded_by_range`` (the density is highest at an end of the
        range of k, and the interval runs to that end) and ``reaches_range`` (an end of the interval
        is within a tenth of it); largest mass first.
    delta14c, sd : float
        Observation and its measurement error, ‰.
    year : float
        Moment of sampling, decimal calendar year.
    zone, initial : str
        Atmosphere.
    mixture : Mixture
        Decay rates within the layer; ``mixture.mean_stock_age(1 / turnover_years)`` is the mean age
        of its carbon.
    level : float
        Mass of the intervals.
    turnover_grid, density : ndarray, shape (G,)
        Posterior density over ln(turnover), for plots; turnover in years, falling.
    reachable : tuple of float
        Smallest and largest Δ14C that a pool with k from 1e-6 to 2 yr⁻¹ can have in that year and
        zone, ‰.
    """

    modes: tuple[dict[str, float | bool], ...]
    delta14c: float
    sd: float
    year: float
    zone: str
    initial: str
    mixture: Mixture
    level: float
    turnover_grid: Floats
    density: Floats
    reachable: tuple[float, float]

    @property
    def is_reachable(self) -> bool:
        """Whether a pool comes as near as its error; else the answer rests on heavy tails alone."""
        low, high = self.reachable
        error = float(_error_scale(self.sd)[0])
        return low - error <= self.delta14c <= high + error


def sample_turnover(
    delta14c: float,
    year: float,
    lat: float | None = None,
    *,
    zone: str | None = None,
    sd: float | None = None,
    level: float = 0.95,
    mixture: Mixture | None = None,
    received: Input | None = None,
) -> SampleTurnover:
    """Posterior of the turnover time of one sample under a flat prior on ln k.

    The likelihood is that of the turnover model: Student-t (ν = 4) with the measurement error and
    a model error of 8 ‰ in quadrature; k from 1e-6 to 2 yr⁻¹. A fit of many layers borrows
    strength from profiles and biomes; this does not.

    Parameters
    ----------
    delta14c : float
        Δ14C of the bulk soil, ‰, -1000 to 1000.
    year : float
        Calendar year of sampling (a whole year means its middle), 1850 to 2026.
    lat : float, optional
        Latitude, degrees north; gives the zone where none is named.
    zone : str, optional
        Atmospheric zone.
    sd : float, optional
        Measurement error, ‰; 6 ‰ by default, never taken below 3 ‰.
    level : float
        Mass of the intervals within each solution.
    mixture : Mixture, optional
        Decay rates within the layer; one pool by default. Turnover time is then 1/(mean rate).
    received : Input, optional
        Atmosphere settings.

    Returns
    -------
    SampleTurnover

    Raises
    ------
    UnitError
        If Δ14C or its error is impossible, or no pool can have this Δ14C in that year.
    AtmosphereError
        If zone and latitude are both missing, or the year is outside 1850 to 2026.

    Examples
    --------
    >>> answer = sample_turnover(-150.0, 2000, 45.0)
    >>> round(answer.modes[0]["turnover_years"], -1)
    1560.0
    """
    _check_arguments(delta14c, year, sd, level)
    if zone is None:
        if lat is None:
            raise AtmosphereError("give a latitude (lat) or an atmospheric zone")
        zone = str(zone_of_latitude(lat))
    received, mixture = received or Input(), mixture or Mixture()
    theta = theta_grid(step=GRID_STEP)
    time = sample_time(year)
    table = build_mixtures([zone], [time], theta, [mixture], received)[0]
    scale = _error_scale(sd)
    _check_reachable(float(delta14c), float(year), zone, table.delta14c, float(scale[0]))
    log_density = log_likelihood_grid(table, [delta14c], scale, STUDENT_T_DF)[0]
    mass = np.exp(log_density - log_density.max()) * trapezoid_weights(theta)
    mass /= mass.sum()
    return SampleTurnover(
        modes=tuple(_in_years(mode, theta) for mode in find_modes(theta, mass, level)),
        delta14c=float(delta14c),
        sd=DEFAULT_SD if sd is None else float(sd),
        year=float(time),
        zone=zone,
        initial=received.initial,
        mixture=mixture,
        level=level,
        turnover_grid=np.exp(-theta),
        density=mass / trapezoid_weights(theta),
        reachable=(float(table.delta14c.min()), float(table.delta14c.max())),
    )


def _error_scale(sd: float | None) -> Floats:
    """Measurement error of one sample and that of the model in quadrature, ‰, shape (1,)."""
    measured = np.array([np.nan if sd is None else sd])
    return error_scale(measured, DEFAULT_SD, FLOOR_SD, MODEL_SD)


def _check_arguments(delta14c: float, year: float, sd: float | None, level: float) -> None:
    check_delta14c(delta14c)
    if np.isnan(delta14c):
        raise UnitError("Δ14C is not a number; it must lie between -1000 and 1000 ‰")
    if year < FIRST_YEAR:
        raise AtmosphereError(
            f"year {year:g} is not a year of sampling; it must be {FIRST_YEAR:.0f} or later, "
            "in four digits"
        )
    if sd is not None and not 0 < sd <= 500:
        raise UnitError(f"sd = {sd:g} is impossible; it must be above 0 and at most 500 ‰")
    if not 0 < level < 1:
        raise UnitError(f"level = {level:g} is impossible; it must lie between 0 and 1")


def _check_reachable(delta14c: float, year: float, zone: str, curve: Floats, scale: float) -> None:
    """Refuse a value that the heavy tails alone would have to explain."""
    low, high = float(curve.min()), float(curve.max())
    beyond = max(low - delta14c, delta14c - high)
    if beyond > MISFIT_SCALES * scale:
        raise UnitError(
            f"Δ14C = {delta14c:g} ‰ in {year:g} is beyond any pool in {zone} "
            f"({low:.0f} to {high:.0f} ‰); check its sign, its unit and the year"
        )


def _in_years(mode: Mode, theta: Floats) -> dict[str, float | bool]:
    near = np.log(RANGE_END)
    return {
        "turnover_years": float(np.exp(-mode.peak)),
        "median": float(np.exp(-mode.median)),
        "lower": float(np.exp(-mode.high)),
        "upper": float(np.exp(-mode.low)),
        "mass": mode.mass,
        "bounded_by_range": mode.at_edge,
        "reaches_range": bool(mode.low < theta[0] + near or mode.high > theta[-1] - near),
    }

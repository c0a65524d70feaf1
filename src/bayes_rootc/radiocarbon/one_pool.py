"""The one-pool model, solved exactly: dA/dt = k·A_in(t) - (k + γ)·A (eq. 1).

For A_in linear between two nodes the step has a closed form, so there is no numerical solver and
no step-size error; before the first node the pool is in steady state, A = k/(k+γ)·A_in (eq. 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayes_rootc.errors import AtmosphereError, UnitError
from bayes_rootc.radiocarbon.atmosphere import LAST_YEAR, Atmosphere
from bayes_rootc.units import GAMMA, Floats, afm_from_delta14c, delta14c_from_afm


def steady_delta14c(k: ArrayLike, delta14c_in: float = 0.0) -> Floats:
    """Δ14C of a pool under a constant atmosphere (eq. 2).

    Parameters
    ----------
    k : array_like
        Decay rate, yr⁻¹, above 0.
    delta14c_in : float
        Δ14C of the input, ‰.

    Examples
    --------
    >>> round(float(steady_delta14c(1 / 8267.0)), 9)
    -500.0
    """
    k = _checked_k(k)
    return delta14c_from_afm(k / (k + GAMMA) * afm_from_delta14c(delta14c_in))


def pool_delta14c(k: ArrayLike, atmosphere: Atmosphere, times: ArrayLike) -> Floats:
    """Δ14C of one homogeneous pool at given times.

    Parameters
    ----------
    k : array_like, shape (K,)
        Decay rates, yr⁻¹, above 0.
    atmosphere : Atmosphere
        Input; see :func:`bayes_rootc.radiocarbon.atmosphere.load_atmosphere`.
    times : array_like, shape (T,)
        Decimal calendar years, up to the end of 2026.

    Returns
    -------
    ndarray, shape (K, T)
        Δ14C of the pool, ‰.

    Raises
    ------
    AtmosphereError
        If a time lies after 2026.
    UnitError
        If a rate is not a positive number.
    """
    k = np.atleast_1d(_checked_k(k))
    times = np.atleast_1d(np.asarray(times, float))
    _check_times(times)
    year, afm_in = atmosphere.year, atmosphere.delta14c / 1000.0 + 1.0
    state = k / (k + GAMMA) * (atmosphere.steady_delta14c / 1000.0 + 1.0)
    afm = np.empty((len(k), len(times)))
    afm[:, times <= year[0]] = state[:, None]
    segment = np.searchsorted(year, times, side="left") - 1
    last = int(segment.max(initial=-1))
    for n in range(last + 1):
        for t in np.flatnonzero(segment == n):
            here = np.interp(times[t], year[n : n + 2], afm_in[n : n + 2])
            afm[:, t] = _step(state, k, afm_in[n], here, times[t] - year[n])
        state = _step(state, k, afm_in[n], afm_in[n + 1], year[n + 1] - year[n])
    return delta14c_from_afm(afm)


def _step(state: Floats, k: Floats, start: float, end: float, years: float) -> Floats:
    """Advance the pool over one stretch in which the input runs straight from start to end."""
    x = (k + GAMMA) * years
    decay = np.exp(-x)
    phi1 = -np.expm1(-x) / x
    # (1 - phi1)/x loses digits to cancellation for small x; its series does not.
    series = 0.5 - x / 6.0 + x**2 / 24.0 - x**3 / 120.0
    phi2 = np.where(x < 1e-3, series, (1.0 - phi1) / x)
    return decay * state + k * years * (start * phi1 + (end - start) * phi2)


def _checked_k(k: ArrayLike) -> Floats:
    k = np.asarray(k, float)
    if not np.all((k > 0) & np.isfinite(k)):
        raise UnitError("k must be a positive number of yr⁻¹")
    return k


def _check_times(times: Floats) -> None:
    bad = times[~(times <= LAST_YEAR + 1.0)]
    if bad.size:
        raise AtmosphereError(
            f"year {bad[0]:g} is beyond the atmospheric record; it must be {LAST_YEAR} or earlier"
        )

"""Isotope notations and rates, converted once, at the door.

Δ14C is age-corrected to the year of measurement or growth, so that the *absolute fraction
modern* AFM = Δ14C/1000 + 1 is a plain isotope ratio relative to a fixed standard [1]_. F14C is
not AFM: the two differ by exp((1950 - y)/8267) [2]_.

References
----------
.. [1] stuiver_polach1977, Stuiver & Polach (1977), Radiocarbon 19, 355-363.
.. [2] reimer2004, Reimer, Brown & Reimer (2004), Radiocarbon 46, 1299-1304.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_rootc.errors import UnitError

Floats = NDArray[np.float64]

MEAN_LIFE_14C = 8267.0
"""Mean life of 14C, years (half-life 5730 years)."""

MG_PER_HA = 0.01
"""Mg ha-1 in one g m-2."""

GAMMA = 1.0 / MEAN_LIFE_14C
"""Decay constant of 14C, per year (eq. 1)."""

DELTA14C_MIN = -1000.0
"""Δ14C of carbon without any 14C, ‰."""

DELTA14C_MAX = 1000.0
"""Above every zonal atmospheric mean ever published (Hua et al. 2021: 945 ‰ in 1963), ‰."""


def _checked(name: str, values: ArrayLike, low: float, high: float, right: str) -> Floats:
    array = np.asarray(values, dtype=float)
    bad = ~((array >= low) & (array <= high)) & ~np.isnan(array)
    if bad.any():
        raise UnitError(f"{name} = {array[bad].flat[0]:g} is impossible; {right}")
    return array


def check_delta14c(delta14c: ArrayLike) -> Floats:
    """Return Δ14C as floats, refusing values outside -1000 to 1000 ‰ (NaN passes).

    Parameters
    ----------
    delta14c : array_like
        Δ14C, ‰.

    Raises
    ------
    UnitError
        If a value lies outside the range.
    """
    return _checked(
        "Δ14C", delta14c, DELTA14C_MIN, DELTA14C_MAX, "it must lie between -1000 and 1000 ‰"
    )


def afm_from_delta14c(delta14c: ArrayLike) -> Floats:
    """Absolute fraction modern, AFM = Δ14C/1000 + 1 (eq. 4).

    Parameters
    ----------
    delta14c : array_like
        Δ14C, ‰, from -1000 to 1000.

    Returns
    -------
    ndarray
        AFM, dimensionless, same shape.

    Raises
    ------
    UnitError
        If a value lies outside the range.

    Examples
    --------
    >>> float(afm_from_delta14c(-150.0))
    0.85
    """
    return check_delta14c(delta14c) / 1000.0 + 1.0


def delta14c_from_afm(afm: ArrayLike) -> Floats:
    """Δ14C = (AFM - 1) · 1000 ‰ (eq. 5); AFM from 0 to 2, any shape.

    Examples
    --------
    >>> float(delta14c_from_afm(0.5))
    -500.0
    """
    return (_checked("AFM", afm, 0.0, 2.0, "it must lie between 0 and 2") - 1.0) * 1000.0


def delta14c_from_f14c(f14c: ArrayLike, year: ArrayLike) -> Floats:
    """Δ14C of a fraction modern F14C measured in a sample of a given year [2]_.

    Δ14C = (F14C · exp((1950 - y)/8267) - 1) · 1000 ‰.

    Parameters
    ----------
    f14c : array_like
        Fraction modern, dimensionless, from 0 to 2 (not percent).
    year : array_like
        Calendar year of sampling, broadcast against ``f14c``.

    Raises
    ------
    UnitError
        If a fraction lies outside 0 to 2.

    Examples
    --------
    >>> round(float(delta14c_from_f14c(1.0, 2000.0)), 2)
    -6.03
    """
    fraction = _checked("F14C", f14c, 0.0, 2.0, "it must be a fraction between 0 and 2")
    return (fraction * np.exp((1950.0 - np.asarray(year, float)) / MEAN_LIFE_14C) - 1.0) * 1000.0


def f14c_from_delta14c(delta14c: ArrayLike, year: ArrayLike) -> Floats:
    """Fraction modern F14C, the inverse of :func:`delta14c_from_f14c`; Δ14C in ‰."""
    decay = np.exp((np.asarray(year, float) - 1950.0) / MEAN_LIFE_14C)
    return afm_from_delta14c(delta14c) * decay


def turnover_from_k(k: ArrayLike) -> Floats:
    """Turnover time C_age = 1/k, years (eq. 6); k in yr⁻¹, above 0.

    Raises
    ------
    UnitError
        If a rate is not positive.
    """
    return 1.0 / _checked("k", k, np.nextafter(0.0, 1.0), np.inf, "a decay rate is above 0 yr⁻¹")


def k_from_turnover(turnover_years: ArrayLike) -> Floats:
    """Decay rate k = 1/C_age, yr⁻¹ (eq. 6); C_age in years, above 0.

    Raises
    ------
    UnitError
        If a turnover time is not positive.
    """
    return 1.0 / _checked(
        "turnover", turnover_years, np.nextafter(0.0, 1.0), np.inf, "it must be above 0 years"
    )

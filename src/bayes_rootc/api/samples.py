"""One sample and one pool: turnover from Δ14C, and Δ14C from turnover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_rootc.errors import AtmosphereError
from bayes_rootc.radiocarbon.atmosphere import Atmosphere, load_atmosphere, zone_of_latitude
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.radiocarbon.sample import SampleTurnover, sample_turnover
from bayes_rootc.radiocarbon.table import Input
from bayes_rootc.units import k_from_turnover

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def turnover(
    delta14c: float, year: float, lat: float | None = None, **options: Any
) -> SampleTurnover:
    """Turnover time of one sample: every solution with its mass.

    Parameters
    ----------
    delta14c : float
        Δ14C, ‰.
    year : float
        Calendar year of sampling.
    lat : float, optional
        Latitude, or name the ``zone``.
    **options
        ``zone``, ``sd`` (‰), ``level``; ``mixture``, a structure as
        :class:`bayes_rootc.radiocarbon.structures.Mixture` ("gamma", 1.5), where the command has
        ``--structure``; see :func:`bayes_rootc.radiocarbon.sample.sample_turnover`.

    Examples
    --------
    >>> [round(mode["turnover_years"]) for mode in turnover(100.0, 2000, 45.0).modes]
    [3, 90]
    """
    return sample_turnover(delta14c, year, lat, **options)


def plot_turnover(answer: SampleTurnover) -> Figure:
    """Draw the posterior of one sample's turnover time, its solutions labelled."""
    from bayes_rootc.report.sample_plots import draw_turnover

    return draw_turnover(answer)


def forward_curve(
    turnover_years: float,
    zone: str | None = None,
    *,
    lat: float | None = None,
    start: float = 1950.0,
    stop: float = 2019.0,
    received: Input | None = None,
) -> pd.DataFrame:
    """Δ14C of one pool by month.

    Parameters
    ----------
    turnover_years : float
        Turnover time 1/k, years, above 0.
    zone : str, optional
        Atmospheric zone, such as ``NHZone2``; or give ``lat``.
    lat : float, optional
        Latitude, degrees north.
    start, stop : float
        Decimal calendar years; both ends are included where whole months reach them.
    received : Input, optional
        Atmosphere settings; a constant 0 ‰ before 1950.0 by default.

    Returns
    -------
    DataFrame
        ``year`` (decimal), ``delta14c`` (‰).

    Raises
    ------
    AtmosphereError
        If zone and latitude are both missing, or the years are out of order or beyond the record.

    Examples
    --------
    >>> curve = forward_curve(100.0, "NHZone2", start=1950, stop=2019)
    >>> print(len(curve), f"{curve['delta14c'].iloc[0]:.2f}")
    829 -11.95
    """
    years = _months(start, stop)
    delta14c = pool_delta14c(k_from_turnover(turnover_years), _air(zone, lat, received), years)[0]
    return pd.DataFrame({"year": years, "delta14c": delta14c})


def plot_curves(
    turnover_years: float | Sequence[float],
    zone: str | None = None,
    *,
    lat: float | None = None,
    start: float = 1950.0,
    stop: float = 2019.0,
    received: Input | None = None,
) -> Figure:
    """Draw Δ14C of pools, and of the atmosphere that they receive.

    Parameters and errors as of :func:`forward_curve`; several turnover times give several curves.
    """
    from bayes_rootc.report.sample_plots import draw_curves

    years, air = _months(start, stop), _air(zone, lat, received)
    pools = {
        float(years_of_pool): pool_delta14c(k_from_turnover(float(years_of_pool)), air, years)[0]
        for years_of_pool in np.atleast_1d(np.asarray(turnover_years, float))
    }
    return draw_curves(years, pools, air)


def _months(start: float, stop: float) -> np.ndarray:
    if not start <= stop:
        raise AtmosphereError(f"start = {start:g} lies after stop = {stop:g}; it must not")
    # The last month counts although 1/12 has no exact binary form.
    return start + np.arange(int(np.floor((stop - start) * 12.0 + 1e-6)) + 1) / 12.0


def _air(zone: str | None, lat: float | None, received: Input | None) -> Atmosphere:
    if zone is None:
        if lat is None:
            raise AtmosphereError("give a latitude (lat) or an atmospheric zone")
        zone = str(zone_of_latitude(lat))
    received = received or Input()
    return load_atmosphere(
        zone, received.folder, received.initial, received.prebomb_delta14c, received.lag
    )

"""Atmospheric Δ14C by zone: post-bomb curves, the history before them, and their extension.

Post-bomb monthly curves: Hua et al. (2021) [1]_. History: IntCal20 [2]_ in the north, SHCal20 [3]_
in the south. The package carries annual means of the first and thinned versions of the others
(``tables/``), so that it works with no data folder; where the monthly curves are available they
are used.

References
----------
.. [1] hua2021, Hua et al. (2021), Radiocarbon 64, 723-745, doi:10.1017/RDC.2021.95.
.. [2] reimer2020, Reimer et al. (2020), Radiocarbon 62, 725-757, doi:10.1017/RDC.2020.41.
.. [3] hogg2020, Hogg et al. (2020), Radiocarbon 62, 759-778, doi:10.1017/RDC.2020.59.
.. [4] hua2013, Hua, Barbetti & Rakowski (2013), Radiocarbon 55, 2059-2072.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_rootc.errors import AtmosphereError, DataError
from bayes_rootc.units import Floats, check_delta14c

BOMB_START = 1950.0
"""The `constant` state holds before this moment, decimal calendar year."""

LAST_YEAR = 2026
"""Last calendar year to which the curves are extended."""

TREND_YEARS = 10.0
INITIAL_STATES = ("constant", "calibrated")


@dataclass(frozen=True)
class Zone:
    """A zone of Hua et al. (2021), its southern edge in degrees, and its calibration curve."""

    name: str
    south: float
    history: str


ZONES = {
    zone.name: zone
    for zone in (
        # Hua et al. draw NH2 | NH3 along the summer position of the intertropical convergence
        # zone and SH3 | SH1-2 along its winter position; both wander with longitude by some ten
        # degrees. These are round mean latitudes; a user who knows better names the zone.
        Zone("NHZone1", 40.0, "intcal20"),
        Zone("NHZone2", 15.0, "intcal20"),
        Zone("NHZone3", 0.0, "intcal20"),
        Zone("SHZone3", -15.0, "shcal20"),
        Zone("SHZone12", -90.0, "shcal20"),
    )
}


@dataclass(frozen=True)
class Atmosphere:
    """Δ14C of what enters the soil: straight lines between nodes, a steady state before them.

    Attributes
    ----------
    zone : str
        One of :data:`ZONES`.
    initial : str
        ``constant`` or ``calibrated``.
    year : ndarray, shape (T,)
        Decimal calendar years of the nodes, rising.
    delta14c : ndarray, shape (T,)
        Δ14C at the nodes, ‰.
    steady_delta14c : float
        Δ14C of the constant atmosphere before the first node, ‰.
    source : str
        Where the curve comes from.
    extrapolated_from : float
        Nodes after this year are extended by the trend of the ten years before it.
    """

    zone: str
    initial: str
    year: Floats
    delta14c: Floats
    steady_delta14c: float
    source: str
    extrapolated_from: float

    def at(self, years: ArrayLike) -> Floats:
        """Δ14C of the input at decimal years, ‰; constant before the first node."""
        years = np.asarray(years, float)
        inside = np.interp(years, self.year, self.delta14c)
        return np.where(years < self.year[0], self.steady_delta14c, inside)


def zone_of_latitude(lat: ArrayLike) -> NDArray[np.str_]:
    """Zone of Hua et al. (2021) for latitudes in degrees north, -90 to 90, any shape.

    The boundaries 40° N, 15° N, 0° and 15° S stand for lines that follow the intertropical
    convergence zone [4]_; a sample near one of them may name its zone instead.

    Raises
    ------
    AtmosphereError
        If a latitude lies outside -90 to 90.
    """
    lat = np.asarray(lat, float)
    if not np.all((lat >= -90) & (lat <= 90)):
        bad = lat[~((lat >= -90) & (lat <= 90))].flat[0]
        raise AtmosphereError(f"latitude {bad:g} is impossible; it must lie between -90 and 90")
    return np.select(
        [lat >= zone.south for zone in ZONES.values()], list(ZONES), default="SHZone12"
    )


def sample_time(year: ArrayLike) -> Floats:
    """Moment of sampling: a whole calendar year means its middle, a decimal year itself.

    Examples
    --------
    >>> sample_time([2000, 2000.25]).tolist()
    [2000.5, 2000.25]
    """
    year = np.asarray(year, float)
    return np.where(year == np.floor(year), year + 0.5, year)


@lru_cache(maxsize=64)
def load_atmosphere(
    zone: str,
    folder: Path | None = None,
    initial: str = "constant",
    prebomb_delta14c: float = 0.0,
    lag: float = 0.0,
) -> Atmosphere:
    """Build the atmospheric input of one zone.

    Parameters
    ----------
    zone : str
        One of :data:`ZONES`.
    folder : Path, optional
        Data folder with ``tables/atmosphere_ZONE.csv`` (monthly) and the calibration curves;
        without it, or where a file is absent, the packaged tables.
    initial : {"constant", "calibrated"}
        ``constant``: Δ14C = ``prebomb_delta14c`` before 1950.0. ``calibrated``: IntCal20 or
        SHCal20 over the last 55,000 years.
    prebomb_delta14c : float
        Δ14C of the constant pre-bomb atmosphere, ‰.
    lag : float
        Years between photosynthesis and entry into soil, 0 or more. The input is the atmosphere
        of that many years before; what decays on the way, 0.12 ‰ a year, is neglected.

    Returns
    -------
    Atmosphere

    Raises
    ------
    AtmosphereError
        If the zone or the initial state is unknown, or the lag is negative.
    DataError
        If a curve in the folder cannot be read.
    """
    if zone not in ZONES:
        raise AtmosphereError(f"zone {zone!r} is unknown; it must be one of {', '.join(ZONES)}")
    if initial not in INITIAL_STATES:
        raise AtmosphereError(
            f"initial state {initial!r} is unknown; it must be constant or calibrated"
        )
    if not lag >= 0:
        raise AtmosphereError(f"lag {lag:g} is impossible; it must be 0 or more years")
    year, delta14c, source = _post_bomb(zone, folder)
    if initial == "constant":
        check_delta14c(prebomb_delta14c)
        start = np.interp(BOMB_START, year, delta14c)
        after = year > BOMB_START
        year = np.concatenate([[BOMB_START], year[after]])
        delta14c = np.concatenate([[start], delta14c[after]])
        steady = float(prebomb_delta14c)
    else:
        old_year, old_delta14c, old_source = _history(ZONES[zone].history, folder)
        before = old_year < year[0]
        year = np.concatenate([old_year[before], year])
        delta14c = np.concatenate([old_delta14c[before], delta14c])
        source = f"{old_source}; {source}"
        steady = float(delta14c[0])
    end = float(year[-1])
    year, delta14c = _extend(year, delta14c)
    for array in (year, delta14c):
        array.flags.writeable = False
    return Atmosphere(zone, initial, year + lag, delta14c, steady, source, end + lag)


def maximum_before(lat: ArrayLike, year: ArrayLike) -> Floats:
    """Largest atmospheric Δ14C of any year up to sampling in the zone of a latitude, ‰.

    Parameters
    ----------
    lat, year : array_like, shape (N,)
        Degrees north, and calendar year of sampling.

    Returns
    -------
    ndarray, shape (N,)
        The maximum over the last 5,000 years of the calibrated history and the bomb curve.
    """
    zones, years = zone_of_latitude(lat), np.asarray(year, float)
    highest = np.empty(zones.shape)
    for name in np.unique(zones):
        curve = load_atmosphere(str(name), initial="calibrated")
        recent = curve.year > BOMB_START - 5000
        running = np.maximum.accumulate(curve.delta14c[recent])
        here = zones == name
        index = np.searchsorted(curve.year[recent], years[here] + 1.0) - 1
        highest[here] = running[np.maximum(index, 0)]
    return highest


def _post_bomb(zone: str, folder: Path | None) -> tuple[Floats, Floats, str]:
    file = folder / "tables" / f"atmosphere_{zone}.csv" if folder else None
    if file and file.is_file():
        year, delta14c = _read_two_columns(file, "year", "d14c")
        return year, delta14c, "Hua et al. 2021 (monthly)"
    year, delta14c = _packaged("hua2021_annual.csv", "year", zone)
    return year, delta14c, "Hua et al. 2021 (packaged annual means)"


def _history(name: str, folder: Path | None) -> tuple[Floats, Floats, str]:
    title = {"intcal20": "IntCal20", "shcal20": "SHCal20"}[name]
    file = folder / "tables" / f"{name}.csv" if folder else None
    if file and file.is_file():
        return *_read_two_columns(file, "calendar_year", "d14c"), title
    return *_packaged(f"{name}_thinned.csv", "year", "delta14c"), f"{title} (packaged, thinned)"


def _packaged(file: str, year: str, value: str) -> tuple[Floats, Floats]:
    tables = resources.files("bayes_rootc.radiocarbon") / "tables"
    with resources.as_file(tables / file) as path:
        return _read_two_columns(path, year, value)


def _read_two_columns(path: Path, year: str, value: str) -> tuple[Floats, Floats]:
    try:
        with path.open(encoding="utf-8") as lines:
            data_lines = [line for line in lines if not line.startswith("#")]
        if len(data_lines) < 2:
            raise ValueError("it is empty")
        table = np.genfromtxt(data_lines, delimiter=",", names=True)
        years, values = np.atleast_1d(table[year]), np.atleast_1d(table[value])
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a table with columns {year}, {value}: {error}") from None
    known = ~np.isnan(values)
    years, values = years[known].astype(float), values[known].astype(float)
    if np.isnan(years).any() or len(years) < 2 or np.any(np.diff(years) <= 0):
        raise DataError(f"{path}: column {year} must hold at least two rising years")
    return years, check_delta14c(values)


def _extend(year: Floats, delta14c: Floats) -> tuple[Floats, Floats]:
    """Continue the curve along the least-squares line of its last ten years."""
    last = year > year[-1] - TREND_YEARS
    slope, level = np.polyfit(year[last] - year[-1], delta14c[last], 1)
    new = np.append(np.arange(np.floor(year[-1]) + 1.0, LAST_YEAR + 1.0), LAST_YEAR + 1.0)
    return (
        np.concatenate([year, new]),
        np.concatenate([delta14c, level + slope * (new - year[-1])]),
    )

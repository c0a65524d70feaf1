"""The atmosphere: zones, splice, extension, the packaged tables beside the monthly curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayes_rootc.errors import AtmosphereError, DataError, UnitError
from bayes_rootc.radiocarbon.atmosphere import (
    BOMB_START,
    LAST_YEAR,
    ZONES,
    load_atmosphere,
    maximum_before,
    sample_time,
    zone_of_latitude,
)
from bayes_rootc.radiocarbon.one_pool import pool_delta14c

EACH_ZONE = pytest.mark.parametrize("zone", ZONES)


def test_zones_by_latitude() -> None:
    lat = [90, 40, 39.999, 15, 14.9, 0, -0.001, -15, -15.1, -90]
    expected = ["NHZone1"] * 2 + ["NHZone2"] * 2 + ["NHZone3"] * 2 + ["SHZone3"] * 2
    assert zone_of_latitude(lat).tolist() == [*expected, "SHZone12", "SHZone12"]
    assert zone_of_latitude(45.0).item() == "NHZone1"


@pytest.mark.parametrize("lat", [90.1, -91.0, np.nan])
def test_an_impossible_latitude(lat: float) -> None:
    with pytest.raises(AtmosphereError, match=r"latitude .* must lie between -90 and 90"):
        zone_of_latitude([10.0, lat])


def test_a_whole_year_means_its_middle() -> None:
    assert sample_time([1950, 2000.0, 1999.99, 2018.5]).tolist() == [
        1950.5,
        2000.5,
        1999.99,
        2018.5,
    ]


@EACH_ZONE
def test_constant_atmosphere_before_the_bomb(zone: str) -> None:
    curve = load_atmosphere(zone, prebomb_delta14c=-10.0)
    assert curve.year[0] == BOMB_START
    assert curve.at([-5000.0, 1949.999]).tolist() == [-10.0, -10.0]
    # From 1950.0 on it is the published curve, which lies between -30 and -20 ‰ there.
    assert -30 < curve.at(BOMB_START) < -20


@EACH_ZONE
def test_calibrated_atmosphere_is_spliced_to_the_history(zone: str) -> None:
    curve = load_atmosphere(zone, initial="calibrated")
    assert curve.year[0] <= -53000
    assert np.all(np.diff(curve.year) > 0)
    assert np.abs(np.diff(curve.at(np.arange(1935.0, 1949.0, 0.1)))).max() < 1.0
    # Reimer et al. 2020, Hogg et al. 2020: between -30 and 10 ‰ over the last 300 years.
    recent = curve.at(np.arange(1650.0, 1940.0))
    assert recent.min() > -30
    assert recent.max() < 25
    assert curve.at(-60000.0) == curve.steady_delta14c == curve.delta14c[0]
    assert "Cal20" in curve.source


@EACH_ZONE
def test_the_bomb_peak(zone: str) -> None:
    curve = load_atmosphere(zone)
    peak = curve.year[curve.delta14c.argmax()]
    # The north peaks in 1963-1964, the south up to two years later and lower.
    assert 1963 <= peak <= 1966
    assert (curve.delta14c.max() > 700) == zone.startswith("NH")
    assert curve.delta14c.max() > 600


@EACH_ZONE
def test_packaged_and_monthly_curves_agree(zone: str, data_folder: Path) -> None:
    packaged, monthly = load_atmosphere(zone), load_atmosphere(zone, data_folder)
    assert "packaged" in packaged.source
    assert "monthly" in monthly.source
    # Annual means are the means of their months, at their mean time.
    for year in range(1951, 2019):
        months = monthly.delta14c[(monthly.year >= year) & (monthly.year < year + 1)]
        node = packaged.delta14c[np.floor(packaged.year) == year]
        assert node == pytest.approx([months.mean()], abs=0.05 + 1e-9)
    # Straight lines between annual means leave out seasons and the edge of 1963.
    months = monthly.year[(monthly.year > 1951) & (monthly.year < 2019)]
    miss = np.abs(packaged.at(months) - monthly.at(months))
    assert np.sqrt(np.mean(miss**2)) < 20.0
    # A pool averages over years: what a fit sees differs by less than the model error of 8 ‰.
    k = 1 / np.array([2.0, 5.0, 20.0, 100.0, 1000.0])
    times = np.arange(1950, 2020) + 0.5
    pools = pool_delta14c(k, packaged, times) - pool_delta14c(k, monthly, times)
    assert np.abs(pools[2:]).max() < 8.0
    assert np.abs(pools[1:, times > 1970]).max() < 2.0


@pytest.mark.parametrize(("zone", "file"), [("NHZone1", "intcal20"), ("SHZone12", "shcal20")])
def test_thinned_history_misses_nothing_by_more_than_2_permil(
    zone: str, file: str, data_folder: Path
) -> None:
    curve = load_atmosphere(zone, initial="calibrated")
    full = np.genfromtxt(data_folder / "tables" / f"{file}.csv", delimiter=",", names=True)
    before = full["calendar_year"] < 1940
    miss = curve.at(full["calendar_year"][before]) - full["d14c"][before]
    assert np.abs(miss).max() <= 2.05


@EACH_ZONE
def test_extension_follows_the_trend_and_is_marked(zone: str) -> None:
    curve = load_atmosphere(zone)
    assert 2019 <= curve.extrapolated_from < 2020
    assert curve.year[-1] == LAST_YEAR + 1
    new = curve.year > curve.extrapolated_from
    slopes = np.diff(curve.delta14c[new]) / np.diff(curve.year[new])
    last = (curve.year > curve.extrapolated_from - 10) & ~new
    trend = np.polyfit(curve.year[last], curve.delta14c[last], 1)
    assert slopes == pytest.approx(trend[0], rel=1e-6)
    assert curve.delta14c[new] == pytest.approx(np.polyval(trend, curve.year[new]), abs=1e-6)
    assert -7 < trend[0] < -2  # ‰ a year: the fall of the 2010s


def test_beyond_2026_is_an_error() -> None:
    curve = load_atmosphere("NHZone1")
    assert np.isfinite(pool_delta14c(0.01, curve, [2026.99])).all()
    with pytest.raises(AtmosphereError, match=r"year 2027\.5 is beyond the atmospheric record"):
        pool_delta14c(0.01, curve, [2000.0, 2027.5])


def test_lag_shifts_the_input() -> None:
    now, late = load_atmosphere("NHZone2"), load_atmosphere("NHZone2", lag=7.0)
    years = np.arange(1958.0, 2020.0, 0.1)
    assert late.at(years) == pytest.approx(now.at(years - 7.0), abs=1e-9)
    assert late.extrapolated_from == now.extrapolated_from + 7.0


def test_maximum_before() -> None:
    lat = np.array([50.0, 50.0, 50.0, -40.0])
    year = np.array([1930.0, 1955.0, 2005.0, 2005.0])
    early, start, late, south = maximum_before(lat, year)
    # -3000 to 1950: IntCal20 stays between -30 and 120 ‰.
    assert 60 < early < 130
    assert early <= start < late
    assert late == load_atmosphere("NHZone1").delta14c.max()
    assert south == load_atmosphere("SHZone12").delta14c.max() < late


def test_maximum_before_never_falls() -> None:
    years = np.arange(1850.0, 2026.0)
    assert np.all(np.diff(maximum_before(np.full(years.shape, 20.0), years)) >= 0)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"zone": "NH1"}, AtmosphereError, "zone 'NH1' is unknown; it must be one of NHZone1"),
        ({"initial": "steady"}, AtmosphereError, "it must be constant or calibrated"),
        ({"lag": -1.0}, AtmosphereError, "lag -1 is impossible; it must be 0 or more years"),
        ({"lag": float("nan")}, AtmosphereError, "lag nan is impossible"),
        ({"prebomb_delta14c": 2000.0}, UnitError, "Δ14C = 2000 is impossible"),
    ],
)
def test_wrong_settings(settings: dict[str, object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        load_atmosphere(**({"zone": "NHZone1"} | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("year,delta\n1950,1\n1951,2\n", "not a table with columns year, d14c"),
        ("year,d14c\n1951,1\n1950,2\n", "at least two rising years"),
        ("year,d14c\n1950,1\n", "at least two rising years"),
        ("", "not a table with columns year, d14c: it is empty"),
        ("year,d14c\n1950,1\n1951,2,3\n", "not a table"),
    ],
)
def test_a_broken_curve(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "atmosphere_NHZone1.csv").write_text(content)
    with pytest.raises(DataError, match=rf"atmosphere_NHZone1\.csv: .*{message}"):
        load_atmosphere("NHZone1", tmp_path)


def test_a_folder_without_curves_means_the_packaged_ones(tmp_path: Path) -> None:
    assert load_atmosphere("NHZone1", tmp_path).source == load_atmosphere("NHZone1").source


def test_curves_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load_atmosphere("NHZone1").delta14c[0] = 0.0

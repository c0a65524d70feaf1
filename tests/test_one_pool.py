"""The exact one-pool solution against theory and against an independent integration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from bayes_rootc.errors import AtmosphereError, UnitError
from bayes_rootc.radiocarbon.atmosphere import ZONES, Atmosphere, load_atmosphere
from bayes_rootc.radiocarbon.one_pool import pool_delta14c, steady_delta14c

MEAN_LIFE = 8267.0
"""Written out here again: the reference shares no code with what it checks."""

TURNOVERS = np.array([1.0, 2.0, 7.5, 30.0, 100.0, 450.0, 1550.0, 8000.0, 50000.0])
YEARS = np.arange(1950, 2020)
TIMES = np.sort(np.concatenate([YEARS, YEARS + 0.5, [1963.71, 1987.3]]).astype(float))
LOG_RATES = st.floats(np.log(1e-6), np.log(2.0))


def flat(delta14c: float, steady: float | None = None) -> Atmosphere:
    year = np.array([1900.0, 1950.0, 1977.7, 2027.0])
    level = np.full(4, float(delta14c))
    steady = delta14c if steady is None else steady
    return Atmosphere("NHZone1", "constant", year, level, steady, "made up", 2027.0)


def integrated(
    turnover: np.ndarray, year: np.ndarray, delta14c: np.ndarray, steady: float, times: np.ndarray
) -> np.ndarray:
    """Integrate eq. 1 by an adaptive Runge-Kutta method of order 8, from node to node.

    Each stretch is smooth, so that the kinks of the input cost no accuracy; before the first
    node the pool is in steady state with a constant input. Shape (K, T), ‰.
    """
    k = 1.0 / turnover
    state = k / (k + 1.0 / MEAN_LIFE) * (1.0 + steady / 1000.0)
    answer = np.empty((len(k), len(times)))
    answer[:, times <= year[0]] = state[:, None]
    for n in range(len(year) - 1):
        inside = (times > year[n]) & (times <= year[n + 1])
        wanted = np.union1d(times[inside], year[n + 1])
        slope = (delta14c[n + 1] - delta14c[n]) / (year[n + 1] - year[n])

        def change(t: float, a: np.ndarray, n: int = n, slope: float = slope) -> np.ndarray:
            received = 1.0 + (delta14c[n] + slope * (t - year[n])) / 1000.0
            return k * received - (k + 1.0 / MEAN_LIFE) * a

        solved = solve_ivp(
            change,
            (year[n], year[n + 1]),
            state,
            "DOP853",
            t_eval=wanted,
            rtol=1e-10,
            atol=1e-12,
        )
        answer[:, inside] = solved.y[:, np.searchsorted(wanted, times[inside])]
        state = solved.y[:, -1]
        if times[-1] <= year[n + 1]:
            break
    return (answer - 1.0) * 1000.0


def worst(zone: str, folder: Path | None, **settings: object) -> float:
    curve = load_atmosphere(zone, folder, **settings)  # type: ignore[arg-type]
    here = pool_delta14c(1.0 / TURNOVERS, curve, TIMES)
    # By 1950 a pool of up to 30 years has forgotten what entered before 1000 (exp(-30)); many
    # short steps over 50,000 years would be for nothing.
    first = max(int(np.searchsorted(curve.year, 1000.0)) - 1, 0)
    fast = TURNOVERS <= 30
    steady = curve.steady_delta14c if first == 0 else curve.delta14c[first]
    there = np.empty_like(here)
    there[fast] = integrated(
        TURNOVERS[fast], curve.year[first:], curve.delta14c[first:], steady, TIMES
    )
    there[~fast] = integrated(
        TURNOVERS[~fast], curve.year, curve.delta14c, curve.steady_delta14c, TIMES
    )
    return float(np.abs(here - there).max())


@pytest.mark.parametrize("initial", ["constant", "calibrated"])
@pytest.mark.parametrize("zone", ZONES)
def test_an_independent_integration_agrees(zone: str, initial: str) -> None:
    assert worst(zone, None, initial=initial) < 0.01


@pytest.mark.parametrize("zone", ["NHZone1", "SHZone12"])
def test_an_independent_integration_agrees_on_monthly_curves(zone: str, data_folder: Path) -> None:
    assert worst(zone, data_folder) < 0.01


def test_an_independent_integration_agrees_with_lag_and_prebomb_level() -> None:
    assert worst("NHZone2", None, lag=4.5, prebomb_delta14c=-21.0) < 0.01


@given(log_k=LOG_RATES, level=st.floats(-200.0, 900.0), time=st.floats(1800.0, 2027.0))
def test_flat_atmosphere_gives_the_steady_state(log_k: float, level: float, time: float) -> None:
    k = np.exp(log_k)
    expected = (k / (k + 1 / MEAN_LIFE) * (1 + level / 1000) - 1) * 1000
    assert pool_delta14c(k, flat(level), time)[0, 0] == pytest.approx(expected, abs=1e-8)
    assert steady_delta14c(k, level) == pytest.approx(expected, abs=1e-8)


@given(log_k=LOG_RATES, time=st.floats(1901.0, 2027.0))
def test_a_step_is_forgotten_exponentially(log_k: float, time: float) -> None:
    """From steady state with 0 ‰ to an input of 100 ‰ in 1900: known in closed form."""
    k, gamma = np.exp(log_k), 1 / MEAN_LIFE
    before, after = (k / (k + gamma) * level for level in (1.0, 1.1))
    expected = after + (before - after) * np.exp(-(k + gamma) * (time - 1900.0))
    got = pool_delta14c(k, flat(100.0, steady=0.0), time)[0, 0]
    assert got == pytest.approx((expected - 1) * 1000, abs=1e-8)


@given(log_k=LOG_RATES, cut=st.floats(1951.0, 2026.0))
def test_a_node_on_a_straight_line_changes_nothing(log_k: float, cut: float) -> None:
    curve = load_atmosphere("NHZone2")
    year = np.union1d(curve.year, cut)
    finer = Atmosphere("NHZone2", "constant", year, curve.at(year), 0.0, "made up", 2019.0)
    k, times = np.exp([log_k]), np.array([1949.0, 1951.3, 1970.0, 2005.5, cut, 2026.0])
    assert pool_delta14c(k, finer, times) == pytest.approx(pool_delta14c(k, curve, times), abs=1e-8)


@given(
    log_k=st.lists(LOG_RATES, min_size=1, max_size=6),
    times=st.lists(st.floats(1940.0, 2027.0), min_size=1, max_size=6),
)
def test_any_chunking_gives_the_same(log_k: list[float], times: list[float]) -> None:
    k, curve = np.exp(log_k), load_atmosphere("SHZone3")
    whole = pool_delta14c(k, curve, times)
    parts = [[pool_delta14c(rate, curve, time)[0, 0] for time in times] for rate in k]
    assert whole == pytest.approx(np.array(parts), abs=1e-9)
    assert whole.mean() == pytest.approx(np.mean([np.mean(row) for row in parts]), abs=1e-9)


@given(
    log_k=LOG_RATES,
    level=st.floats(-900.0, 900.0),
    steady=st.floats(-900.0, 900.0),
    time=st.floats(1850.0, 2027.0),
)
def test_the_pool_stays_below_its_inputs(
    log_k: float, level: float, steady: float, time: float
) -> None:
    got = pool_delta14c(np.exp(log_k), flat(level, steady), time)[0, 0]
    assert -1000.0 <= got <= max(level, steady) + 1e-9


def test_it_is_not_the_formula_that_forgets_to_convert() -> None:
    """k/(k+γ) read as ‰ makes -150 ‰ in 2000 a pool of 12,000 years; it is one of about 1,550."""
    curve = load_atmosphere("NHZone1")
    slow, right = pool_delta14c(1 / np.array([12000.0, 1560.0]), curve, 2000.5)[:, 0]
    assert right == pytest.approx(-150.0, abs=1.0)
    assert slow < -550.0


@pytest.mark.parametrize("k", [0.0, -0.1, np.nan, np.inf, [0.1, 0.0]])
def test_a_rate_must_be_positive(k: object) -> None:
    with pytest.raises(UnitError, match="k must be a positive number of yr⁻¹"):
        pool_delta14c(k, flat(0.0), 2000.0)  # type: ignore[arg-type]
    with pytest.raises(UnitError, match="k must be a positive number of yr⁻¹"):
        steady_delta14c(k)  # type: ignore[arg-type]


@pytest.mark.parametrize("time", [2027.01, np.nan, np.inf])
def test_a_time_must_be_known(time: float) -> None:
    with pytest.raises(AtmosphereError, match="is beyond the atmospheric record; it must be 2026"):
        pool_delta14c(0.1, flat(0.0), [2000.0, time])

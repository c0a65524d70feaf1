"""Turnover of one sample: known cases, both solutions, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bayes_rootc.cli.main import main
from bayes_rootc.errors import AtmosphereError, RootcError, UnitError
from bayes_rootc.radiocarbon.atmosphere import ZONES, load_atmosphere
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.radiocarbon.sample import sample_turnover
from bayes_rootc.radiocarbon.table import Input
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model


def turnovers(answer: object) -> list[float]:
    return [mode["turnover_years"] for mode in answer.modes]  # type: ignore[attr-defined]


def test_old_carbon_is_1550_years_not_12000() -> None:
    answer = sample_turnover(-150.0, 2000, 45.0)
    (mode,) = answer.modes
    assert 1500 < mode["turnover_years"] < 1600
    assert mode["lower"] < 1550 < mode["upper"] < 2000
    assert mode["mass"] > 0.999
    assert (answer.zone, answer.year, answer.sd) == ("NHZone1", 2000.5, 6.0)


def test_bomb_carbon_has_two_solutions() -> None:
    fast, slow = sorted(sample_turnover(100.0, 2000, 45.0).modes, key=lambda m: m["median"])
    assert fast["turnover_years"] == pytest.approx(2.6, abs=0.1)
    assert 85 < slow["turnover_years"] < 92
    assert fast["upper"] < slow["lower"]
    assert fast["mass"] + slow["mass"] == pytest.approx(1.0, abs=0.01)


def test_monthly_curves_give_the_same_solutions(data_folder: Path) -> None:
    for delta14c in (-150.0, 100.0):
        packaged = sample_turnover(delta14c, 2000, 45.0)
        monthly = sample_turnover(delta14c, 2000, 45.0, received=Input(data_folder))
        assert turnovers(monthly) == pytest.approx(turnovers(packaged), rel=0.05)


@given(
    log_turnover=st.floats(np.log(3.0), np.log(30000.0)),
    year=st.integers(1950, 2019),
    zone=st.sampled_from(list(ZONES)),
)
def test_a_known_pool_is_among_the_solutions(log_turnover: float, year: int, zone: str) -> None:
    turnover = np.exp(log_turnover)
    delta14c = pool_delta14c(1 / turnover, load_atmosphere(zone), year + 0.5)[0, 0]
    modes = sample_turnover(delta14c, year, zone=zone, sd=3.0, level=0.99).modes
    assert 0.99 < sum(mode["mass"] for mode in modes) <= 1 + 1e-9
    assert any(mode["lower"] <= turnover <= mode["upper"] for mode in modes)


@given(delta14c=st.floats(-950.0, 300.0), year=st.integers(1950, 2019), lat=st.floats(-80, 80))
def test_every_point_estimate_reproduces_the_observation(
    delta14c: float, year: int, lat: float
) -> None:
    try:
        answer = sample_turnover(delta14c, year, lat, sd=3.0)
    except UnitError:
        assume(False)
    curve = load_atmosphere(answer.zone)
    for mode in answer.modes:
        assert mode["lower"] <= mode["turnover_years"] <= mode["upper"]
        if answer.is_reachable and mode["mass"] > 0.5 and not mode["bounded_by_range"]:
            back = pool_delta14c(1 / mode["turnover_years"], curve, answer.year)[0, 0]
            assert back == pytest.approx(delta14c, abs=5 * np.hypot(3.0, 8.0))


@pytest.mark.parametrize(
    ("delta14c", "sd", "reachable"),
    [(30.0, 6.0, False), (30.0, 100.0, True), (0.0, 6.0, True), (-40.0, 6.0, True)],
)
def test_a_value_beyond_every_pool_is_told(
    delta14c: float, sd: float, reachable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = sample_turnover(delta14c, 1955, 15.0, sd=sd)
    assert answer.is_reachable == reachable
    low, high = answer.reachable
    assert low == pytest.approx(-1000.0, abs=10.0)
    assert -10.0 < high < 10.0
    words = ["turnover", f"--delta14c={delta14c}", "--sd", f"{sd}", "--year", "1955", "--lat", "15"]
    assert main(words) == 0
    assert ("then and there: check the sign" in capsys.readouterr().out) != reachable
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_reachable"] == reachable
    assert told["reachable"] == pytest.approx([low, high], abs=5.0)  # monthly curves, or annual


def test_larger_errors_give_wider_intervals() -> None:
    widths = []
    for sd in (3.0, 10.0, 40.0):
        mode = sample_turnover(-300.0, 2000, 45.0, sd=sd).modes[0]
        widths.append(np.log(mode["upper"] / mode["lower"]))
    assert widths == sorted(widths)
    assert widths[2] > 2 * widths[0]


def test_settings_of_the_atmosphere_matter() -> None:
    plain = turnovers(sample_turnover(-50.0, 1990, 45.0))[0]
    lagged = turnovers(sample_turnover(-50.0, 1990, 45.0, received=Input(lag=15.0)))[0]
    calibrated = turnovers(sample_turnover(-50.0, 1990, 45.0, received=Input(initial="calibrated")))
    assert lagged < plain
    assert calibrated[0] == pytest.approx(plain, rel=0.15)
    assert calibrated[0] != plain


def test_an_interval_that_ends_with_the_range_of_k_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for delta14c, reaches in ((-990.0, True), (-600.0, False)):
        (mode,) = sample_turnover(delta14c, 2010, 45.0).modes
        assert not mode["bounded_by_range"]
        assert mode["reaches_range"] == reaches
        assert main(["turnover", f"--delta14c={delta14c}", "--year", "2010", "--lat", "45"]) == 0
        assert (
            "ends where the range of k does (1e-06 to 2 yr⁻¹)" in capsys.readouterr().out
        ) == reaches


def test_a_dead_sample_gives_a_bound() -> None:
    (mode,) = sample_turnover(-999.0, 2000, 45.0).modes
    assert mode["bounded_by_range"]
    assert mode["upper"] == mode["turnover_years"] == pytest.approx(1e6)
    assert 100_000 < mode["lower"] < 500_000


def test_the_density_integrates_to_one() -> None:
    answer = sample_turnover(100.0, 2000, 45.0)
    assert np.trapezoid(answer.density, -np.log(answer.turnover_grid)) == pytest.approx(1.0)


def test_the_likelihood_is_that_of_the_model_file() -> None:
    from bayes_rootc.radiocarbon import sample

    like = load_spec(find_model("turnover")).likelihood
    assert (like.default_sd, like.floor_sd, like.model_sd, like.student_t_df) == (
        sample.DEFAULT_SD,
        sample.FLOOR_SD,
        sample.MODEL_SD,
        sample.STUDENT_T_DF,
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"delta14c": 1100.0}, UnitError, "Δ14C = 1100 is impossible"),
        ({"delta14c": float("nan")}, UnitError, "Δ14C is not a number"),
        ({"delta14c": 500.0}, UnitError, r"500 ‰ in 2000 is beyond any pool in NHZone1 \(-99"),
        ({"sd": 0.0}, UnitError, "sd = 0 is impossible; it must be above 0"),
        ({"sd": float("nan")}, UnitError, "sd = nan is impossible"),
        ({"sd": 501.0}, UnitError, "at most 500 ‰"),
        ({"level": 1.0}, UnitError, "level = 1 is impossible; it must lie between 0 and 1"),
        ({"lat": None}, AtmosphereError, r"give a latitude \(lat\) or an atmospheric zone"),
        ({"lat": 95.0}, AtmosphereError, "latitude 95 is impossible"),
        ({"zone": "Arctic"}, AtmosphereError, "zone 'Arctic' is unknown"),
        ({"year": 2027}, AtmosphereError, "beyond the atmospheric record; it must be 2026"),
        ({"year": 98}, AtmosphereError, "year 98 is not a year of sampling; .*four digits"),
        ({"year": float("nan")}, AtmosphereError, "year nan"),
        ({"received": Input(initial="steady")}, AtmosphereError, "constant or calibrated"),
    ],
)
def test_wrong_input(arguments: dict[str, object], error: type[RootcError], message: str) -> None:
    right: dict[str, object] = {"delta14c": -150.0, "year": 2000, "lat": 45.0}
    with pytest.raises(error, match=message):
        sample_turnover(**(right | arguments))  # type: ignore[arg-type]

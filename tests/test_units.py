"""Isotope notations: round trips, values checked by hand, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_rootc import units
from bayes_rootc.errors import UnitError

DELTA14C = st.floats(-1000.0, 1000.0)
YEARS = st.floats(1850.0, 2026.0)


@given(DELTA14C)
def test_delta14c_and_afm_are_inverse(delta14c: float) -> None:
    back = units.delta14c_from_afm(units.afm_from_delta14c(delta14c))
    assert back == pytest.approx(delta14c, abs=1e-9)


@given(st.floats(-1000.0, 950.0), YEARS)
def test_delta14c_and_f14c_are_inverse(delta14c: float, year: float) -> None:
    back = units.delta14c_from_f14c(units.f14c_from_delta14c(delta14c, year), year)
    assert back == pytest.approx(delta14c, abs=1e-9)


@given(st.floats(1e-3, 1e7))
def test_turnover_and_k_are_inverse(turnover: float) -> None:
    assert units.turnover_from_k(units.k_from_turnover(turnover)) == pytest.approx(turnover)


def test_known_values() -> None:
    assert units.GAMMA == 1 / 8267
    assert units.afm_from_delta14c([-1000.0, -150.0, 0.0, 945.0]).tolist() == pytest.approx(
        [0.0, 0.85, 1.0, 1.945]
    )
    assert units.delta14c_from_afm(1.1) == pytest.approx(100.0)
    # 50 years of decay part F14C from AFM by 6 ‰ in 2000; in 1950 they agree.
    assert units.delta14c_from_f14c(1.0, 2000.0) == pytest.approx(
        1000 * math.expm1(-50 / 8267), abs=1e-12
    )
    assert units.delta14c_from_f14c(1.2, 1950.0) == pytest.approx(200.0)
    assert units.k_from_turnover(250.0) == pytest.approx(0.004)


def test_missing_values_pass() -> None:
    assert np.isnan(units.afm_from_delta14c([np.nan, 0.0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: units.check_delta14c([0.0, 1200.0]), "Δ14C = 1200 is impossible"),
        (lambda: units.afm_from_delta14c(-1000.5), "must lie between -1000 and 1000 ‰"),
        (lambda: units.delta14c_from_afm(85.0), "AFM = 85 is impossible"),
        (lambda: units.delta14c_from_f14c(98.0, 2000.0), "must be a fraction between 0 and 2"),
        (lambda: units.turnover_from_k(0.0), "a decay rate is above 0 yr⁻¹"),
        (lambda: units.k_from_turnover(-5.0), "turnover = -5 is impossible; it must be above 0"),
    ],
)
def test_impossible_values_are_refused(call: object, message: str) -> None:
    with pytest.raises(UnitError, match=message):
        call()  # type: ignore[operator]

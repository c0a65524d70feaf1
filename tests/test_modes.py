"""Solutions of a density: how many, where, and how heavy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayes_rootc.radiocarbon.modes import LEAST_MASS, Mode, find_modes
from bayes_rootc.radiocarbon.quadrature import trapezoid_weights

THETA = np.linspace(-12.0, 0.5, 1251)


def mass_of(log_density: np.ndarray) -> np.ndarray:
    mass = np.exp(log_density - log_density.max()) * trapezoid_weights(THETA)
    return np.asarray(mass / mass.sum())


def mixture(*parts: tuple[float, float, float]) -> np.ndarray:
    """Mass of a sum of normal densities (weight, mean, sd)."""
    terms = [np.log(weight) + stats.norm.logpdf(THETA, mean, sd) for weight, mean, sd in parts]
    return mass_of(np.logaddexp.reduce(terms))


def test_one_normal_density() -> None:
    (mode,) = find_modes(THETA, mixture((1.0, -5.0, 0.4)), level=0.9)
    assert mode.mass == pytest.approx(1.0)
    assert (mode.peak, mode.median) == pytest.approx((-5.0, -5.0), abs=0.006)
    assert (mode.low, mode.high) == pytest.approx((-5 - 0.4 * 1.6449, -5 + 0.4 * 1.6449), abs=1e-3)
    assert not mode.at_edge


@given(
    share=st.floats(0.05, 0.95),
    first=st.floats(-10.0, -6.5),
    gap=st.floats(2.5, 5.0),
    sd=st.floats(0.1, 0.35),
)
def test_two_solutions_have_the_shares_of_their_peaks(
    share: float, first: float, gap: float, sd: float
) -> None:
    mass = mixture((share, first, sd), (1 - share, first + gap, sd))
    modes = find_modes(THETA, mass)
    assert len(modes) == 2
    assert modes[0].mass >= modes[1].mass
    slow, fast = sorted(modes, key=lambda mode: mode.peak)
    assert (slow.mass, fast.mass) == pytest.approx((share, 1 - share), abs=0.002)
    assert (slow.peak, fast.peak) == pytest.approx((first, first + gap), abs=0.03)
    assert slow.high < fast.low


def test_two_humps_with_a_shallow_dip_are_one_solution() -> None:
    (mode,) = find_modes(THETA, mixture((0.5, -5.0, 0.5), (0.5, -3.95, 0.5)))
    assert mode.mass == pytest.approx(1.0)


def test_a_ripple_is_no_solution() -> None:
    small = LEAST_MASS / 3
    modes = find_modes(THETA, mixture((1 - small, -8.0, 0.3), (small, -2.0, 0.3)))
    assert [mode.peak for mode in modes] == pytest.approx([-8.0], abs=0.006)
    assert modes[0].mass == pytest.approx(1 - small, abs=1e-6)


def test_three_solutions_from_the_heaviest() -> None:
    modes = find_modes(THETA, mixture((0.2, -9.0, 0.3), (0.5, -5.0, 0.3), (0.3, -1.0, 0.3)))
    assert [mode.mass for mode in modes] == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)


@pytest.mark.parametrize(("slope", "end"), [(3.0, 0.5), (-3.0, -12.0)])
def test_a_density_that_rises_to_the_end_gives_a_bound(slope: float, end: float) -> None:
    (mode,) = find_modes(THETA, mass_of(slope * THETA), level=0.95)
    assert mode.at_edge
    assert mode.peak == end
    # One-sided: exp(-3·width) = 5 %.
    other = mode.low if slope > 0 else mode.high
    assert abs(end - other) == pytest.approx(-np.log(0.05) / 3.0, rel=1e-3)
    assert end in (mode.low, mode.high)


def test_a_flat_density_is_one_solution() -> None:
    (mode,) = find_modes(THETA, mass_of(np.zeros_like(THETA)))
    assert mode.mass == pytest.approx(1.0)


@given(
    parts=st.lists(
        st.tuples(st.floats(0.05, 1.0), st.floats(-12.0, 0.5), st.floats(0.1, 2.0)),
        min_size=1,
        max_size=5,
    ),
    level=st.floats(0.5, 0.99),
)
def test_what_holds_for_any_density(parts: list[tuple[float, float, float]], level: float) -> None:
    modes = find_modes(THETA, mixture(*parts), level)
    total = sum(mode.mass for mode in modes)
    assert 1 - 5 * LEAST_MASS <= total <= 1 + 1e-9
    for mode in modes:
        assert isinstance(mode, Mode)
        assert THETA[0] <= mode.low <= mode.median <= mode.high <= THETA[-1]
    assert [mode.mass for mode in modes] == sorted((mode.mass for mode in modes), reverse=True)

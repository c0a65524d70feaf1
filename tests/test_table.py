"""The table of Δ14C over ln k, and the likelihood on its grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from bayes_rootc.radiocarbon.atmosphere import ZONES, load_atmosphere
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.radiocarbon.table import (
    Input,
    build_table,
    error_scale,
    log_likelihood_grid,
    theta_grid,
)

GRID = theta_grid()
YEARS = np.array([1949.5, 1955.5, 1962.5, 1963.5, 1964.5, 1965.5, 1968.5, 1975.5, 1990.5, 2019.5])


def worst_between(zone: str, initial: str) -> float:
    """Largest miss of the interpolated table, at three places within every step of the grid."""
    table = build_table([zone] * len(YEARS), YEARS, GRID, Input(initial=initial))
    curve = load_atmosphere(zone, None, initial)
    step = GRID[1] - GRID[0]
    largest = 0.0
    for share in (0.25, 0.5, 0.75):
        theta = GRID[:-1] + share * step
        exact = pool_delta14c(np.exp(theta), curve, YEARS)
        table_says = table.predict(np.broadcast_to(theta[:, None], (len(theta), len(YEARS))))
        largest = max(largest, float(np.abs(table_says - exact).max()))
    return largest


@pytest.mark.parametrize("initial", ["constant", "calibrated"])
@pytest.mark.parametrize("zone", ZONES)
def test_between_grid_points_the_table_is_right_to_a_tenth_of_a_permil(
    zone: str, initial: str
) -> None:
    assert worst_between(zone, initial) < 0.1


def test_on_grid_points_the_table_is_exact() -> None:
    zones, times = ["NHZone1", "SHZone12", "NHZone1", "NHZone1"], [2000.5, 2000.5, 1975.0, 2000.5]
    table = build_table(zones, times, GRID)
    assert len(table.delta14c) == 3  # the last layer shares the first one's curve
    assert table.row[0] == table.row[3]
    for layer, (zone, time) in enumerate(zip(zones, times, strict=True)):
        exact = pool_delta14c(np.exp(GRID), load_atmosphere(zone), time)[:, 0]
        assert table.delta14c[table.row[layer]] == pytest.approx(exact, abs=1e-10)
        assert table.predict(np.full(4, GRID[77]))[layer] == pytest.approx(exact[77], abs=1e-8)


def test_beyond_the_grid_its_ends_hold() -> None:
    table = build_table(["NHZone1"], [2000.5], GRID)
    assert table.predict(np.array([[-99.0], [99.0]]))[:, 0] == pytest.approx(
        table.delta14c[0, [0, -1]]
    )


def test_the_grid() -> None:
    assert np.exp(GRID[[0, -1]]) == pytest.approx([1e-6, 2.0])
    steps = np.diff(GRID)
    assert steps == pytest.approx(steps[0])
    assert 0.0199 < steps[0] <= 0.02


def test_error_scale() -> None:
    # Reported; not reported; below the floor; and 3-4-5 triangles with the model error.
    scale = error_scale([6.0, np.nan, 1.0, 0.0], default=15.0, floor=3.0, model=8.0)
    assert scale.tolist() == pytest.approx([10.0, 17.0, np.sqrt(73.0), np.sqrt(73.0)])


def test_log_likelihood_is_a_density_of_delta14c() -> None:
    table = build_table(["NHZone1"], [2000.5], GRID)

    def density(delta14c: float) -> float:
        return float(np.exp(log_likelihood_grid(table, [delta14c], [10.0], 4.0)[0, 300]))

    total, _ = integrate.quad(density, -20000.0, 20000.0, points=[table.delta14c[0, 300]])
    assert total == pytest.approx(1.0, abs=1e-6)
    # Student-t with ν = 4 at its centre: 3/8.
    assert density(float(table.delta14c[0, 300])) == pytest.approx(0.375 / 10.0)

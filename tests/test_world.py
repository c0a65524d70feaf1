"""The simulated world: reproducible, shaped like data, and true to its own truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from bayes_rootc.data.world import DEFAULT_TRUTH, simulate_world
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOMES
from bayes_rootc.radiocarbon.atmosphere import load_atmosphere, sample_time, zone_of_latitude
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.spec.turnover import TurnoverSpec


def test_same_seed_same_world(short_spec: TurnoverSpec) -> None:
    first, again = (simulate_world(short_spec, 80, seed=3) for _ in range(2))
    assert first.data_hash == again.data_hash
    assert simulate_world(short_spec, 80, seed=4).data_hash != first.data_hash


@pytest.mark.parametrize("n_layers", [10, 57, 400])
def test_has_the_size_asked_for_and_says_that_it_is_simulated(
    short_spec: TurnoverSpec, n_layers: int
) -> None:
    world = simulate_world(short_spec, n_layers)
    assert (len(world.table), world.n_read, world.source) == (n_layers, n_layers, "simulated")
    assert f"{n_layers} layers" in world.origin
    assert (world.table["top_cm"] < world.table["bottom_cm"]).all()
    assert world.table["bottom_cm"].max() <= 200


def test_empty_biomes_have_no_profiles_and_the_others_have_some(short_spec: TurnoverSpec) -> None:
    world = simulate_world(short_spec, 300, empty_biomes=(7, 8))
    assert set(world.table["biome"]) == set(BIOMES) - {7, 8}


def mean_below_60_cm(spec: TurnoverSpec, truth: dict[str, Any]) -> float:
    """Mean Δ14C of the deeper layers of a world."""
    table = simulate_world(spec, 600, truth=truth).table
    return float(table.loc[table["top_cm"] > 60, "delta14c"].mean())


def test_deeper_layers_are_older_by_the_slope_of_the_truth(short_spec: TurnoverSpec) -> None:
    steep = DEFAULT_TRUTH | {"beta": -2.5, "sigma_slope": 0.01}
    flat = DEFAULT_TRUTH | {"beta": 0.0, "sigma_slope": 0.01}
    deep, shallow = (mean_below_60_cm(short_spec, truth) for truth in (steep, flat))
    assert deep < shallow - 200


def test_errors_of_measurement_have_the_size_that_the_likelihood_assumes(
    short_spec: TurnoverSpec,
) -> None:
    # With no spread in ln k every layer lies on the curve of one k, and what is left is the error.
    quiet = dict.fromkeys(("sigma_biome", "sigma_slope", "sigma_profile", "tau"), 1e-06)
    truth = DEFAULT_TRUTH | quiet | {"beta": 0.0, "gamma": {"mat": 0.0, "map": 0.0}}
    table = simulate_world(short_spec, 2000, truth=truth).table
    zones, years = zone_of_latitude(table["lat"]), sample_time(table["sample_year"])
    expected = np.empty(len(table))
    for zone in np.unique(zones):
        here = zones == zone
        atmosphere = load_atmosphere(str(zone), None)
        expected[here] = pool_delta14c(np.exp(truth["alpha"]), atmosphere, years[here])[0]
    like = short_spec.likelihood
    reported = table["delta14c_err"].to_numpy(float)
    error = np.where(np.isnan(reported), like.default_sd, np.maximum(reported, like.floor_sd))
    scale = np.hypot(error, like.model_sd)
    multiple = np.abs(table["delta14c"] - expected) / scale
    # Median of |t| of the likelihood; 2000 layers know it to 3 %.
    wanted = stats.t(like.student_t_df).ppf(0.75)
    assert np.median(multiple) == pytest.approx(wanted, rel=0.08)


def test_too_small_a_world_is_refused(short_spec: TurnoverSpec) -> None:
    with pytest.raises(DataError, match="n_layers = 3 is too few; a world needs at least 10"):
        simulate_world(short_spec, 3)

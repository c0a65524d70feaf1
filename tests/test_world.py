"""The simulated world: reproducible, shaped like data, and true to its own truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_rootc.data import world
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
    found = simulate_world(short_spec, n_layers)
    assert (len(found.table), found.n_read, found.source) == (n_layers, n_layers, "simulated")
    assert f"{n_layers} layers" in found.origin
    assert (found.table["top_cm"] < found.table["bottom_cm"]).all()
    assert found.table["bottom_cm"].max() <= 200


def test_empty_biomes_have_no_profiles_and_the_others_have_some(short_spec: TurnoverSpec) -> None:
    found = simulate_world(short_spec, 300, empty_biomes=(7, 8))
    assert set(found.table["biome"]) == set(BIOMES) - {7, 8}


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


def test_densities_look_like_those_of_soils_and_have_gaps(short_spec: TurnoverSpec) -> None:
    table = simulate_world(short_spec, 900).table
    carbon, bulk = table["pct_c"], table["bulk_density"]
    assert 0.05 < carbon.isna().mean() < 0.15
    assert 0.6 < bulk.isna().mean() < 0.7
    assert (carbon.dropna() > 0).all() and carbon.max() < 60
    assert bulk.dropna().between(0.5, 2.4).all()
    shallow, deep = (table["bottom_cm"] < 20), (table["top_cm"] > 60)
    assert carbon[deep].median() < 0.5 * carbon[shallow].median()
    assert bulk[deep].median() > 1.1 * bulk[shallow].median()
    assert table["coarse"].isna().all()


def test_densities_change_no_other_number_of_a_world(
    short_spec: TurnoverSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(rng: np.random.Generator, layers: pd.DataFrame, _: float) -> tuple[float, float]:
        rng.random(7 + len(layers))
        return np.nan, np.nan

    names = ["pct_c", "bulk_density"]
    usual = simulate_world(short_spec, 80, seed=3).table
    monkeypatch.setattr(world, "_densities", none)
    without = simulate_world(short_spec, 80, seed=3).table
    assert without[names].isna().all(axis=None) and usual[names].notna().any(axis=None)
    pd.testing.assert_frame_equal(usual.drop(columns=names), without.drop(columns=names))


def test_too_small_a_world_is_refused(short_spec: TurnoverSpec) -> None:
    with pytest.raises(DataError, match="n_layers = 3 is too few; a world needs at least 10"):
        simulate_world(short_spec, 3)

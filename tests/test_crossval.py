"""Scores against closed forms, folds, and the cross-validation of a small and of the real world."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bayes_rootc import simulate_world
from bayes_rootc.cli.main import main
from bayes_rootc.data.source import find_source
from bayes_rootc.errors import DataError, SpecError
from bayes_rootc.inference import scores
from bayes_rootc.inference.baselines import (
    BASELINES,
    cell_values,
    features,
    forest_values,
    standard_layer,
)
from bayes_rootc.inference.crossval import MODEL, cross_validate
from bayes_rootc.inference.heldout import (
    complete_biomes,
    part_of,
    predict_profiles,
    profile_folds,
    profile_places,
)
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.radiocarbon.quadrature import log_marginal_grid
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.turnover import TurnoverSpec


@pytest.fixture(scope="module")
def spec() -> TurnoverSpec:
    return load_spec(find_model("turnover"))


@pytest.fixture(scope="module")
def problem(spec: TurnoverSpec) -> Problem:
    return assemble(spec, simulate_world(120, seed=4))


# --- scores ----------------------------------------------------------------------------------


def normal_crps(mean: float, sd: float, y: float) -> float:
    """CRPS of N(mean, sd) in closed form (Gneiting & Raftery 2007, eq. 21)."""
    z = (y - mean) / sd
    return sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))


@pytest.mark.parametrize("y", [-300.0, -110.0, 40.0])
def test_crps_of_a_normal(y: float) -> None:
    middles = (np.arange(20_000) + 0.5) / 20_000
    exact = scores.from_weights(stats.norm(-100, 60).ppf(middles), np.ones((1, 20_000)))
    assert scores.crps(exact, [y])[0] == pytest.approx(normal_crps(-100, 60, y), rel=1e-3)


def test_fair_crps_of_few_draws_is_unbiased_and_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(0.0, 1.0, (5, 40_000))
    fair = scores.from_draws(draws)
    plain = scores.Predictive(fair.values, fair.weights, fair=False)
    y = np.full(40_000, 0.7)
    expected = normal_crps(0.0, 1.0, 0.7)
    assert scores.crps(fair, y).mean() == pytest.approx(expected, abs=0.01)
    assert scores.crps(plain, y).mean() > expected + 0.08


def test_crps_by_hand() -> None:
    two = scores.from_weights([3.0, 1.0], [[1.0, 1.0]])
    assert scores.crps(two, [2.0])[0] == pytest.approx(1.0 - 0.5 * 1.0)
    point = scores.from_weights([5.0], [[7.0]])
    assert scores.crps(point, [2.0])[0] == pytest.approx(3.0)


def test_weights_count_like_repeated_values() -> None:
    weighted = scores.from_weights([4.0, -1.0, 2.0], [[1.0, 2.0, 1.0]])
    repeated = scores.from_weights([-1.0, -1.0, 2.0, 4.0], np.ones((1, 4)))
    for y in (-2.0, 0.0, 2.0, 9.0):
        assert scores.crps(weighted, [y]) == pytest.approx(scores.crps(repeated, [y]))
        assert scores.pit(weighted, [y]) == pytest.approx(scores.pit(repeated, [y]))


@given(
    st.lists(st.floats(-1000, 1000), min_size=2, max_size=30),
    st.floats(-1000, 1000),
    st.floats(-500, 500),
)
def test_crps_moves_with_the_scale_not_with_the_place(
    values: list[float], y: float, shift: float
) -> None:
    x = np.array(values)
    weights = np.ones((1, len(x)))
    base = scores.crps(scores.from_weights(x, weights), [y])[0]
    moved = scores.crps(scores.from_weights(3.0 * x + shift, weights), [3.0 * y + shift])[0]
    assert moved == pytest.approx(3.0 * base, abs=1e-6)
    assert base >= -1e-9
    pairs = np.abs(x[:, None] - x).mean()
    assert base == pytest.approx(np.abs(x - y).mean() - 0.5 * pairs, abs=1e-9)


def test_calibrated_predictions_give_uniform_pit_and_nominal_coverage() -> None:
    rng = np.random.default_rng(2)
    centre = rng.normal(0, 50, 4000)
    draws = centre + 20.0 * rng.standard_normal((500, 4000))
    table = scores.score(scores.from_draws(draws), centre + 20.0 * rng.standard_normal(4000))
    assert stats.kstest(table["pit"], "uniform").pvalue > 0.01
    for level in scores.LEVELS:
        covered = table[f"covered_{scores.percent(level)}"].mean()
        assert covered == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_intervals_that_are_too_narrow_are_seen() -> None:
    rng = np.random.default_rng(3)
    table = scores.score(
        scores.from_draws(10.0 * rng.standard_normal((500, 2000))), 20 * rng.standard_normal(2000)
    )
    expected = 2 * stats.norm.cdf(1.645 / 2) - 1
    assert table["covered_90"].mean() == pytest.approx(expected, abs=0.03)


def test_quantiles_of_weighted_values() -> None:
    even = scores.from_weights([10.0, 20.0, 30.0, 40.0], np.ones((1, 4)))
    wanted = [0.125, 0.5, 0.875, 0.99]
    assert scores.quantiles(even, wanted)[0] == pytest.approx([10.0, 25.0, 40.0, 40.0])
    gap = scores.from_weights([10.0, 20.0, 30.0], [[1.0, 0.0, 1.0]])
    assert scores.quantiles(gap, [0.25, 0.5])[0] == pytest.approx([10.0, 20.0])


def test_standard_error_counts_clusters() -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_normal(50)
    alone = scores.clustered_error(values, np.arange(50))
    assert alone == pytest.approx(values.std(ddof=1) / np.sqrt(50))
    assert scores.clustered_error(np.repeat(values, 9), np.repeat(np.arange(50), 9)) == (
        pytest.approx(alone)
    )
    assert np.isnan(scores.clustered_error(values, np.zeros(50)))


# --- folds -----------------------------------------------------------------------------------


def names_of(numbers: ArrayLike) -> NDArray[np.str_]:
    """Write numbers of places as names."""
    return np.array([f"place {number}" for number in np.asarray(numbers)])


@given(st.lists(st.integers(0, 8), min_size=5, max_size=120), st.integers(2, 5), st.integers(0, 99))
def test_folds_share_out_every_biome(biomes: list[int], n_folds: int, seed: int) -> None:
    biome, alone = np.array(biomes), names_of(range(len(biomes)))
    fold = profile_folds(biome, alone, n_folds, seed)
    assert set(fold) == set(range(n_folds))
    assert np.ptp(np.bincount(fold)) <= 1
    for number in set(biomes):
        assert np.ptp(np.bincount(fold[biome == number], minlength=n_folds)) <= 1
    assert (fold == profile_folds(biome, alone, n_folds, seed)).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=20, max_size=120),
    st.integers(2, 4),
    st.integers(0, 99),
)
def test_no_place_is_in_two_folds(profiles: list[tuple[int, int]], n_folds: int, seed: int) -> None:
    biome, number = np.array(profiles).T
    assume(len(set(number)) >= n_folds)
    fold = profile_folds(biome, names_of(number), n_folds, seed)
    fold_of_place = {n: set(fold[number == n]) for n in set(number)}
    assert all(len(folds) == 1 for folds in fold_of_place.values())
    places_in = np.bincount([next(iter(folds)) for folds in fold_of_place.values()])
    assert len(places_in) == n_folds
    assert np.ptp(places_in) <= 1


def test_a_place_is_dealt_with_the_biome_of_most_of_its_profiles() -> None:
    # Eight places, each with two profiles of its biome and one of the other.
    number = np.repeat(np.arange(8), 3)
    main = np.arange(8) % 2
    biome = np.where(np.tile([0, 0, 1], 8) == 1, 1 - main[number], main[number])
    fold = profile_folds(biome, names_of(number), 4, 3)[::3]
    for which in (0, 1):
        assert sorted(fold[main == which]) == [0, 1, 2, 3]


def test_another_seed_deals_other_folds() -> None:
    biome, alone = np.repeat(np.arange(4), 20), names_of(range(80))
    assert (profile_folds(biome, alone, 5, 1) != profile_folds(biome, alone, 5, 2)).any()


def test_profiles_within_a_hundredth_of_a_degree_share_a_place(problem: Problem) -> None:
    index = problem.design.profile
    layers = problem.layers.assign(lat=10.0 + index, lon=5.0)
    alone = profile_places(replace(problem, layers=layers))
    assert len(set(alone)) == len(problem.design.profiles)
    assert alone[0] == "10.00 5.00"
    near = {0: (47.301, -180.0), 1: (47.299, 180.0), 2: (47.31, 180.0), 3: (-0.001, -0.002)}
    for profile, (lat, lon) in near.items():
        layers.loc[index == profile, ["lat", "lon"]] = lat, lon
    moved = profile_places(replace(problem, layers=layers))
    assert moved[:4].tolist() == ["47.30 -180.00", "47.30 -180.00", "47.31 -180.00", "0.00 0.00"]
    assert (moved[4:] == alone[4:]).all()


@pytest.mark.parametrize("n_folds", [-1, 0, 1, 7])
def test_impossible_numbers_of_folds_are_refused(n_folds: int) -> None:
    places = names_of([0, 1, 2, 3, 4, 5, 5, 5])
    with pytest.raises(DataError, match=rf"folds = {n_folds}: must be 2 to .* which is 6"):
        profile_folds(np.zeros(8, dtype=np.intp), places, n_folds, 1)


def test_part_of_a_problem_keeps_what_belongs_together(problem: Problem) -> None:
    design = problem.design
    kept = design.biome != design.biome[0]  # a whole biome is missing
    part, likelihood = part_of(problem, kept)
    rows = kept[design.profile]
    assert design.biomes[design.biome[0]] not in part.biomes
    assert part.profiles == tuple(np.array(design.profiles)[kept])
    names = np.array(part.profiles)[part.profile]
    assert (names == problem.layers["profile"][rows]).all()
    of_layer = np.array(part.biomes)[part.biome[part.profile]]
    assert (of_layer == np.array(design.biomes)[design.biome[design.profile[rows]]]).all()
    assert np.array_equal(part.depth, design.depth[rows])
    assert np.array_equal(part.covariates, design.covariates[kept])
    assert np.array_equal(likelihood.nodes.log_weight, problem.nodes.log_weight[rows])


def test_a_biome_without_training_comes_from_the_population() -> None:
    rng = np.random.default_rng(6)
    n = 20_000
    known = rng.normal(size=(n, 2))
    draws = {
        "alpha": np.full(n, -6.0), "sigma_biome": np.full(n, 0.5),
        "beta": np.full(n, -1.5), "sigma_slope": np.full(n, 0.2),
        "a_biome": known, "s_biome": -known,
    }  # fmt: skip
    full = complete_biomes(draws, ("tundra", "deserts"), ("deserts", "boreal", "tundra"), rng)
    assert np.array_equal(full["a_biome"][:, [2, 0]], known)
    assert np.array_equal(full["s_biome"][:, [2, 0]], -known)
    for name, mean, sd in (("a_biome", -6.0, 0.5), ("s_biome", -1.5, 0.2)):
        assert full[name][:, 1].mean() == pytest.approx(mean, abs=0.02)
        assert full[name][:, 1].std() == pytest.approx(sd, rel=0.03)
    assert draws["a_biome"] is known


def test_held_out_layers_share_their_profile_and_their_log_score_is_the_integral(
    spec: TurnoverSpec, problem: Problem
) -> None:
    design = problem.design
    n_draws, tau, spread = 400, 0.4, 1.5
    draws = {
        "a_biome": np.full((n_draws, len(design.biomes)), -6.0),
        "s_biome": np.full((n_draws, len(design.biomes)), -1.0),
        "gamma": np.full((n_draws, 2), 0.3),
        "tau": np.full(n_draws, tau),
        "sigma_profile": np.full(n_draws, spread),
    }
    rows = design.profile == np.bincount(design.profile).argmax()
    delta14c, log_score = predict_profiles(spec, problem, rows, draws, np.random.default_rng(7))
    assert delta14c.shape == (n_draws, rows.sum())
    together = stats.spearmanr(delta14c[:, 0], delta14c[:, 1]).statistic
    assert together == pytest.approx(spread**2 / (spread**2 + tau**2), abs=0.15)
    mu = -6.0 + 0.3 * design.covariates.sum(axis=1)[design.profile] - design.depth
    expected = log_marginal_grid(
        problem.table.theta, problem.log_likelihood[rows], mu[rows], np.hypot(spread, tau)
    )
    assert log_score == pytest.approx(expected, abs=2e-3)


# --- baselines -------------------------------------------------------------------------------


def test_cells_give_the_values_of_their_biome_and_depth(problem: Problem) -> None:
    training = np.arange(len(problem.layers)) % 3 > 0
    predictive = cell_values(problem, training, 0)
    layers = problem.layers.assign(depth=standard_layer(problem.layers))
    counts = layers[training].groupby(["biome", "depth"]).size()
    cell = counts.idxmax()
    held = layers[~training].reset_index(drop=True)
    place = held.index[(held["biome"] == cell[0]) & (held["depth"] == cell[1])][0]
    mine = layers[training & (layers["biome"] == cell[0]) & (layers["depth"] == cell[1])]
    used = predictive.weights[place] > 0
    assert sorted(mine["delta14c"]) == predictive.values[place][used].tolist()
    assert predictive.weights.sum(axis=1) == pytest.approx(1.0)


def test_a_small_cell_gives_way_to_its_depth(problem: Problem) -> None:
    lonely = problem.layers["biome"] == problem.layers["biome"].value_counts().index[-1]
    training = ~lonely.to_numpy()
    predictive = cell_values(problem, training, 0)
    depth = standard_layer(problem.layers)
    for place, row in enumerate(np.flatnonzero(~training)):
        expected = problem.layers["delta14c"][training & (depth == depth[row])]
        used = predictive.values[place][predictive.weights[place] > 0]
        assert used.tolist() == sorted(expected)


def test_standard_layers_by_their_middle() -> None:
    layers = pd.DataFrame(
        {"top_cm": [0, 10, 15, 90, 149, 190], "bottom_cm": [5, 29, 25, 120, 151, 200]}
    )
    assert standard_layer(layers).tolist() == [0, 0, 1, 5, 6, 6]


def test_forest_weighs_training_layers_and_never_sees_the_held_out(problem: Problem) -> None:
    training = problem.design.profile % 4 > 0
    predictive = forest_values(problem, training, 1)
    assert predictive.weights.shape == (int((~training).sum()), int(training.sum()))
    assert predictive.weights.sum(axis=1) == pytest.approx(1.0)
    y = problem.layers["delta14c"].to_numpy(float)
    means = (predictive.values * predictive.weights).sum(axis=1)
    assert np.corrcoef(means, y[~training])[0, 1] > 0.3
    assert set(predictive.values[0]) <= set(y[training])


def test_features_hold_no_measurement(problem: Problem) -> None:
    x = features(problem)
    n_zones = len(np.unique(problem.zone))
    assert x.shape == (len(problem.layers), len(problem.design.biomes) + n_zones + 2 + 2)
    changed = problem.layers.assign(delta14c=0.0, delta14c_err=1.0)
    assert np.array_equal(x, features(replace(problem, layers=changed)))


# --- the whole -------------------------------------------------------------------------------


def test_too_many_folds_end_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        ["crossval", "--simulated", "20", "--folds", "99", "--output", str(tmp_path / "out")]
    )
    assert code == 2
    assert "error: folds = 99: must be 2 to the number of places" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_range_is_refused(spec: TurnoverSpec, seed: int) -> None:
    with pytest.raises(SpecError, match=rf"seed = {seed}: must be 0 to 2147483642"):
        cross_validate(spec, simulate_world(20), seed=seed)


def test_a_place_that_cannot_be_written_to_ends_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("mine", encoding="utf-8")
    assert main(["crossval", "--simulated", "20", "--output", str(occupied)]) == 2
    captured = capsys.readouterr()
    assert f"error: {occupied}" in captured.err
    assert "fold" not in captured.out
    assert occupied.read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_a_small_world_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["crossval", "--simulated", "120", "--folds", "2", "--output", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Held-out places (all profiles at one coordinate) (SIMULATED)" in printed
    heldout = pd.read_csv(tmp_path / "heldout.csv")
    table = pd.read_csv(tmp_path / "scores.csv")
    info = json.loads((tmp_path / "crossval.json").read_text(encoding="utf-8"))
    methods = [MODEL, *BASELINES]
    assert list(info["methods"]) == methods
    assert info["source"] == "simulated"
    for method in methods:
        mine = heldout[heldout["method"] == method]
        assert len(mine) == 120
        assert mine["row"].is_unique
        assert (mine.groupby("profile")["fold"].nunique() == 1).all()
        assert (mine.groupby("place")["fold"].nunique() == 1).all()
        over_all = table[(table["method"] == method) & (table["fold"] == "all")].iloc[0]
        assert over_all["crps"] == pytest.approx(mine["crps"].mean())
        assert over_all["n_profiles"] == mine["profile"].nunique()
        assert over_all["n_places"] == mine["place"].nunique()
        by_place = scores.clustered_error(mine["crps"], mine["place"])
        assert over_all["crps_se"] == pytest.approx(by_place)
    of_model = heldout[heldout["method"] == MODEL]
    assert 0.75 < of_model["covered_90"].mean() <= 1.0  # 24 profiles: 0.9 ± 3 standard errors
    assert np.isfinite(of_model["log_score"]).all()
    crps = heldout.groupby("method")["crps"].mean()
    assert crps[MODEL] < crps["cells"]
    held = [name for state in info["folds"] for name in state["profiles"]]
    assert sorted(held) == sorted(set(heldout["profile"]))


@pytest.mark.slow
def test_intervals_of_the_real_data_hold_what_they_promise(
    data_folder: Path, spec: TurnoverSpec
) -> None:
    inputs = find_source(spec, data_folder).inputs
    result = cross_validate(spec, inputs.tables["layers"], inputs.folder, n_folds=5)
    over_all = result.scores[result.scores["fold"] == "all"].set_index("method")
    assert (result.heldout.groupby("place")["fold"].nunique() == 1).all()
    assert over_all.loc[MODEL, "n_places"] < over_all.loc[MODEL, "n_profiles"]
    assert 0.87 <= over_all.loc[MODEL, "coverage_90"] <= 0.93
    assert all(state["divergences"] == 0 for state in result.info["folds"])
    assert over_all.loc[MODEL, "crps"] < over_all.loc["cells", "crps"]

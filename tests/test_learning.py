"""Learning: nothing leaks, learners are what they say, the ensemble adds what it should."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from xgboost import XGBRegressor

from bayes_rootc.errors import DataError, SpecError
from bayes_rootc.learning.cross import Elsewhere, cross_predict, fit_final
from bayes_rootc.learning.ensemble import PrincipalEnsemble
from bayes_rootc.learning.evaluate import (
    learning_curve,
    partial_dependence,
    permutation_importance,
    scores,
)
from bayes_rootc.learning.folds import block_names, folds_of
from bayes_rootc.learning.learners import LEARNERS, Learner, available
from bayes_rootc.learning.preparation import Preparation, find_correlation, linear_combinations
from learning_worlds import noise, of_profile, spec_of, table_of

ALL = ("forest", "xgboost", "cubist", "svm", "mars")
FAST = ("svm", "mars")


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forests of these tests are small; their size is no part of what is tested."""
    forest = LEARNERS["forest"]
    grid = tuple({**one, "n_estimators": 40} for one in forest.grid)
    small = Learner(forest.text, forest.package, forest.make, grid, forest.takes_weight, {})
    monkeypatch.setitem(LEARNERS, "forest", small)


def r2(table: Any, prediction: np.ndarray) -> float:
    return scores(table.y, prediction, table.weight, table.natural)["r2"]


# --- what must not leak ---------------------------------------------------------------------------


def test_noise_is_not_predicted_where_places_are_held_out() -> None:
    table = table_of(noise)
    found = cross_predict(table, spec_of(*ALL), "grouped", seed=1)
    assert found.learners == (*ALL, "ensemble")
    for name, prediction in zip(found.learners, found.prediction, strict=True):
        assert r2(table, prediction) <= 0.02, name


def test_a_constant_of_each_profile_is_found_only_where_rows_are_held_out() -> None:
    table = table_of(of_profile)
    spec = spec_of("forest", "svm")
    by_rows = cross_predict(table, spec, "random", seed=1).prediction[-1]
    by_places = cross_predict(table, spec, "grouped", seed=1).prediction[-1]
    assert r2(table, by_rows) > 0.3
    assert r2(table, by_places) < 0.05


def test_predictions_of_a_fold_do_not_know_its_targets() -> None:
    """Other targets in one fold change every fold's predictions but its own."""
    table, spec = table_of(n_groups=40), spec_of(*FAST)
    held = folds_of(table, "grouped", 5, 1) == 2  # they do not depend on the target
    other = table_of(lambda f, g, r: np.where(held, 9.0, table.y), n_groups=40)
    one, two = (cross_predict(t, spec, "grouped", seed=1).prediction for t in (table, other))
    np.testing.assert_array_equal(one[:, held], two[:, held])
    assert (one[:, ~held] != two[:, ~held]).mean() > 0.9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n_folds=st.integers(2, 6), groups=st.integers(12, 60))
def test_folds_keep_places_together(seed: int, n_folds: int, groups: int) -> None:
    table = table_of(noise, n_groups=groups, seed=seed)
    fold = folds_of(table, "grouped", n_folds, seed)
    block = [f"{a:g} {b:g}" for a, b in zip(table.lat // 5, table.lon // 5, strict=True)]
    for names in (table.group, np.array(block)):
        assert pd.Series(fold).groupby(names).nunique().max() == 1
    sizes = np.bincount(fold, minlength=n_folds)
    assert (sizes > 0).all() and sizes.sum() == len(table.y)
    np.testing.assert_array_equal(fold, folds_of(table, "grouped", n_folds, seed))
    rows = np.bincount(folds_of(table, "random", n_folds, seed), minlength=n_folds)
    assert np.ptp(rows) <= 1


def test_random_folds_have_the_same_spread_of_the_target() -> None:
    table = table_of(noise, n_groups=100)
    fold = folds_of(table, "random", 5, 0)
    fifth = np.quantile(table.y, 0.2)
    assert np.bincount(fold[table.y < fifth]).tolist() == [16] * 5


def test_groups_that_cross_a_border_tie_blocks_together() -> None:
    table = table_of(noise, n_groups=30)
    name = table.group.copy()
    name[:8] = "one profile in two blocks"
    tied = type(table)(**{**vars(table), "group": name})
    assert len(set(folds_of(tied, "grouped", 5, 0)[:8])) == 1


# --- learners are what they say -------------------------------------------------------------------


def test_forest_and_xgboost_are_those_of_their_packages() -> None:
    table = table_of()
    x = Preparation().fit(table.features).transform(table.features)
    data = (x, table.y, table.weight)
    forest = LEARNERS["forest"].fitted({"n_estimators": 40, "max_features": 0.2}, 7, data)
    direct = RandomForestRegressor(40, min_samples_leaf=5, max_features=0.2, random_state=7)
    np.testing.assert_array_equal(
        forest.predict(x), direct.fit(x, table.y, table.weight).predict(x)
    )
    boosted = LEARNERS["xgboost"].fitted({"n_estimators": 60, "max_depth": 3}, 7, data)
    other = XGBRegressor(
        n_estimators=60, max_depth=3, learning_rate=0.05, subsample=0.8, colsample_bytree=0.5,
        max_bin=64, tree_method="hist", random_state=7,
    ).fit(x, table.y, sample_weight=table.weight)  # fmt: skip
    np.testing.assert_allclose(boosted.predict(x), other.predict(x), rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_every_learner_finds_a_signal_in_places_it_has_not_seen(name: str) -> None:
    table = table_of()
    found = cross_predict(table, spec_of(name), "grouped", seed=1)
    assert r2(table, found.prediction[0]) > 0.5
    assert r2(table, found.prediction[1]) > 0.5


def test_same_seed_same_numbers_and_processes_do_not_matter() -> None:
    table, spec = table_of(n_groups=40), spec_of("xgboost", "svm")
    one, two = (cross_predict(table, spec, "grouped", seed=5, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.prediction, two.prediction)
    pd.testing.assert_frame_equal(one.parameters, two.parameters)
    first, second = (fit_final(table, spec, seed=5).predict(table.features) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_rows_elsewhere_are_predicted_by_the_learners_of_their_fold() -> None:
    table, spec = table_of(n_groups=40), spec_of("svm")
    block = block_names(table.lat, table.lon, 5.0)
    block[:10] = "a block without rows"
    away = Elsewhere(table.features, block)
    found = cross_predict(table, spec, "grouped", seed=5, elsewhere=away)
    assert found.elsewhere is not None and found.final is not None
    np.testing.assert_array_equal(found.elsewhere[:, 10:], found.prediction[:, 10:])
    everything = found.final.predict(table.features[:10]).T
    np.testing.assert_array_equal(found.elsewhere[:, :10], everything)
    final = fit_final(table, spec, seed=5)
    np.testing.assert_array_equal(final.predict(table.features[:10]).T, everything)


def test_a_learner_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "cubist" else find(name)
    )
    present, absent = available(("forest", "cubist"))
    assert present == ("forest",)
    assert absent == {"cubist": "the package cubist is not installed (extra `learners`)"}
    with pytest.raises(SpecError, match="none of cubist is installed"):
        available(("cubist",))


def test_an_unknown_learner_is_refused() -> None:
    with pytest.raises(SpecError, match="learners names forrest, which is none; right: forest"):
        available(("forrest",))


# --- preparation ----------------------------------------------------------------------------------


def test_find_correlation_on_the_matrix_of_carets_manual() -> None:
    """Kuhn 2008, manual of findCorrelation, R1 with cutoff 0.6 and exact = TRUE, by hand.

    Means 0.65 (x1), 0.61 (x5), 0.53 (x3), 0.52 (x4), 0.48 (x2). x1 goes for x5 (0.85), x5 for
    x3 (0.91), then x4 for x2 (0.74) or x3 for x4 (0.65): of x3 and x4, x4 has the larger mean.
    """
    upper = [0.86, 0.56, 0.32, 0.85, 0.01, 0.74, 0.32, 0.65, 0.91, 0.36]
    matrix = np.eye(5)
    matrix[np.triu_indices(5, 1)] = upper
    matrix = np.maximum(matrix, matrix.T)
    assert find_correlation(matrix, 0.6) == [0, 3, 4]
    assert find_correlation(matrix, 0.95) == []


def test_of_a_pair_the_column_goes_that_is_more_like_the_others() -> None:
    matrix = np.array([[1.0, 0.95, 0.5], [0.95, 1.0, 0.1], [0.5, 0.1, 1.0]])
    assert find_correlation(matrix, 0.9) == [0]
    assert find_correlation(-matrix + 2.0 * np.eye(3), 0.9) == [0]


def test_exact_combinations_and_constants_go() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 3))
    wide = np.column_stack([x, x[:, 0] - 2.0 * x[:, 2], np.full(50, 7.0), x[:, 1] + 1.0])
    assert linear_combinations(wide) == [3, 4, 5]
    assert linear_combinations(x) == []


def test_preparation_learns_from_training_rows_alone() -> None:
    """Median, mean, spread and what is removed are those of the rows that were fitted."""
    frame = pd.DataFrame(
        {
            "x": [1.0, 3.0, np.nan, 5.0], "twin": [2.0, 6.0, 6.0, 10.1], "flat": 4.0,
            "biome": ["forest", "grass", "forest", "grass"],
        }
    )  # fmt: skip
    made = Preparation(max_correlation=0.9).fit(frame)
    assert made.removed["flat"] == "constant in the training rows"
    assert sum(name.startswith("biome=") for name in made.names) == 1  # one says the other
    names = dict(zip(made.names, made.transform(frame).T, strict=True))
    new = pd.DataFrame({"x": [np.nan, 7.0], "twin": [6.0, 0.0], "flat": [0.0, 1.0],
                        "biome": ["forest", "grass"]})  # fmt: skip
    (kept,) = {"x", "twin"} & set(names)
    known = frame[kept].fillna(frame[kept].median())
    expected = (new[kept].fillna(known.median()) - known.mean()) / known.std(ddof=0)
    np.testing.assert_allclose(made.transform(new)[:, made.names.index(kept)], expected)


def test_an_unseen_category_is_named_or_none_of_the_known() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 4.0], "biome": ["forest", "grass", "forest"]})
    new = frame.assign(biome="bog")
    with pytest.raises(DataError, match=r"column biome: the category 'bog' .* known: forest, gras"):
        Preparation().fit(frame).transform(new)
    made = Preparation(unseen="zero").fit(frame)
    assert np.isfinite(made.transform(new)).all()


# --- ensemble and scores --------------------------------------------------------------------------


def test_ensemble_finds_the_combination_of_the_best() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((400, 4)) + np.array([0.0, 0.0, 0.0, 50.0])
    y = 2.0 + 0.5 * x[:, 0] + 0.3 * x[:, 1] + 0.2 * x[:, 2]
    made = PrincipalEnsemble(3).fit(x, y, np.ones(400), np.arange(400) % 3)
    assert made.n_components == 3
    assert made.weights == pytest.approx([0.5, 0.3, 0.2, 0.0])
    assert made.intercept == pytest.approx(2.0)
    assert made.predict(x) == pytest.approx(y)


def test_ensemble_of_equal_learners_is_that_learner() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat(rng.standard_normal((100, 1)), 3, axis=1)
    made = PrincipalEnsemble(3).fit(x, x[:, 0], np.ones(100), np.arange(100) % 3)
    assert made.n_components == 1
    assert made.weights == pytest.approx([1 / 3] * 3)
    flat = PrincipalEnsemble(3).fit(np.zeros((50, 3)), x[:50, 0], np.ones(50), np.arange(50) % 3)
    assert flat.predict(np.zeros((2, 3))) == pytest.approx([x[:50, 0].mean()] * 2)


def test_scores_by_hand() -> None:
    y, p = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0])
    found = scores(y, p, np.ones(3), "exp")
    assert found["rmse"] == pytest.approx((1 / 3) ** 0.5)
    assert found["mae"] == found["bias"] == pytest.approx(1 / 3)
    assert found["r2"] == pytest.approx(1.0 - 1.0 / 2.0)
    # Lin (1989): 2 cov/(var + var + (difference of means)²) = 2·1/(2/3 + 14/9 + 1/9).
    assert found["concordance"] == pytest.approx(2.0 / (2 / 3 + 14 / 9 + 1 / 9))
    assert found["bias_natural"] == pytest.approx((np.exp(3) - np.exp(2)) / 3)
    heavy = scores(y, p, np.array([1.0, 1.0, 1e-12]), "exp")
    assert heavy["rmse"] == pytest.approx(0.0, abs=1e-5)


def test_importance_and_dependence_show_what_was_planted() -> None:
    table, spec = table_of(), spec_of("mars")
    found = permutation_importance(table, spec, 1).set_index("feature")["importance"]
    assert set(found.nlargest(4).index) == {"a", "b", "top_cm", "biome"}
    assert abs(found["d"]) < 0.05
    curve = partial_dependence(fit_final(table, spec, seed=1), table, ["top_cm", "biome"], 1)
    depth = curve[curve["feature"] == "top_cm"]
    slope = np.polyfit(depth["value"].astype(float), depth["prediction"], 1)[0]
    assert slope == pytest.approx(-0.02, abs=0.004)
    biome = curve[curve["feature"] == "biome"].set_index("value")["prediction"]
    assert biome["tundra"] - biome["grass"] == pytest.approx(1.0, abs=0.2)


def test_more_rows_make_smaller_errors() -> None:
    found = learning_curve(table_of(), spec_of("forest"), 1)
    for _, part in found.groupby("rule"):
        assert part["rmse"].iloc[-1] < part["rmse"].iloc[0]
        assert part["n"].is_monotonic_increasing


# --- bad input ------------------------------------------------------------------------------------


def test_a_constant_target_is_refused() -> None:
    with pytest.raises(DataError, match=r"ln_k: the target is 3 in all 320 rows; .* must vary"):
        table_of(lambda f, g, r: np.full(len(f), 3.0))


def test_a_target_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DataError, match="ln_k: the target is nan in row 0"):
        table_of(lambda f, g, r: np.where(np.arange(len(f)) == 0, np.nan, g))


def test_a_column_of_nothing_is_refused() -> None:
    table = table_of()
    empty = table.features.assign(c=np.nan)
    with pytest.raises(DataError, match="ln_k: column c has no value in any of 320 rows"):
        type(table)(**{**vars(table), "features": empty})


def test_fewer_rows_or_places_than_folds_are_refused() -> None:
    with pytest.raises(DataError, match="ln_k: 4 rows for 5 folds; give fewer folds"):
        folds_of(table_of(noise, n_groups=1), "random", 5, 0)
    with pytest.raises(DataError, match="ln_k: 3 blocks of 5 degrees for 5 folds"):
        folds_of(table_of(noise, n_groups=3), "grouped", 5, 0)

"""The fast evaluation of forests is exact, and tau finds how far errors exceed the spread."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.learning.flat_forest import FlatForest, flatten, load_forest, save_forest
from bayes_rootc.learning.tree_intervals import (
    ForestSettings,
    grow,
    tau_bootstrap,
    tau_oob,
    thinned,
)


def forest(
    n: int = 300, f: int = 6, *, trees: int = 40, leaf: int = 5, seed: int = 0
) -> tuple[RandomForestRegressor, np.ndarray]:
    """Return a fitted scikit-learn forest and its rows."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, f))
    x[:, 0] = np.round(x[:, 0])  # ties
    y = np.abs(x[:, 1]) + x[:, 0] + 0.3 * rng.standard_normal(n)
    model = RandomForestRegressor(trees, min_samples_leaf=leaf, random_state=seed, n_jobs=1)
    return model.fit(x, y), x


def by_trees(model: RandomForestRegressor, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    each = np.stack([tree.predict(x) for tree in model.estimators_])
    return each.mean(axis=0), each.std(axis=0, ddof=1)


@pytest.mark.parametrize(("n", "rows", "leaf"), [(300, 1, 5), (300, 200, 1), (40, 64, 5)])
def test_mean_and_spread_are_those_of_scikit_learn(n: int, rows: int, leaf: int) -> None:
    model, x = forest(n, leaf=leaf)
    new = np.random.default_rng(1).standard_normal((rows, x.shape[1])) * 2.0
    new = np.concatenate([new, x[:20]])
    mean, sd = flatten(model.estimators_, x.shape[1]).predict(new, n_threads=2)
    expected = by_trees(model, new)
    assert np.abs(mean - expected[0]).max() < 1e-10
    assert np.abs(sd - expected[1]).max() < 1e-7


def test_tiles_and_threads_change_nothing_and_deep_trees_end() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((700, 2))
    chain = np.cumsum(np.exp(0.1 * np.arange(700)))  # one leaf after the other is split off
    model = RandomForestRegressor(3, random_state=0, max_features=1, min_samples_leaf=2)
    model.fit(np.sort(x, axis=0), chain)
    flat = flatten(model.estimators_, 2)
    assert max(tree.tree_.max_depth for tree in model.estimators_) > 20
    new = rng.standard_normal((9001, 2))
    expected = by_trees(model, new)
    for n in (1, 255, 256, 257, 4096, 4097, 9001):
        one, three = (flat.predict(new[:n], n_threads=k) for k in (1, 3))
        assert np.array_equal(one[0], three[0])
        assert np.array_equal(one[1], three[1])
        assert np.allclose(one[0], expected[0][:n], rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(
    value=st.floats(-(2.0**100), 2.0**100, width=32) | st.sampled_from([np.inf, -np.inf]),
    column=st.integers(0, 5),
)
def test_any_number_goes_where_scikit_learn_sends_it(value: float, column: int) -> None:
    model, x = forest(120, trees=5)
    new = x[:3].copy()
    new[:, column] = value
    finite = np.nan_to_num(new, posinf=3e38, neginf=-3e38)  # scikit-learn refuses infinities
    mean, _ = flatten(model.estimators_, x.shape[1]).predict(new)
    assert np.abs(mean - by_trees(model, finite)[0]).max() < 1e-10


def test_a_threshold_itself_goes_left_as_in_scikit_learn() -> None:
    model, x = forest()
    tree = model.estimators_[0].tree_
    node = int(np.flatnonzero(tree.feature >= 0)[0])
    new = x[:1].copy()
    new[0, tree.feature[node]] = np.float32(tree.threshold[node])
    mean, _ = flatten(model.estimators_[:1], x.shape[1]).predict(new)
    assert mean[0] == pytest.approx(model.estimators_[0].predict(new)[0], abs=1e-12)


def test_a_stump_and_a_constant_target_work() -> None:
    x = np.arange(20.0)[:, None]
    model = RandomForestRegressor(3, random_state=0).fit(x, np.full(20, 2.5))
    mean, sd = flatten(model.estimators_, 1).predict(x)
    assert np.allclose(mean, 2.5)
    assert np.allclose(sd, 0.0)


def test_gaps_and_other_covariates_are_refused() -> None:
    model, x = forest(60, trees=3)
    flat = flatten(model.estimators_, x.shape[1])
    with pytest.raises(DataError, match=r"6 predictors, the cells 5: .* other covariates"):
        flat.predict(x[:, :5])
    gap = x[:4].copy()
    gap[2, 3] = np.nan
    with pytest.raises(DataError, match="predictor 3 of row 2 is NaN"):
        flat.predict(gap)


def test_a_forest_is_stored_without_pickle_and_refused_when_it_is_none(tmp_path: Path) -> None:
    model, x = forest(60, trees=3)
    flat = flatten(model.estimators_, x.shape[1])
    save_forest(flat, tmp_path / "f.npz")
    again = load_forest(tmp_path / "f.npz")
    assert isinstance(again, FlatForest)
    assert np.array_equal(again.predict(x)[0], flat.predict(x)[0])
    (tmp_path / "g.npz").write_bytes(b"nothing")
    with pytest.raises(RunError, match="no stored forest"):
        load_forest(tmp_path / "g.npz")


def grouped(
    n_groups: int = 150, layers: int = 4, seed: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), layers)
    x = rng.standard_normal((n_groups, 5))[group]
    own = 0.7 * rng.standard_normal(n_groups)
    return x, x[:, 0] + own[group] + 0.2 * rng.standard_normal(len(group)), group


def test_a_stand_never_sees_the_groups_that_it_leaves_out() -> None:
    x, y, group = grouped()
    trees, unseen = grow(x, y, group, ForestSettings(), seed=1)
    again, _ = grow(x, y, group, ForestSettings(), seed=1)
    assert np.array_equal(trees[7].predict(x), again[7].predict(x))
    for out in unseen:
        assert 0.15 < out.mean() < 0.25
        assert not set(group[out]) & set(group[~out])
    left_out = unseen.sum(axis=0)
    assert left_out.min() == left_out.max() == 4  # every row as often
    assert len(thinned(trees, 500)) == 500


def test_tau_of_one_forest_is_that_of_many() -> None:
    x, y, group = grouped(100, 3)
    settings = ForestSettings(n_trees=50)
    trees, unseen = grow(x, y, group, settings, seed=1)
    one = tau_oob(trees, unseen, x, y)
    many = tau_bootstrap(x, y, group, settings, seed=1, repeats=25)
    assert one.tau95 == pytest.approx(many.tau95, rel=0.1)
    inside = np.abs(y[one.rows] - one.prediction) <= one.tau95 * one.sd
    assert inside.mean() == pytest.approx(0.95, abs=0.01)


def test_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match=r"3 groups of rows; .* needs 5 or more"):
        grow(np.eye(3), np.arange(3.0), np.arange(3), ForestSettings(), seed=1)

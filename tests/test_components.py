"""Principal components of grid variables: learned on pooled places, applied to others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bayes_rootc.data.components import learn_components
from bayes_rootc.errors import DataError
from bayes_rootc.spec.joint import CovariatesSection

NAMES = ("a", "b", "c")


def section(
    climate: tuple[str, ...] = NAMES, soil: tuple[str, ...] = (), **more: object
) -> CovariatesSection:
    content = {"log": (), "topography": ()} | more
    return CovariatesSection(climate=climate, soil=soil, **content)


def frame(**columns: object) -> pd.DataFrame:
    values = pd.DataFrame(columns)
    return values.assign(place=[f"{row}.00 0.00" for row in range(len(values))])


def three(n: int = 60, seed: int = 1) -> pd.DataFrame:
    """Two variables that say the same up to noise, one against them, one of its own."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return frame(
        a=10.0 + 3.0 * x + 0.3 * rng.standard_normal(n),
        b=100.0 * x + 20.0 * rng.standard_normal(n),
        c=-x + 0.4 * rng.standard_normal(n),
        d=rng.uniform(0.0, 50.0, n),
    )


TABLES = arrays(np.float64, st.tuples(st.integers(2, 30), st.just(3)), elements=st.floats(-50, 50))


def test_two_equal_variables_are_one_component_by_hand() -> None:
    places = frame(a=[1.0, 2.0, 3.0, 6.0], b=[10.0, 20.0, 30.0, 60.0])
    found = learn_components(places, section(("a", "b")))
    assert (found.names, found.groups) == (("climate 1",), ("climate",))
    np.testing.assert_allclose(found.mean, [3.0, 30.0])
    np.testing.assert_allclose(found.sd, [np.sqrt(3.5), 10.0 * np.sqrt(3.5)])
    np.testing.assert_allclose(found.variance, [2.0])
    np.testing.assert_allclose(found.loadings, [[np.sqrt(0.5)] * 2])
    scores = found.apply(places)
    np.testing.assert_allclose(scores[:, 0], (places["a"] - 3.0) / np.sqrt(3.5))
    assert found.notes == ()


def test_variances_are_eigenvalues_of_the_correlation_matrix() -> None:
    places = three()
    found = learn_components(places, section(("a", "b", "c", "d"), min_variance=0.01))
    expected = np.linalg.eigvalsh(np.corrcoef(places[["a", "b", "c", "d"]].T))[::-1]
    np.testing.assert_allclose(found.variance, expected)
    assert found.names == tuple(f"climate {number}" for number in range(1, 5))


def test_only_components_above_the_threshold_stay() -> None:
    every = learn_components(three(), section(min_variance=1e-6)).variance
    assert len(every) == 3
    for threshold in (*every, every[1] - 1e-9, 1.0):
        found = learn_components(three(), section(min_variance=float(threshold)))
        np.testing.assert_allclose(found.variance, every[every > threshold])


@given(TABLES)
def test_scores_have_unit_variance_on_the_pooled_places_and_are_uncorrelated(
    values: np.ndarray,
) -> None:
    places = frame(**dict(zip(NAMES, values.T, strict=True)))
    found = learn_components(places, section(min_variance=0.2))
    scores = found.apply(places)
    assert scores.shape == (len(values), len(found.names))
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-7)
    np.testing.assert_allclose(scores.T @ scores / len(values), np.eye(len(found.names)), atol=1e-7)
    assert (found.variance > 0.2).all()
    np.testing.assert_allclose((found.loadings**2).sum(axis=1), 1.0)


@given(TABLES)
def test_the_largest_loading_is_positive(values: np.ndarray) -> None:
    places = frame(**dict(zip(NAMES, values.T, strict=True)))
    for weights in learn_components(places, section(min_variance=0.2)).loadings:
        assert weights[np.abs(weights).argmax()] > 0


@given(TABLES, st.floats(0.01, 100), st.floats(-20, 20))
def test_units_of_a_variable_change_no_score(
    values: np.ndarray, factor: float, offset: float
) -> None:
    # Numbers apart by rounding only would no longer be so in other units.
    values = values.round(3)
    places = frame(**dict(zip(NAMES, values.T, strict=True)))
    other = places.assign(a=(places["a"] * factor + offset))
    one, two = (learn_components(table, section(min_variance=0.5)) for table in (places, other))
    np.testing.assert_allclose(one.variance, two.variance, atol=1e-6)


def test_stored_mean_and_sd_apply_to_new_places_unchanged() -> None:
    places, new = three(), three(5, seed=2) + three(5, seed=3)
    found = learn_components(places, section())
    standard = (new[list(NAMES)].to_numpy() - found.mean) / found.sd
    expected = standard @ found.loadings.T / np.sqrt(found.variance)
    np.testing.assert_allclose(found.apply(new), expected)
    # One place or many: what is beside it plays no part.
    np.testing.assert_allclose(found.apply(new.iloc[[2]]), found.apply(new)[[2]])
    np.testing.assert_allclose(found.apply(places.iloc[[7]]), found.apply(places)[[7]])


def test_a_missing_value_takes_the_mean_and_is_counted() -> None:
    places = three()
    places.loc[[3, 5], "b"] = np.nan
    places.loc[4, "d"] = np.nan
    found = learn_components(places, section(("a", "b"), ("c", "d")))
    assert found.notes == (
        "covariate b: 2 places without a value take the mean of all",
        "covariate d: 1 places without a value take the mean of all",
    )
    assert found.mean[1] == pytest.approx(places["b"].mean())
    filled = places.fillna({"b": places["b"].mean(), "d": places["d"].mean()})
    np.testing.assert_allclose(found.apply(places), found.apply(filled), atol=1e-12)
    np.testing.assert_allclose((found.apply(places) ** 2).mean(axis=0), 1.0)


@pytest.mark.parametrize("value", [0.1, np.nan])
def test_a_constant_or_empty_variable_is_left_out_with_a_note(value: float) -> None:
    # The standard deviation of sixty times 0.1 is not 0 in floating point.
    places = three().assign(b=value)
    found = learn_components(places, section(("a", "b", "c")))
    assert found.notes == ("covariate b is left out: it has no two different values",)
    assert found.loadings[:, 1].tolist() == [0.0]
    without = learn_components(places, section(("a", "c")))
    np.testing.assert_allclose(found.apply(places), without.apply(places))
    # Nor does it matter what a new place has there.
    np.testing.assert_allclose(found.apply(places.assign(b=7.0)), found.apply(places))


def test_groups_are_reduced_each_on_its_own() -> None:
    places = three()
    both = learn_components(places, section(("a", "b"), ("c", "d"), min_variance=0.5))
    climate = learn_components(places, section(("a", "b"), min_variance=0.5))
    assert both.names == ("climate 1", "soil 1", "soil 2")
    assert both.groups == ("climate", "soil", "soil")
    np.testing.assert_allclose(both.apply(places)[:, 0], climate.apply(places)[:, 0])
    np.testing.assert_array_equal(both.loadings[0, 2:], 0.0)
    np.testing.assert_array_equal(both.loadings[1:, :2], 0.0)


def test_skewed_variables_enter_by_their_logarithm() -> None:
    places = three()
    log = learn_components(places, section(("a", "d"), log=("d",), min_variance=0.5))
    by_hand = learn_components(
        places.assign(d=np.log(1.0 + places["d"])), section(("a", "d"), min_variance=0.5)
    )
    np.testing.assert_allclose(log.mean, by_hand.mean)
    np.testing.assert_allclose(log.variance, by_hand.variance)
    np.testing.assert_allclose(
        log.apply(places), by_hand.apply(places.assign(d=np.log(1.0 + places["d"])))
    )


def test_a_value_below_zero_has_no_logarithm() -> None:
    places = three().assign(d=lambda table: table["d"].where(table.index != 3, -0.5))
    with pytest.raises(DataError) as caught:
        learn_components(places, section(("a", "d"), log=("d",)))
    assert str(caught.value) == (
        "covariate d: -0.5 at 3.00 0.00 is below 0 and enters as ln(1 + value); take it out of "
        "covariates.log"
    )


def test_a_lone_variable_is_no_component_unless_the_threshold_is_lower() -> None:
    for seed in range(5):  # its variance is 1 up to rounding, which must not decide
        places = three(seed=seed)
        found = learn_components(places, section(("a",)))
        assert found.apply(places).shape == (len(places), 0)
        assert found.loadings.shape == (0, 1)
        assert found.notes == (
            "the covariates of the group climate do not enter: none of its components has a "
            "variance above 1",
        )
        assert learn_components(places, section(("a",), min_variance=0.99)).names == ("climate 1",)


def test_without_groups_there_are_no_scores() -> None:
    found = learn_components(three(), section(()))
    assert (found.names, found.variables, found.notes) == ((), (), ())
    assert found.apply(three()).shape == (60, 0)

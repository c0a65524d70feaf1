"""Effects of groups: the same prior however they are sampled, and correlations that are LKJ."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.effects import correlation_factor, data_weight, normal_effects, variable
from bayes_rootc.spec.priors import HalfNormal, LogNormal, Normal, Prior, frozen

N = len(BIOME_KEYS)
QUICK = "FAST_COMPILE"


def factor_matrix(n: int, eta: float) -> tuple[Any, Any]:
    """Return partial correlations on (0, 1) and the factor as one lower triangular matrix."""
    with pm.Model():
        rows = correlation_factor("partial", n, eta)
        sampled = pm.modelcontext(None)["partial"]
    padded = [pt.stack([pt.as_tensor(v, dtype="float64") for v in row]) for row in rows]
    zeros = [pt.zeros(n - len(row)) for row in rows]
    matrix = pt.stack([pt.concatenate(pair) for pair in zip(padded, zeros, strict=True)])
    return sampled, matrix


@pytest.fixture(scope="module")
def factor_of() -> Any:
    """Return the factor of five effects, as the joint model has, as a function."""
    sampled, matrix = factor_matrix(5, 2.0)
    return pytensor.function([sampled], matrix, mode=QUICK)


@settings(max_examples=50)
@given(partial=st.lists(st.floats(0.01, 0.99), min_size=10, max_size=10).map(np.array))
def test_rows_have_unit_length_and_the_matrix_is_positive_definite(
    factor_of: Any, partial: np.ndarray
) -> None:
    factor = factor_of(partial)
    assert (factor**2).sum(axis=1) == pytest.approx(np.ones(5), rel=1e-12)
    assert (np.diag(factor) > 0.0).all() and (np.triu(factor, 1) == 0.0).all()
    correlation = factor @ factor.T
    assert np.diag(correlation) == pytest.approx(np.ones(5))
    assert np.linalg.eigvalsh(correlation).min() > 0.0
    # The first row's partial correlations are correlations.
    assert correlation[0, 1:] == pytest.approx(2.0 * partial[:4] - 1.0)


def test_a_partial_correlation_is_what_its_name_says(factor_of: Any) -> None:
    """Of two effects given those before the first of them, by regression on these."""
    partial = np.random.default_rng(1).uniform(0.1, 0.9, 10)
    factor = factor_of(partial)
    correlation = factor @ factor.T
    for number, (j, i) in enumerate(combinations(range(5), 2)):
        known, pair = list(range(j)), [j, i]
        left = correlation[np.ix_(pair, pair)] - correlation[np.ix_(pair, known)] @ np.linalg.solve(
            correlation[np.ix_(known, known)], correlation[np.ix_(known, pair)]
        )
        expected = left[0, 1] / np.sqrt(left[0, 0] * left[1, 1])
        assert 2.0 * partial[number] - 1.0 == pytest.approx(expected)


@pytest.mark.parametrize(("n", "eta"), [(5, 2.0), (3, 1.0), (2, 4.0)])
def test_every_correlation_has_the_margin_of_an_lkj_matrix(n: int, eta: float) -> None:
    """(1 + r)/2 ~ Beta(eta - 1 + n/2), the same for all pairs (Lewandowski et al. 2009)."""
    matrix = factor_matrix(n, eta)[1]
    draws = pm.draw(matrix, draws=1500, random_seed=4, mode=QUICK)
    correlation = draws @ draws.transpose(0, 2, 1)
    shape = eta - 1.0 + n / 2.0
    expected = stats.beta(shape, shape)
    for i, j in combinations(range(n), 2):
        # Ten pairs: one of them falls below 0.001 by chance in one of a hundred seeds.
        assert stats.kstest((correlation[:, i, j] + 1.0) / 2.0, expected.cdf).pvalue > 1e-3, (i, j)


def test_density_over_matrices_is_lkj(factor_of: Any) -> None:
    """Log prior of the partial correlations less ln |d matrix / d partial| = (eta - 1) ln det."""
    eta, pairs = 2.0, list(combinations(range(5), 2))
    with pm.Model() as model:
        correlation_factor("partial", 5, eta)
    log_prior = model.compile_logp(jacobian=False, mode=QUICK)
    name = model.rvs_to_values[model["partial"]].name

    def entries(partial: np.ndarray) -> np.ndarray:
        factor = factor_of(partial)
        return np.array([(factor @ factor.T)[pair] for pair in pairs])

    constants = []
    for seed in range(4):
        partial = np.random.default_rng(seed).uniform(0.2, 0.8, 10)
        h = 1e-6
        slopes = np.array(
            [(entries(partial + h * e) - entries(partial - h * e)) / (2 * h) for e in np.eye(10)]
        )
        factor = factor_of(partial)
        log_det = 2.0 * np.log(np.diag(factor)).sum()
        logit = np.log(partial / (1.0 - partial))
        of_matrix = float(log_prior({name: logit})) - np.linalg.slogdet(slopes)[1]
        constants.append(of_matrix - (eta - 1.0) * log_det)
    assert constants == pytest.approx([constants[0]] * 4, abs=1e-5)


MEAN, SPREAD = np.linspace(-1.0, 1.0, N), 0.3


def effects_model(weight: np.ndarray) -> tuple[pm.Model, Any]:
    with pm.Model(coords={"biome": BIOME_KEYS}) as model:
        spread = pm.HalfNormal("spread", 1.0)
        _, multiples = normal_effects("a", MEAN, spread, weight=weight, dims="biome")
    return model, multiples


WEIGHTS = {
    "as they are": np.ones(N),
    "multiples": np.zeros(N),
    "in between": np.linspace(0.0, 1.0, N),
}


@pytest.mark.parametrize("which", WEIGHTS)
def test_effects_have_the_same_prior_however_they_are_sampled(which: str) -> None:
    """Prior of the effects: log density of what is sampled + ln |d sampled / d effects|."""
    weight = WEIGHTS[which]
    model, multiples = effects_model(weight)
    sampled = "a" if which == "as they are" else "a_multiple"
    log_prior = model.compile_logp(vars=[model[sampled]], jacobian=False, mode=QUICK)
    a = np.random.default_rng(2).normal(MEAN, SPREAD)
    point = {
        "spread_log__": np.log(SPREAD),
        sampled: weight * MEAN + SPREAD**weight * (a - MEAN) / SPREAD,
    }
    of_effects = float(log_prior(point)) - (1.0 - weight).sum() * np.log(SPREAD)
    assert of_effects == pytest.approx(stats.norm.logpdf(a, MEAN, SPREAD).sum())
    names = [v.name for v in model.value_vars]
    stored = model.replace_rvs_by_values([model["a"], multiples])
    found = pytensor.function(model.value_vars, stored, mode=QUICK, on_unused_input="ignore")(
        **{name: point[name] for name in names}
    )
    assert found[0] == pytest.approx(a)
    assert found[1] == pytest.approx((a - MEAN) / SPREAD)


def test_weight_of_data_is_a_half_where_it_says_and_nothing_without_data() -> None:
    assert data_weight(np.array([0, 8, 72]), 8.0).tolist() == [0.0, 0.5, 0.9]


def test_means_and_spreads_may_be_one_for_all_or_one_each() -> None:
    """A matrix of effects, its mean by column, one spread."""
    with pm.Model(coords={"biome": BIOME_KEYS, "component": ("c 1", "c 2")}) as model:
        normal_effects(
            "slopes", np.array([5.0, -5.0]), 0.01,
            weight=np.zeros((N, 2)), dims=("biome", "component"),
        )  # fmt: skip
    drawn = pm.draw(model["slopes"], random_seed=1, mode=QUICK)
    assert drawn == pytest.approx(np.tile([5.0, -5.0], (N, 1)), abs=0.05)


@pytest.mark.parametrize(
    "prior",
    [
        Normal(dist="normal", mean=0.7, sd=1.3, unit="1", reason="test"),
        HalfNormal(dist="half_normal", sd=0.4, unit="1", reason="test"),
        LogNormal(dist="lognormal", median=0.5, sigma=0.7, unit="1", reason="test"),
    ],
    ids=lambda prior: prior.dist,
)
def test_variables_have_the_density_of_their_prior(prior: Prior) -> None:
    with pm.Model():
        made = variable("x", prior)
    at = np.array([0.1, 0.6, 2.0])
    found = [float(pm.logp(made, value).eval(mode=QUICK)) for value in at]
    assert found == pytest.approx(frozen(prior).logpdf(at))

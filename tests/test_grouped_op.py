"""Grouped normal observations: the density with the effect integrated out, and the effect back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.gradient import DisconnectedInputError
from scipy import stats

from bayes_rootc.models.grouped_op import group_posterior, grouped_normal, grouped_normal_kernel

Terms = tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]
"""Residual, loading, variance, variance of the group effect, group."""


def make_terms(seed: int, n: int = 14, n_groups: int = 5) -> Terms:
    """Observations in groups of all sizes; some groups have none."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0.0, 1.5, n),
        rng.normal(0.3, 1.0, n),
        np.exp(rng.normal(-0.5, 0.8, n)),
        float(np.exp(rng.normal(-0.5, 1.0))),
        rng.integers(0, n_groups, n),
    )


def dense_covariance(terms: Terms) -> np.ndarray:
    _, loading, variance, spread, group = terms
    together = group[:, None] == group[None, :]
    return np.diag(variance) + spread * np.outer(loading, loading) * together


def reference(terms: Terms) -> float:
    """Log density with the whole covariance matrix."""
    residual = terms[0]
    covariance = dense_covariance(terms)
    return float(stats.multivariate_normal.logpdf(residual, np.zeros(len(residual)), covariance))


def kernel(terms: Terms) -> tuple[np.ndarray, ...]:
    residual, loading, variance, spread, group = terms
    return grouped_normal_kernel(residual, loading, variance, np.array(spread), group)


SEEDS = st.integers(0, 10_000)


@given(seed=SEEDS, n=st.integers(1, 20), n_groups=st.integers(1, 8))
def test_density_is_that_of_the_whole_covariance(seed: int, n: int, n_groups: int) -> None:
    terms = make_terms(seed, n, n_groups)
    assert float(kernel(terms)[0]) == pytest.approx(reference(terms), rel=1e-9, abs=1e-9)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_derivatives_are_those_of_finite_differences(seed: int) -> None:
    terms = make_terms(seed)
    _, *derivatives = kernel(terms)
    for position, derivative in enumerate(derivatives):
        value = np.asarray(terms[position], float)
        for index in np.ndindex(*value.shape):
            h = 1e-5 * max(1.0, abs(value[index]))
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[index] += sign * h
                ends.append(reference((*terms[:position], moved, *terms[position + 1 :])))  # type: ignore[arg-type]
            expected = (ends[0] - ends[1]) / (2.0 * h)
            assert derivative[index] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_without_spread_observations_are_independent() -> None:
    residual, loading, variance, _, group = make_terms(1)
    density = kernel((residual, loading, variance, 0.0, group))[0]
    alone = stats.norm.logpdf(residual, 0.0, np.sqrt(variance)).sum()
    assert float(density) == pytest.approx(alone, rel=1e-12)


def test_labels_and_order_of_the_groups_do_not_matter() -> None:
    residual, loading, variance, spread, group = terms = make_terms(2)
    expected = float(kernel(terms)[0])
    # Groups without observations lie between the others: they count for nothing.
    assert float(kernel((residual, loading, variance, spread, 3 * group + 2))[0]) == pytest.approx(
        expected, rel=1e-12
    )
    order = np.random.default_rng(3).permutation(len(group))
    shuffled = (residual[order], loading[order], variance[order], spread, group[order])
    assert float(kernel(shuffled)[0]) == pytest.approx(expected, rel=1e-12)


def test_no_observations_have_no_density() -> None:
    nothing = np.empty(0)
    density, by_residual, *_, by_spread = kernel((nothing, nothing, nothing, 0.5, np.empty(0, int)))
    assert (float(density), by_residual.shape, float(by_spread)) == (0.0, (0,), 0.0)


@given(seed=SEEDS, n=st.integers(1, 20))
def test_group_effects_are_conditioned_as_dense_gaussians(seed: int, n: int) -> None:
    residual, loading, variance, spread, group = terms = make_terms(seed, n)
    n_groups = int(group.max()) + 1
    cross = spread * loading * (np.arange(n_groups)[:, None] == group)
    gain = np.linalg.solve(dense_covariance(terms), cross.T).T
    mean, own = group_posterior(residual, loading, variance, spread, group)
    assert mean == pytest.approx(gain @ residual, rel=1e-8, abs=1e-9)
    expected = spread - np.diag(gain @ cross.T)
    # 1 - (nearly 1) loses digits where the data tell the effect well, in the reference only.
    assert own == pytest.approx(expected, rel=1e-6, abs=1e-9 * spread)


def graph() -> tuple[list[Any], list[Any], np.ndarray]:
    """Total and gradient by residual, loading, variance and spread, as a model uses it."""
    inputs = [pt.dvector("r"), pt.dvector("c"), pt.dvector("v"), pt.dscalar("w")]
    group = make_terms(4)[4]
    total = 2.0 * grouped_normal(*inputs, group)[0]
    return inputs, [total, *pytensor.grad(total, inputs)], group


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_value_and_gradient_through_pytensor(mode: str) -> None:
    """FAST_COMPILE runs `perform`, NUMBA the kernel as the sampler does."""
    inputs, outputs, _ = graph()
    terms = make_terms(4)
    found = pytensor.function(inputs, outputs, mode=mode)(*terms[:4])
    for value, expected in zip(found, kernel(terms), strict=True):
        assert value == pytest.approx(2.0 * expected, rel=1e-12)


def test_shapes_are_inferred() -> None:
    inputs, _, group = graph()
    outputs = grouped_normal(*inputs, group)
    shapes = pytensor.function(
        inputs, [output.shape for output in outputs],
        on_unused_input="ignore", mode="FAST_COMPILE",
    )(*make_terms(4)[:4])  # fmt: skip
    assert [shape.tolist() for shape in shapes] == [[], [14], [14], [14], []]


@pytest.mark.parametrize(
    ("position", "wrong", "message"),
    [
        (0, pt.fvector("r"), "float64 tensor of 1 dimensions"),
        (2, pt.dscalar("v"), "float64 tensor of 1 dimensions"),
        (3, pt.dvector("w"), "float64 tensor of 0 dimensions"),
        (4, np.zeros(14), "int64 tensor of 1 dimensions"),
        (4, np.zeros(14, np.int32), "int64 tensor of 1 dimensions"),
    ],
)
def test_wrong_types_are_refused(position: int, wrong: Any, message: str) -> None:
    inputs, _, group = graph()
    given_inputs = [*inputs, group]
    given_inputs[position] = wrong
    with pytest.raises(TypeError, match=message):
        grouped_normal(*given_inputs)


def test_only_the_density_is_differentiated() -> None:
    inputs, _, group = graph()
    by_spread = grouped_normal(*inputs, group)[4]
    with pytest.raises(DisconnectedInputError):
        pytensor.grad(by_spread, inputs[0])

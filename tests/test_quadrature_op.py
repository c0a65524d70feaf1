"""The fused log marginal: values, gradients, and the same from every way to run it."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayes_rootc.models.quadrature_op import exp_below_zero, log_marginal, log_marginal_kernel
from bayes_rootc.radiocarbon.quadrature import Nodes, compress
from bayes_rootc.radiocarbon.table import build_table, log_likelihood_grid, theta_grid

N = 12


def make_nodes() -> Nodes:
    """Nodes of twelve layers from old to bomb carbon."""
    grid = theta_grid()
    table = build_table(["NHZone1"] * N, [1998.5] * N, grid)
    return compress(grid, log_likelihood_grid(table, np.linspace(-900, 140, N), [10.0] * N, 4.0))


NODES = make_nodes()
SINGLE = 2e-7
"""Relative rounding of single precision, in which the kernel works."""


def reference(mu: np.ndarray, tau: float, nodes: Nodes = NODES) -> np.ndarray:
    theta, log_weight = nodes.theta.astype(float), nodes.log_weight.astype(float)
    term = log_weight + stats.norm.logpdf(theta, mu[:, None], tau)
    return np.logaddexp.reduce(term, axis=1)


def kernel(mu: np.ndarray, tau: float, nodes: Nodes = NODES) -> tuple[np.ndarray, ...]:
    return log_marginal_kernel(mu, np.array(tau), nodes.theta, nodes.log_weight)


MUS = st.lists(st.floats(-15.0, 2.0), min_size=N, max_size=N).map(np.array)


@given(mu=MUS, tau=st.floats(0.2, 4.0))
def test_kernel_is_logsumexp(mu: np.ndarray, tau: float) -> None:
    largest = 0.5 * (16.0 / tau) ** 2
    got = kernel(mu, tau)[0]
    assert got == pytest.approx(reference(mu, tau), abs=4 * SINGLE * (largest + 30.0))


@given(mu=MUS, tau=st.floats(0.25, 4.0))
def test_derivatives_are_those_of_the_logsumexp(mu: np.ndarray, tau: float) -> None:
    _, by_mu, by_tau = kernel(mu, tau)
    h = 1e-4
    expected_mu = (reference(mu + h, tau) - reference(mu - h, tau)) / (2 * h)
    expected_tau = (reference(mu, tau + h) - reference(mu, tau - h)) / (2 * h)
    assert by_mu == pytest.approx(expected_mu, rel=1e-3, abs=1e-3)
    assert by_tau == pytest.approx(expected_tau, rel=1e-3, abs=1e-2)


def test_one_node_is_a_normal_density() -> None:
    nodes = Nodes(np.array([[-5.0]], np.float32), np.log(np.array([[3.0]], np.float32)))
    value, by_mu, by_tau = kernel(np.array([-4.0]), 0.5, nodes)
    assert value == pytest.approx([np.log(3.0) + stats.norm.logpdf(-5.0, -4.0, 0.5)], abs=1e-6)
    assert by_mu == pytest.approx([-1.0 / 0.25])
    assert by_tau == pytest.approx([1.0 / 0.125 - 2.0])


def test_nodes_without_likelihood_count_for_nothing() -> None:
    with_hole = Nodes(
        np.concatenate([NODES.theta, NODES.theta[:, -1:] + 1.0], axis=1),
        np.concatenate([NODES.log_weight, np.full((N, 1), -np.inf, np.float32)], axis=1),
    )
    mu = np.linspace(-9.0, 0.0, N)
    for got, expected in zip(kernel(mu, 0.7, with_hole), kernel(mu, 0.7), strict=True):
        assert got == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(st.floats(-60.0, 0.0))
def test_the_plain_arithmetic_exponential(x: float) -> None:
    assert exp_below_zero(np.float32(x)) == pytest.approx(np.exp(max(x, -25.0)), rel=3e-5)


@pytest.fixture(scope="module")
def graph() -> tuple[list[pt.TensorVariable], list[pt.TensorVariable]]:
    mu, tau = pt.dvector("mu"), pt.dscalar("tau")
    total = log_marginal(mu, tau, NODES.theta, NODES.log_weight)[0].sum()
    return [mu, tau], [total, *pytensor.grad(total, [mu, tau])]


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_value_and_gradient_through_pytensor(graph: tuple[list, list], mode: str) -> None:
    """FAST_COMPILE runs `perform`, NUMBA the fused kernel as the sampler does."""
    function = pytensor.function(*graph, mode=mode)
    mu, tau = np.linspace(-8.0, -1.0, N), 0.6
    total, by_mu, by_tau = function(mu, tau)
    value, expected_mu, expected_tau = kernel(mu, tau)
    assert total == pytest.approx(reference(mu, tau).sum(), abs=1e-5)
    assert total == pytest.approx(value.sum(), abs=1e-9)
    assert by_mu == pytest.approx(expected_mu, abs=1e-9)
    assert by_tau == pytest.approx(expected_tau.sum(), abs=1e-8)


def test_gradient_by_the_chain_rule() -> None:
    """Through a hierarchy-like expression, against finite differences."""
    x = pt.dvector("x")
    total = log_marginal(
        x[0] + x[1] * np.linspace(-1, 1, N), pt.exp(x[2]), NODES.theta, NODES.log_weight
    )[0].sum()
    function = pytensor.function([x], [total, pytensor.grad(total, x)], mode="FAST_COMPILE")
    point, h = np.array([-5.0, -1.0, -0.4]), 3e-3
    expected = [
        (function(point + h * unit)[0] - function(point - h * unit)[0]) / (2 * h)
        for unit in np.eye(3)
    ]
    assert function(point)[1] == pytest.approx(expected, rel=1e-3)


def test_shapes_are_inferred_and_checked() -> None:
    mu, tau = pt.dvector("mu"), pt.dscalar("tau")
    outputs = log_marginal(mu, tau, NODES.theta, NODES.log_weight)
    shape = pytensor.function([mu, tau], outputs[0].shape, on_unused_input="ignore")
    assert shape(np.zeros(N), 1.0).tolist() == [N]
    with pytest.raises(TypeError, match="float64 tensor of 0 dimensions"):
        log_marginal(mu, mu, NODES.theta, NODES.log_weight)
    with pytest.raises(TypeError, match="float64 tensor of 1 dimensions"):
        log_marginal(pt.fvector("m"), tau, NODES.theta, NODES.log_weight)

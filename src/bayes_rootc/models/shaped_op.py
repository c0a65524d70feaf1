"""The marginal likelihood of the layers where a shape is sampled: between knots, with gradient."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bayes_rootc.models.quadrature_op import FAST, SINGLE, exp_below_zero


@numba.njit(error_model="numpy", inline="always")
def _catmull_rom(t: Any) -> Any:
    """Weights of four knots for a place t beyond the second one, and their derivatives.

    The cubic is exact at knots and for parabolas, and smooth, as the sampler needs it
    (Catmull & Rom 1974).
    """
    weights = (
        0.5 * t * (-1.0 + t * (2.0 - t)),
        1.0 + 0.5 * t * t * (3.0 * t - 5.0),
        0.5 * t * (1.0 + t * (4.0 - 3.0 * t)),
        0.5 * t * t * (t - 1.0),
    )
    slopes = (
        -0.5 + t * (2.0 - 1.5 * t),
        t * (4.5 * t - 5.0),
        0.5 + t * (4.0 - 4.5 * t),
        t * (1.5 * t - 1.0),
    )
    return weights, slopes


@numba.njit(error_model="numpy", fastmath=FAST, inline="always")
def _largest(terms: Any, top: Any) -> Any:
    """Largest of the terms of four knots; ``top`` has room for those of one.

    The compiler makes no vector code of a running maximum, but of elementwise ones.
    """
    n = len(top)
    p0, p1, p2, p3 = terms[:n], terms[n : 2 * n], terms[2 * n : 3 * n], terms[3 * n :]
    for w in range(n):
        top[w] = max(p0[w], p1[w], p2[w], p3[w])
    low, high = top[: (n + 1) // 2], top[n // 2 :]
    for w in range(len(low)):
        low[w] = max(low[w], high[w])
    largest = low[0]
    for w in range(1, len(low)):
        largest = max(largest, low[w])
    return largest


@numba.njit(error_model="numpy", fastmath=FAST, inline="always")
def _total(shares: Any) -> Any:
    total = SINGLE(0.0)
    for w in range(len(shares)):
        total += shares[w]
    return total


@numba.njit(error_model="numpy", fastmath=FAST, inline="always")
def _interpolated(distance: Any, share: Any, weights: Any, slopes: Any) -> Any:
    """Interpolate between four knots.

    Logarithm of the sum of shares, its change with the place, mean distance and squared distance.
    """
    n = len(share) // 4
    d0, d1, d2, d3 = distance[:n], distance[n : 2 * n], distance[2 * n : 3 * n], distance[3 * n :]
    p0, p1, p2, p3 = share[:n], share[n : 2 * n], share[2 * n : 3 * n], share[3 * n :]
    t0, t1, t2, t3 = _total(p0), _total(p1), _total(p2), _total(p3)
    c0, c1 = SINGLE(weights[0] / t0), SINGLE(weights[1] / t1)
    c2, c3 = SINGLE(weights[2] / t2), SINGLE(weights[3] / t3)
    first, second = SINGLE(0.0), SINGLE(0.0)
    for w in range(n):
        f0, f1 = c0 * p0[w] * d0[w], c1 * p1[w] * d1[w]
        f2, f3 = c2 * p2[w] * d2[w], c3 * p3[w] * d3[w]
        first += (f0 + f1) + (f2 + f3)
        second += (f0 * d0[w] + f1 * d1[w]) + (f2 * d2[w] + f3 * d3[w])
    l0, l1 = np.log(np.float64(t0)), np.log(np.float64(t1))
    l2, l3 = np.log(np.float64(t2)), np.log(np.float64(t3))
    value = weights[0] * l0 + weights[1] * l1 + weights[2] * l2 + weights[3] * l3
    change = slopes[0] * l0 + slopes[1] * l1 + slopes[2] * l2 + slopes[3] * l3
    return value, change, first, second


@numba.njit(error_model="numpy", fastmath=FAST)
def log_marginal_shaped_kernel(  # noqa: PLR0917 - as the operation passes them
    mu: NDArray[np.float64],
    tau: Any,
    place: NDArray[np.float64],
    order: NDArray[np.int64],
    theta: NDArray[np.float32],
    log_weight: NDArray[np.float32],
) -> tuple[NDArray[np.float64], ...]:
    """Log marginal of each layer among the knots of a shape, and its derivatives.

    The nodes of a layer's four knots are put side by side and gone through as one, with one
    largest exponent and one sum of derivatives. Reading them is what takes long, so that they lie
    in memory as they are read: knot by knot, and layers of like place together.

    Parameters
    ----------
    mu : ndarray, shape (N,)
    tau : 0-d array
    place : ndarray, shape (N,)
        Where the shape lies among the knots, 1 to M - 2; a cubic through four of them.
    order : ndarray of int, shape (N,)
        Layer of each row of the nodes.
    theta, log_weight : ndarray of float32, shape (M, N, W)

    Returns
    -------
    log_density, by_mu, by_tau, by_place : ndarray, shape (N,)
    """
    n_knots, n_layers, n = theta.shape
    variance = tau[()] * tau[()]
    log_norm = 0.5 * np.log(2.0 * np.pi * variance)
    slope = SINGLE(-0.5 / variance)
    found = (np.empty(n_layers), np.empty(n_layers), np.empty(n_layers), np.empty(n_layers))
    distance, share, top = np.empty(4 * n, SINGLE), np.empty(4 * n, SINGLE), np.empty(n, SINGLE)
    for row in range(n_layers):
        i = order[row]
        left = min(max(int(place[i]), 1), n_knots - 3)
        weights, slopes = _catmull_rom(place[i] - left)
        centre = SINGLE(mu[i])
        for knot in range(4):
            own_theta, own_weight = theta[left - 1 + knot, row], log_weight[left - 1 + knot, row]
            d, s = distance[knot * n : (knot + 1) * n], share[knot * n : (knot + 1) * n]
            for w in range(n):
                d[w] = own_theta[w] - centre
                s[w] = own_weight[w] + slope * d[w] * d[w]
        largest = _largest(share, top)
        for w in range(len(share)):
            share[w] = exp_below_zero(share[w] - largest)
        value, change, first, second = _interpolated(distance, share, weights, slopes)
        found[0][i] = largest + value - log_norm
        found[1][i] = first / variance
        found[2][i] = (second / variance - 1.0) / tau[()]
        found[3][i] = change
    return found


class LogMarginalShaped(Op):
    """As :class:`LogMarginal`, with a shape that is sampled."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """Take μ (N,), τ (), place (N,), order (N,), node positions, log weights (M, N, W)."""
        tensors = [pt.as_tensor(value) for value in inputs]
        return Apply(self, tensors, [pt.dvector() for _ in range(4)])

    def perform(self, node: Apply[Any], inputs: Any, output_storage: Any) -> None:
        """Compute with the compiled kernel."""
        del node
        for storage, value in zip(output_storage, log_marginal_shaped_kernel(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Any, input_shapes: Any) -> Any:
        """All outputs have one value a layer."""
        del node
        return [input_shapes[0]] * 4

    def connection_pattern(self, node: Apply[Any]) -> list[list[bool]]:
        """Only the log density, by μ, τ and place, is differentiated."""
        del node
        return [[True, *[False] * 3]] * 3 + [[False] * 4] * 3

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:
        """Chain rule with the derivatives that the kernel has computed already."""
        del inputs
        _, by_mu, by_tau, by_place = outputs
        upstream = output_grads[0]
        return [
            upstream * by_mu,
            pt.sum(upstream * by_tau),
            upstream * by_place,
            disconnected_type(),
            disconnected_type(),
            disconnected_type(),
        ]


@register_funcify_default_op_cache_key(LogMarginalShaped)  # type: ignore[untyped-decorator]
def _numba_log_marginal_shaped(op: LogMarginalShaped, **kwargs: Any) -> Any:
    del op, kwargs
    cache_version = 4
    return log_marginal_shaped_kernel, cache_version


log_marginal_shaped = LogMarginalShaped()

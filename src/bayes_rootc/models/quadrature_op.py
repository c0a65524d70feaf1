"""The marginal likelihood of the layers as one fused operation with its own gradient.

One pass over a layer's nodes gives log p(y | μ, τ) and its derivatives; written in PyTensor's
elementary operations the same needs several passes over an array of layers × nodes.
"""

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

LOWEST = -25.0
"""Terms this far (in logs) below a layer's largest one count as no smaller: 60 of them change the
logarithm by less than 1e-9, well below the rounding of single precision."""

# Reassociation and contraction let the compiler turn the sums over nodes into vector code;
# infinities keep their meaning (a node without likelihood has log weight -inf).
FAST = {"reassoc", "contract", "nsz", "arcp", "nnan"}


SINGLE = np.float32


@numba.njit(error_model="numpy", fastmath=FAST, inline="always")
def exp_below_zero(x: Any) -> Any:
    """exp(x) for x <= 0, held at exp(LOWEST), in single precision.

    Plain arithmetic, so that the loop over nodes becomes vector code, which a call of the
    library's exp would prevent: exp(x) = exp(x/128)^128 with a Taylor polynomial of degree 6.
    """
    y = max(x, SINGLE(LOWEST)) * SINGLE(1.0 / 128.0)
    high = SINGLE(1.0 / 24) + y * (SINGLE(1.0 / 120) + y * SINGLE(1.0 / 720))
    power = SINGLE(1.0) + y * (SINGLE(1.0) + y * (SINGLE(0.5) + y * (SINGLE(1.0 / 6) + y * high)))
    power *= power
    power *= power
    power *= power
    power *= power
    power *= power
    power *= power
    return power * power


@numba.njit(error_model="numpy", fastmath=FAST, inline="always")
def _layer_sums(centre: Any, slope: Any, theta: Any, log_weight: Any, terms: Any) -> Any:
    """Largest exponent of a layer's nodes; sums of their shares, times distance 0, 1, 2 times."""
    n_nodes = len(theta)
    for w in range(n_nodes):
        distance = theta[w] - centre
        terms[w] = log_weight[w] + slope * distance * distance
    largest = terms[0]
    for w in range(1, n_nodes):
        largest = max(largest, terms[w])
    total, first, second = SINGLE(0.0), SINGLE(0.0), SINGLE(0.0)
    for w in range(n_nodes):
        distance = theta[w] - centre
        share = exp_below_zero(terms[w] - largest)
        total += share
        first += share * distance
        second += share * distance * distance
    return largest, total, first, second


@numba.njit(error_model="numpy", fastmath=FAST)
def log_marginal_kernel(
    mu: NDArray[np.float64],
    tau: Any,
    theta: NDArray[np.float32],
    log_weight: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Log Σ_w exp(ℓ_w) N(θ_w | μ, τ) for each layer, and its derivatives by μ and τ.

    Parameters
    ----------
    mu : ndarray, shape (N,)
    tau : 0-d array
    theta, log_weight : ndarray of float32, shape (N, W)
        Single precision halves the memory that every evaluation reads and doubles the width of
        the vector code; it moves the logarithm by some 1e-6, the quadrature itself by up to 1e-3.

    Returns
    -------
    log_density, by_mu, by_tau : ndarray, shape (N,)
    """
    n_layers, n_nodes = theta.shape
    variance = tau[()] * tau[()]
    log_norm = 0.5 * np.log(2.0 * np.pi * variance)
    slope = SINGLE(-0.5 / variance)
    log_density = np.empty(n_layers)
    by_mu = np.empty(n_layers)
    by_tau = np.empty(n_layers)
    terms = np.empty(n_nodes, SINGLE)
    for i in range(n_layers):
        largest, total, first, second = _layer_sums(
            SINGLE(mu[i]), slope, theta[i], log_weight[i], terms
        )
        log_density[i] = largest + np.log(np.float64(total)) - log_norm
        by_mu[i] = first / total / variance
        by_tau[i] = (second / total / variance - 1.0) / tau[()]
    return log_density, by_mu, by_tau


SIGNATURE = ((1, "float64"), (0, "float64"), (2, "float32"), (2, "float32"))
"""Dimensions and type of μ, τ, node positions and log weights."""


class LogMarginal(Op):
    """log p(y_i | μ_i, τ) of every layer, with its derivatives as further outputs."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """Take μ (N,), τ (), node positions and log weights (N, W)."""
        tensors = [pt.as_tensor(value) for value in inputs]
        for variable, (ndim, dtype) in zip(tensors, SIGNATURE, strict=True):
            if variable.ndim != ndim or variable.dtype != dtype:
                raise TypeError(f"{variable} must be a {dtype} tensor of {ndim} dimensions")
        return Apply(self, tensors, [pt.dvector() for _ in range(3)])

    def perform(self, node: Apply[Any], inputs: Any, output_storage: Any) -> None:
        """Compute with the compiled kernel."""
        del node
        for storage, value in zip(output_storage, log_marginal_kernel(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Any, input_shapes: Any) -> Any:
        """All outputs have one value a layer."""
        del node
        return [input_shapes[0]] * 3

    def connection_pattern(self, node: Apply[Any]) -> list[list[bool]]:
        """Only the log density, by μ and τ, is differentiated."""
        del node
        return [[True, False, False], [True, False, False], [False] * 3, [False] * 3]

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:
        """Chain rule with the derivatives that the kernel has computed already."""
        del inputs
        _, by_mu, by_tau = outputs
        upstream = output_grads[0]
        return [
            upstream * by_mu,
            pt.sum(upstream * by_tau),
            disconnected_type(),
            disconnected_type(),
        ]


@register_funcify_default_op_cache_key(LogMarginal)  # type: ignore[untyped-decorator]
def _numba_log_marginal(op: LogMarginal, **kwargs: Any) -> Any:
    del op, kwargs
    cache_version = 2
    return log_marginal_kernel, cache_version


log_marginal = LogMarginal()

"""Normal observations that share a group effect, the effect integrated out, as one operation.

    y_i = m_i + c_i · g_j + e_i,   e_i ~ N(0, v_i),   g_j ~ N(0, w)      observation i of group j

With r = y - m and, per group, A = Σ c²/v and B = Σ c·r/v, the group effect integrates out
(Sherman-Morrison) to

    log p(y) = -½ [ Σ_i (log 2πv_i + r_i²/v_i) + Σ_j (log(1 + w·A_j) - w·B_j²/(1 + w·A_j)) ]

so that a block needs no latent variable per site, and an effect is drawn afterwards exactly:
g_j | y ~ N(w·B_j/(1 + w·A_j), w/(1 + w·A_j)).
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

from bayes_rootc.units import Floats

LOG_2PI = float(np.log(2.0 * np.pi))


@numba.njit(error_model="numpy")
def grouped_normal_kernel(
    residual: Floats, loading: Floats, variance: Floats, spread: Any, group: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Log density and its derivatives by residual, loading, variance and spread.

    Parameters
    ----------
    residual, loading, variance : ndarray, shape (N,)
        r, c and v.
    spread : 0-d array
        w, the variance of the group effect.
    group : ndarray of int, shape (N,)
        Group of each observation, 0 to J - 1.

    Returns
    -------
    log_density : 0-d array
    by_residual, by_loading, by_variance : ndarray, shape (N,)
    by_spread : 0-d array
    """
    w = spread[()]
    n_groups = 0 if len(group) == 0 else group.max() + 1
    precision = np.zeros(n_groups)
    pull = np.zeros(n_groups)
    total = 0.0
    for i in range(len(residual)):
        precision[group[i]] += loading[i] * loading[i] / variance[i]
        pull[group[i]] += loading[i] * residual[i] / variance[i]
        total += LOG_2PI + np.log(variance[i]) + residual[i] * residual[i] / variance[i]
    by_precision, by_pull = np.empty(n_groups), np.empty(n_groups)
    by_spread = 0.0
    for j in range(n_groups):
        shrink = 1.0 + w * precision[j]
        mean = pull[j] / shrink
        total += np.log(shrink) - w * pull[j] * mean
        by_pull[j] = w * mean
        by_precision[j] = -0.5 * (w / shrink + w * w * mean * mean)
        by_spread -= 0.5 * (precision[j] / shrink - mean * mean)
    by_residual, by_loading = np.empty_like(residual), np.empty_like(residual)
    by_variance = np.empty_like(residual)
    for i in range(len(residual)):
        r, c, weight = residual[i], loading[i], 1.0 / variance[i]
        pulled, precise = by_pull[group[i]], by_precision[group[i]]
        by_residual[i] = weight * (pulled * c - r)
        by_loading[i] = weight * (2.0 * precise * c + pulled * r)
        by_variance[i] = weight * (weight * (0.5 * r * r - precise * c * c - pulled * c * r) - 0.5)
    return np.array(-0.5 * total), by_residual, by_loading, by_variance, np.array(by_spread)


SIGNATURE = ((1, "float64"), (1, "float64"), (1, "float64"), (0, "float64"), (1, "int64"))
"""Dimensions and type of residual, loading, variance, spread and group."""


class GroupedNormal(Op):
    """log p(y) of grouped normal observations, with its derivatives as further outputs."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """Take residual, loading, variance (N,), spread () and group (N,)."""
        tensors = [pt.as_tensor(value) for value in inputs]
        for variable, (ndim, dtype) in zip(tensors, SIGNATURE, strict=True):
            if variable.ndim != ndim or variable.dtype != dtype:
                raise TypeError(f"{variable} must be a {dtype} tensor of {ndim} dimensions")
        kinds = [pt.dscalar(), pt.dvector(), pt.dvector(), pt.dvector(), pt.dscalar()]
        return Apply(self, tensors, kinds)

    def perform(self, node: Apply[Any], inputs: Any, output_storage: Any) -> None:
        """Compute with the compiled kernel."""
        del node
        for storage, value in zip(output_storage, grouped_normal_kernel(*inputs), strict=True):
            storage[0] = np.asarray(value)

    def infer_shape(self, node: Any, input_shapes: Any) -> Any:
        """The density and the derivative by spread are scalars, the others one value a row."""
        del node
        rows = input_shapes[0]
        return [(), rows, rows, rows, ()]

    def connection_pattern(self, node: Apply[Any]) -> list[list[bool]]:
        """Only the log density is differentiated, by all but the groups."""
        del node
        return [[True, *[False] * 4]] * 4 + [[False] * 5]

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:
        """Chain rule with the derivatives that the kernel has computed already."""
        del inputs
        return [*(output_grads[0] * derivative for derivative in outputs[1:]), disconnected_type()]


@register_funcify_default_op_cache_key(GroupedNormal)  # type: ignore[untyped-decorator]
def _numba_grouped_normal(op: GroupedNormal, **kwargs: Any) -> Any:
    del op, kwargs
    cache_version = 1
    return grouped_normal_kernel, cache_version


grouped_normal = GroupedNormal()


@numba.njit(error_model="numpy")
def group_posterior(
    residual: Floats, loading: Floats, variance: Floats, spread: float, group: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Mean and variance of every group effect given the observations, shape (J,) each."""
    n_groups = group.max() + 1
    precision = np.zeros(n_groups)
    pull = np.zeros(n_groups)
    for i in range(len(residual)):
        precision[group[i]] += loading[i] * loading[i] / variance[i]
        pull[group[i]] += loading[i] * residual[i] / variance[i]
    shrink = 1.0 + spread * precision
    return spread * pull / shrink, spread / shrink

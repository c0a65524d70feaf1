"""Mean, spread and quantiles of many cells over draws, and what every engine reports of a cell.

Draws are the last axis, float32; quantiles are order statistics, interpolated as numpy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

FLOWS = ("i_root", "i_bulk", "i_loss")
SHARE = "loss_share"
P_NEGATIVE = "p_loss_negative"

LEAST_ROOT = np.float32(1e-30)
"""Least I_root of a layer, Mg C ha⁻¹ yr⁻¹, that a loss is divided by: no share is infinite."""


def quantiles(draws: Values, probabilities: Sequence[float]) -> Values:
    """Quantiles over the last axis, which is sorted in place.

    Parameters
    ----------
    draws : ndarray of float32, shape (..., S)
        C-contiguous; left sorted.
    probabilities : sequence of float, length Q

    Returns
    -------
    ndarray, shape (Q, ...)
    """
    draws.sort(axis=-1)
    at = (draws.shape[-1] - 1) * np.asarray(probabilities, float)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, draws.shape[-1] - 1)
    found = np.empty((len(at), *draws.shape[:-1]), np.float32)
    for out, i, j, part in zip(found, low, high, (at - low).astype(np.float32), strict=True):
        below, above = draws[..., i], draws[..., j]
        np.add(below, part * (above - below), out=out)
    return found


def summarise(
    root: Values, bulk: Values, probabilities: Sequence[float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Statistics of cells, and their draws by layer with the profile last.

    Parameters
    ----------
    root, bulk : ndarray of float32, shape (cells, 7, S)
        I_root and I_bulk of the standard layers, Mg C ha⁻¹ yr⁻¹.
    probabilities : sequence of float

    Returns
    -------
    statistics : dict
        ``i_root_mean`` and its like, ``_sd`` (cells, 8), ``_quantile`` (Q, cells, 8) for the
        flows and ``loss_share`` (I_loss/I_root; its mean would not exist where I_root may be near
        0, so it has quantiles alone); ``p_loss_negative`` (cells, 8). The eighth layer is the
        profile.
    draws : dict
        Flow → (cells, 8, S), for totals.
    """
    flows = {"i_root": _with_profile(root), "i_bulk": _with_profile(bulk)}
    flows["i_loss"] = flows["i_root"] - flows["i_bulk"]
    found: dict[str, Any] = {P_NEGATIVE: (flows["i_loss"] < 0.0).mean(axis=-1, dtype=np.float32)}
    for name, draws in flows.items():
        found[f"{name}_mean"] = draws.mean(axis=-1)
        found[f"{name}_sd"] = draws.std(axis=-1)
        found[f"{name}_quantile"] = quantiles(draws.copy(), probabilities)
    share = np.asarray(flows["i_loss"] / np.maximum(flows["i_root"], LEAST_ROOT), np.float32)
    found[f"{SHARE}_quantile"] = quantiles(share, probabilities)
    return found, flows


def _with_profile(layers: Values) -> Values:
    return np.concatenate([layers, layers.sum(axis=1, keepdims=True)], axis=1)

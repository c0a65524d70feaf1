"""What the loss room computes of a run, computed once and kept beside the run's own groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.loss.estimates import ESTIMATES, FLOWS, all_site_flows, summarise
from bayes_rootc.loss.sites import SiteFlows
from bayes_rootc.loss.tables import depth_table, loss_table
from bayes_rootc.report.stored import Floats, has
from bayes_rootc.variables import EFFECT_OF

LOSSES, DEPTHS, DENSITIES = "_losses", "_depth_shares", "_densities"
"""Groups that :func:`with_losses` adds; a stored run has none of them."""

BINS = 80
SHOWN_SHARE = 0.975
"""The axis of densities ends where this share of the sites' values lies below."""

SMOOTHING = 1.2  # bins


def lacking_blocks(run: xr.DataTree) -> list[str]:
    """Blocks without which nothing can be said of losses."""
    return [block for block, name in EFFECT_OF.items() if not has(run, f"posterior/a_{name}")]


def with_losses(run: xr.DataTree, seed: int | None = None) -> xr.DataTree:
    """Return the run with its losses beside it; a run that lacks a block as it is.

    Parameters
    ----------
    run : DataTree
    seed : int, optional
        Of the residuals of sites where something was not measured; the run's own by default.

    Raises
    ------
    RunError
        If the run lacks a variable.
    """
    if LOSSES in run.children or lacking_blocks(run):
        return run
    flows = all_site_flows(run, int(run.attrs.get("seed", 0)) if seed is None else seed)
    summaries = summarise(flows)
    wide = run.copy(deep=False)
    for name, frame in (
        (LOSSES, loss_table(summaries)),
        (DEPTHS, depth_table(summaries)),
        (DENSITIES, _densities(flows)),
    ):
        wide[name] = xr.DataTree(xr.Dataset.from_dataframe(frame.rename_axis("line")))
    return wide


def kept(run: xr.DataTree, name: str) -> pd.DataFrame:
    """Return a table of :func:`with_losses`; computed anew where the run has none yet.

    Raises
    ------
    RunError
        If the run lacks a block or a variable.
    """
    if name not in run.children:
        if lacking_blocks(run):
            all_site_flows(run, 0)  # says which blocks are missing
        run = with_losses(run)
    return run.children[name].to_dataset().to_dataframe().reset_index(drop=True)


def losses(run: xr.DataTree) -> pd.DataFrame:
    """Six estimates and their mean, see :func:`bayes_rootc.loss.tables.loss_table`."""
    return kept(run, LOSSES)


def _totals(flows: SiteFlows, source: str) -> dict[str, Floats]:
    root = flows.i_root[source]
    seen = np.isfinite(root).all(axis=0)
    bulk = flows.i_bulk[:, seen].sum(axis=-1, dtype=float)
    return {"i_root": root[:, seen], "i_bulk": bulk, "i_loss": root[:, seen] - bulk}


def _densities(flows: Mapping[str, SiteFlows]) -> pd.DataFrame:
    """Density of the flows of single sites over 0-200 cm: estimate, quantity, value, density."""
    by_estimate = {
        estimate.label: _totals(estimate.flows(flows), estimate.source) for estimate in ESTIMATES
    }
    frames = []
    for name in FLOWS:
        values = [totals[name] for totals in by_estimate.values()]
        low = min(0.0, *(float(np.quantile(v, 1 - SHOWN_SHARE)) for v in values))
        high = float(np.median([np.quantile(v, SHOWN_SHARE) for v in values]))
        edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
        for label, totals in by_estimate.items():
            density = _smooth(np.histogram(totals[name], edges)[0] / totals[name].size)
            inside = float(np.mean((totals[name] >= low) & (totals[name] <= edges[-1])))
            part = {"value": (edges[1:] + edges[:-1]) / 2, "density": density / np.diff(edges)}
            frame = pd.DataFrame(part).assign(share_shown=inside)
            frame.insert(0, "estimate", label)
            frame.insert(1, "quantity", name)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _smooth(counts: Floats) -> Floats:
    """Smooth with a normal kernel; at the ends the counts are mirrored, so nothing is lost."""
    width = int(np.ceil(4 * SMOOTHING))
    kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / SMOOTHING) ** 2)
    return np.convolve(np.pad(counts, width, mode="symmetric"), kernel / kernel.sum(), "valid")

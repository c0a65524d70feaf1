"""The six estimates of what is lost, and their posterior by biome and layer, draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayes_rootc.errors import RunError, SpecError
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.loss.sites import KINDS, SITES_AT_A_TIME, SiteFlows, site_flows
from bayes_rootc.units import Floats

PROFILE_LABEL = "0-200"
LAYER_LABELS = (*STANDARD_LAYERS, PROFILE_LABEL)
MEAN_OF_ALL = "mean of six"


@dataclass(frozen=True)
class Estimate:
    """One way to I_loss: at which sites, and where its parts come from.

    Attributes
    ----------
    number : int
    kind : str
        Kind of sites, see :data:`bayes_rootc.loss.sites.KINDS`.
    source : str
        Source of I_root in :attr:`bayes_rootc.loss.sites.SiteFlows.i_root`.
    sites, i_root, depth_share, i_bulk : str
        The same in words.
    change : callable, optional
        Flows of all sites of the kind → those that the estimate takes.
    """

    number: int
    kind: str
    source: str
    sites: str
    i_root: str
    depth_share: str
    i_bulk: str
    change: Callable[[SiteFlows], SiteFlows] | None = None

    def flows(self, flows: Mapping[str, SiteFlows]) -> SiteFlows:
        """Flows at the sites of the estimate; argument as of :func:`summarise`."""
        own = flows[self.kind]
        return own if self.change is None else self.change(own)

    @property
    def label(self) -> str:
        """Number as text, as in tables."""
        return str(self.number)


STUDY = (
    Estimate(
        1, "npp", "bnpp", "NPP", "observed BNPP", "predicted I_bulk distribution", "predicted"
    ),
    Estimate(
        2, "npp", "npp", "NPP", "gridded NPP × observed f_BNPP", "predicted I_bulk distribution",
        "predicted",
    ),
    Estimate(
        3, "delta14c", "bnpp", "Δ14C", "predicted BNPP", "observed I_bulk distribution", "observed"
    ),
    Estimate(
        4, "delta14c", "npp", "Δ14C", "gridded NPP × predicted f_BNPP",
        "observed I_bulk distribution", "observed",
    ),
    Estimate(
        5, "root", "bnpp", "root", "predicted BNPP", "observed root distribution", "predicted"
    ),
    Estimate(
        6, "root", "npp", "root", "gridded NPP × predicted f_BNPP", "observed root distribution",
        "predicted",
    ),
)  # fmt: skip
"""The six estimates of the study, in its order; the mean of six is that of these."""

ESTIMATES = [*STUDY]
"""All estimates: the study's, then those of :func:`register_estimate`."""

STATISTICS: dict[str, Callable[..., Floats]] = {
    "mean over sites": np.mean,
    "typical (median) site": np.median,
}
"""Name → how the sites of a group become one number, in every draw."""

FLOWS = ("i_root", "i_bulk", "i_loss")


@dataclass(frozen=True)
class Summary:
    """One estimate, draw by draw, for every group of sites.

    Attributes
    ----------
    label, sites : str
        Of the estimate.
    n_sites : ndarray of int, shape (10,)
        Sites with a value: nine biomes, then all.
    values : dict
        ``i_root``, ``i_bulk``, ``i_loss`` (Mg C ha⁻¹ yr⁻¹) and ``p_loss_negative`` (share of the
        sites whose I_loss is below 0): arrays (statistic 2, biome 10, layer 8, S); the last layer
        is 0-200 cm. NaN where a biome has no site.
    """

    label: str
    sites: str
    n_sites: np.ndarray
    values: dict[str, Floats]


def all_site_flows(
    run: xr.DataTree, seed: int, *, sites_at_a_time: int = SITES_AT_A_TIME
) -> dict[str, SiteFlows]:
    """Flows at the sites of every kind; arguments as of :func:`.sites.site_flows`."""
    return {kind: site_flows(run, kind, seed, sites_at_a_time=sites_at_a_time) for kind in KINDS}


def summarise(flows: Mapping[str, SiteFlows]) -> list[Summary]:
    """Summarise the estimates over sites in every draw, and average the study's six.

    Parameters
    ----------
    flows : mapping
        Kind of sites → flows, as :func:`all_site_flows` gives them.

    Returns
    -------
    list of Summary
        The six, then ``mean of six``: in every draw the mean of those that have sites in the
        biome; its ``n_sites`` counts the sites of the three kinds. Then what was registered.

    Raises
    ------
    RunError
        If an estimate has no site at all.
    """
    found = [estimate_by_biome(one.flows(flows), one) for one in ESTIMATES]
    six, more = found[: len(STUDY)], found[len(STUDY) :]
    return [*six, _mean_of(six), *more]


def register_estimate(estimate: Estimate) -> None:
    """Add an estimate from outside the package; the study's mean of six stays as it is.

    Parameters
    ----------
    estimate : Estimate
        Its number is 7 or more, and its own.

    Raises
    ------
    SpecError
        If another estimate has the number, or its kind of sites is unknown.
    """
    if estimate in ESTIMATES:
        return
    taken = [one.number for one in ESTIMATES]
    if estimate.number in taken or estimate.number < 1:
        raise SpecError(f"estimate {estimate.number}: taken are {taken}; right: {max(taken) + 1}")
    if estimate.kind not in KINDS:
        raise SpecError(
            f"estimate {estimate.number}: kind {estimate.kind}; right: {', '.join(KINDS)}"
        )
    ESTIMATES.append(estimate)


def estimate_by_biome(flows: SiteFlows, estimate: Estimate) -> Summary:
    """Summarise one estimate over the sites of each biome, and over all, in every draw.

    Raises
    ------
    RunError
        If no site has a value.
    """
    root = flows.i_root[estimate.source]
    has_value = np.isfinite(root).all(axis=0)
    if not has_value.any():
        raise RunError(
            f"run: estimate {estimate.number} ({estimate.i_root}) has a value at none of "
            f"{has_value.size} {estimate.sites} sites; does the grid cover their places?"
        )
    groups = [has_value & (flows.biome == number) for number in range(len(BIOME_KEYS))]
    groups.append(has_value)
    shape = (len(STATISTICS), len(groups), len(LAYER_LABELS), len(root))
    values = {name: np.full(shape, np.nan) for name in (*FLOWS, "p_loss_negative")}
    for g, group in enumerate(groups):
        if group.any():
            _fill(values, g, root[:, group], flows.share[:, group], flows.i_bulk[:, group])
    n_sites = np.array([int(group.sum()) for group in groups])
    return Summary(estimate.label, estimate.sites, n_sites, values)


def _fill(
    values: dict[str, Floats], group: int, root: Floats, share: np.ndarray, bulk: np.ndarray
) -> None:
    """Put one group of sites into the arrays; layer by layer, so that little is in memory."""
    totals = {name: np.zeros(root.shape) for name in ("share", "i_bulk")}
    for layer in range(len(LAYER_LABELS)):
        is_profile = layer == len(STANDARD_LAYERS)
        if not is_profile:
            arrays = {"share": share, "i_bulk": bulk}
            parts = {name: array[..., layer].astype(float) for name, array in arrays.items()}
            totals = {name: total + parts[name] for name, total in totals.items()}
        here = totals if is_profile else parts
        by_site = {"i_root": root * here["share"], "i_bulk": here["i_bulk"]}
        by_site["i_loss"] = by_site["i_root"] - by_site["i_bulk"]
        for s, reduce in enumerate(STATISTICS.values()):
            for name, sites in by_site.items():
                values[name][s, group, layer] = reduce(sites, axis=1)
        values["p_loss_negative"][:, group, layer] = (by_site["i_loss"] < 0.0).mean(axis=1)


def _mean_of(found: list[Summary]) -> Summary:
    """Mean of the estimates in every draw, over those with sites in the biome."""
    present = np.stack([summary.n_sites > 0 for summary in found])
    weight = present / np.maximum(present.sum(axis=0), 1)
    values = {}
    for name in found[0].values:
        terms = [
            np.where(here[:, None, None], part[:, None, None] * summary.values[name], 0.0)
            for summary, here, part in zip(found, present, weight, strict=True)
        ]
        mean = np.sum(terms, axis=0)
        mean[:, ~present.any(axis=0)] = np.nan
        values[name] = mean
    by_kind: dict[str, np.ndarray] = {}
    for summary in found:
        known = by_kind.get(summary.sites, np.zeros_like(summary.n_sites))
        by_kind[summary.sites] = np.maximum(known, summary.n_sites)
    n_sites = np.sum(list(by_kind.values()), axis=0)
    return Summary(MEAN_OF_ALL, ", ".join(by_kind), n_sites, values)

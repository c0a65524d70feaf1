"""From draws of a flow model to the stored DataTree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.inference.constants import biome_moments
from bayes_rootc.inference.derive import PRIOR_DRAWS, attributes, describe
from bayes_rootc.inference.derive_layers import Groups, LayerDraws, kept_draws, per_layer, pick
from bayes_rootc.inference.flow_constants import flow_constants, observed_data
from bayes_rootc.inference.flow_levels import (
    density_log_likelihood,
    layer_means_k,
    record_log_likelihood,
    recover_density,
    recover_site_values,
)
from bayes_rootc.inference.predictive import (
    flat_draws,
    layer_log_likelihood,
    prior_shapes,
    shape_place,
)
from bayes_rootc.inference.sampling import Draws
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.models.correlation import PARTIAL_CORRELATION, correlation_matrix
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.models.flows import biome_flows
from bayes_rootc.models.shape_knots import shape_draws
from bayes_rootc.spec.parameters import population_priors
from bayes_rootc.spec.priors import frozen
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats
from bayes_rootc.variables import (
    CHAIN,
    COMPONENT,
    CORRELATION,
    DRAW,
    EFFECT,
    EFFECT_OTHER,
    GRID_COMPONENT,
    SHAPE,
)

CHUNK = 500
"""Draws whose site levels are in memory at a time."""


def build_flow_tree(
    problem: FlowProblem, draws: Draws, certificate: Mapping[str, Any]
) -> xr.DataTree:
    """Compute every group of a run of a flow model from its draws.

    Parameters
    ----------
    problem : FlowProblem
    draws : Draws
    certificate : mapping
        Birth certificate; becomes the attributes of the root.

    Returns
    -------
    DataTree
        Groups prior, posterior, posterior_predictive, log_likelihood, log_prior, sample_stats,
        observed_data, constant_data, derived.
    """
    streams = [
        np.random.default_rng(s) for s in np.random.SeedSequence(problem.spec.sampler.seed).spawn(3)
    ]
    posterior = label(draws.posterior, problem)
    flat = flat_draws(posterior)
    shape = (posterior.sizes[CHAIN], posterior.sizes[DRAW])
    index = {CHAIN: np.arange(shape[0]), DRAW: np.arange(shape[1])}
    groups: Groups = {
        "posterior": posterior,
        "sample_stats": draws.sample_stats,
        "log_likelihood": xr.Dataset(_log_likelihood(problem, flat, shape), index),
        "log_prior": xr.Dataset(_log_prior(problem, posterior), index),
        "prior": _prior(problem, posterior, streams[0]),
        "derived": biome_level(problem, posterior),
    }
    kept = kept_draws(shape, problem.spec.sampler.keep_draws)
    some = {name: pick(values, shape, kept) for name, values in flat.items()}
    groups |= _per_layer(problem, some, n_chains=shape[0], kept=kept, rng=streams[1], groups=groups)
    measured = _per_site(problem, some, (shape[0], len(kept), -1), streams[2])
    coords = {CHAIN: index[CHAIN], "draw_kept": kept}
    groups["derived"] = groups["derived"].merge(xr.Dataset(measured, coords))
    groups["observed_data"] = observed_data(problem)
    groups["constant_data"] = flow_constants(problem)
    for group in groups.values():
        describe(group)
    notes, likelihood = problem.notes, problem.likelihood
    root = attributes(problem.spec, draws, certificate, notes=notes, likelihood=likelihood)
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=root), **groups})


def label(posterior: xr.Dataset, problem: FlowProblem) -> xr.Dataset:
    """Give the dimensions of the draws their labels."""
    labels = {
        "biome": list(BIOME_KEYS),
        COMPONENT: list(problem.components.names),
        GRID_COMPONENT: list(problem.components.names[: problem.components.n_grid]),
        "profile": list(problem.rows.profiles) if problem.rows is not None else [],
        EFFECT: list(problem.counts),
        EFFECT_OTHER: list(problem.counts),
    }
    if PARTIAL_CORRELATION in posterior:
        partial = posterior[PARTIAL_CORRELATION].transpose(CHAIN, DRAW, ...).to_numpy()
        matrix = correlation_matrix(partial, len(problem.counts))
        index = f"{PARTIAL_CORRELATION}_dim_0"
        posterior = posterior.drop_vars([PARTIAL_CORRELATION, index], errors="ignore").assign(
            {CORRELATION: ((CHAIN, DRAW, EFFECT, EFFECT_OTHER), matrix)}
        )
    return posterior.assign_coords(
        {name: values for name, values in labels.items() if name in posterior.dims}
    )


def biome_level(problem: FlowProblem, posterior: xr.Dataset) -> xr.Dataset:
    """I_root, I_bulk and I_loss of every biome in every draw, mean and typical site."""
    mean, covariance = biome_moments(problem.site_scores, problem.sites.biome)
    flat = flat_draws(posterior)
    shape = (posterior.sizes[CHAIN], posterior.sizes[DRAW])
    found = biome_flows(flat, mean, covariance, problem.reference_depth_cm)
    dims = (CHAIN, DRAW, "biome", "standard_layer")
    return xr.Dataset(
        {
            name: (dims[: values.ndim + 1], values.reshape(*shape, *values.shape[1:]))
            for name, values in found.items()
        },
        {
            CHAIN: posterior[CHAIN],
            DRAW: posterior[DRAW],
            "biome": list(BIOME_KEYS),
            "standard_layer": list(STANDARD_LAYERS),
        },
    ).astype(np.float32)


def _log_likelihood(
    problem: FlowProblem, flat: Mapping[str, Floats], shape: tuple[int, int]
) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    total = shape[0] * shape[1]
    for start in range(0, total, CHUNK):
        part = {name: values[start : start + CHUNK] for name, values in flat.items()}
        here: dict[str, Any] = {}
        if problem.likelihood is not None:
            mu = layer_means_k(problem, part)
            place = shape_place(problem.likelihood, part)
            here["delta14c"] = layer_log_likelihood(
                mu, part["tau_k"], problem.likelihood, place=place
            )
        if problem.density is not None:
            here["rho"] = density_log_likelihood(problem, part)
        for name in problem.records:
            here[name] = record_log_likelihood(problem, part, name)
        for name, values in here.items():
            found.setdefault(name, []).append(values)
    stored = {name: np.concatenate(values) for name, values in found.items()}
    return {
        name: ((CHAIN, DRAW, "layer")[: values.ndim + 1], values.reshape(*shape, *values.shape[1:]))
        for name, values in stored.items()
    }


def _log_prior(problem: FlowProblem, posterior: xr.Dataset) -> dict[str, Any]:
    """Log prior density of every population parameter (summed over components) and correlation."""
    found = {}
    for name, prior in population_priors(problem.spec).items():
        if name in posterior:
            values = frozen(prior).logpdf(posterior[name].to_numpy())
            found[name] = ((CHAIN, DRAW), values.reshape(*values.shape[:2], -1).sum(axis=2))
    if CORRELATION in posterior:
        # LKJ(eta): det(R)^(eta - 1), but for a constant (Lewandowski et al. 2009).
        _, log_det = np.linalg.slogdet(posterior[CORRELATION].to_numpy())
        found[CORRELATION] = ((CHAIN, DRAW), (problem.spec.covariance.lkj_eta - 1.0) * log_det)
    return found


def _prior(problem: FlowProblem, posterior: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    drawn = {}
    for name, prior in population_priors(problem.spec).items():
        if name in posterior:
            like = posterior[name]
            size = (1, PRIOR_DRAWS, *like.shape[2:])
            if name == SHAPE:  # cut off at the ends of its table
                structure = _turnover(problem).structure
                values = prior_shapes(structure, PRIOR_DRAWS, rng).reshape(size)
            else:
                values = frozen(prior).rvs(size=size, random_state=rng)
            others = {dim: like[dim] for dim in like.dims if dim not in {CHAIN, DRAW}}
            coords = {CHAIN: [0], DRAW: np.arange(PRIOR_DRAWS), **others}
            drawn[name] = xr.DataArray(values, coords, like.dims)
    return xr.Dataset(drawn)


def _turnover(problem: FlowProblem) -> TurnoverSpec:
    block = problem.blocks["turnover"]
    assert isinstance(block, TurnoverSpec)
    return block


def _per_layer(
    problem: FlowProblem,
    some: Mapping[str, Floats],
    *,
    n_chains: int,
    kept: np.ndarray,
    rng: np.random.Generator,
    groups: Groups,
) -> Groups:
    """Recover k of the layers, and their replicates."""
    if problem.likelihood is None:
        return {}
    layers = LayerDraws(
        mu=layer_means_k(problem, some),
        tau=some["tau_k"],
        shape=shape_draws(some),
        n_chains=n_chains,
        kept=kept,
    )
    df = _turnover(problem).likelihood.student_t_df
    found = per_layer(problem.likelihood, df, layers, rng)
    return found | {"derived": groups["derived"].merge(found["derived"])}


def _per_site(
    problem: FlowProblem, some: Mapping[str, Floats], shaped: tuple[int, ...],
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Recover carbon densities, and BNPP and its share at the sites where it was measured."""
    streams = rng.spawn(3)
    dims = (CHAIN, "draw_kept")
    found: dict[str, Any] = {}
    if problem.density is not None:
        ln_rho, eta = recover_density(problem, some, streams[0])
        found["rho"] = ((*dims, "layer"), np.exp(ln_rho).reshape(shaped).astype(np.float32))
        found["eta_rho"] = ((*dims, "profile"), eta.reshape(shaped).astype(np.float32))
    for name, back, stream in (
        ("bnpp", np.exp, streams[1]),
        ("f_bnpp", lambda logit: 1.0 / (1.0 + np.exp(-logit)), streams[2]),
    ):
        if name in problem.records:
            values = back(recover_site_values(problem, some, name, problem.npp_sites, stream))
            found[name] = ((*dims, "npp_site"), values.reshape(shaped).astype(np.float32))
    return found

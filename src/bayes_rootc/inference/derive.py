"""From draws to the stored DataTree: every group of a run, with units and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.inference.constants import (
    atmosphere_sources,
    biome_covariates,
    constant_data,
)
from bayes_rootc.inference.derive_layers import Groups, LayerDraws, kept_draws, per_layer, pick
from bayes_rootc.inference.predictive import (
    biome_predictions,
    flat_draws,
    layer_log_likelihood,
    layer_means,
    prior_delta14c,
    prior_draws,
    shape_place,
)
from bayes_rootc.inference.sampling import Draws
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.models.assemble import LayerLikelihood, Problem
from bayes_rootc.models.shape_knots import shape_draws
from bayes_rootc.spec.load import Spec
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.variables import VARIABLES

PRIOR_DRAWS = 2000
PRIOR_PREDICTIVE_DRAWS = 200


def build_tree(
    spec: TurnoverSpec, problem: Problem, draws: Draws, certificate: Mapping[str, Any]
) -> xr.DataTree:
    """Compute every group of a run from its draws.

    Parameters
    ----------
    spec : TurnoverSpec
    problem : Problem
    draws : Draws
        Posterior of the biomes that have data.
    certificate : mapping
        Birth certificate; becomes the attributes of the root.

    Returns
    -------
    DataTree
        Groups prior, prior_predictive, posterior, posterior_predictive, log_likelihood,
        sample_stats, observed_data, constant_data, derived.
    """
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(spec.sampler.seed).spawn(3)]
    posterior = _with_all_biomes(draws.posterior, problem, streams[0])
    flat = flat_draws(draws.posterior)
    shape = (draws.posterior.sizes["chain"], draws.posterior.sizes["draw"])
    mu = layer_means(flat, problem.design)
    groups: Groups = {"posterior": posterior, "sample_stats": draws.sample_stats}
    log_likelihood = layer_log_likelihood(
        mu, flat["tau"], problem, place=shape_place(problem, flat)
    )
    groups["log_likelihood"] = xr.Dataset(
        {"delta14c": (("chain", "draw", "layer"), log_likelihood.reshape(*shape, -1))},
        {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])},
    )
    kept = kept_draws(shape, spec.sampler.keep_draws)
    layers = LayerDraws(
        mu=pick(mu, shape, kept),
        tau=pick(flat["tau"], shape, kept),
        shape={name: pick(v, shape, kept) for name, v in shape_draws(flat).items()},
        n_chains=shape[0],
        kept=kept,
    )
    groups |= per_layer(problem, spec.likelihood.student_t_df, layers, streams[1])
    groups["derived"] = groups["derived"].merge(_per_biome(spec, problem, posterior))
    groups |= _prior_groups(spec, problem, streams[2])
    groups["observed_data"] = xr.Dataset({"delta14c": ("layer", problem.layers["delta14c"])})
    groups["constant_data"] = constant_data(problem)
    for group in groups.values():
        describe(group)
    root = xr.Dataset(
        attrs=attributes(spec, draws, certificate, notes=problem.notes, likelihood=problem)
    )
    return xr.DataTree.from_dict({"/": root, **groups})


def _with_all_biomes(
    posterior: xr.Dataset, problem: Problem, rng: np.random.Generator
) -> xr.Dataset:
    """Add the biomes without data, predicted from the population."""
    posterior = posterior.assign_coords(
        biome=list(problem.design.biomes), profile=list(problem.design.profiles)
    )
    if problem.design.covariate_names:
        posterior = posterior.assign_coords(covariate=list(problem.design.covariate_names))
    wide = posterior.reindex(biome=list(BIOME_KEYS))
    for effect, centre, spread in (
        ("a_biome", "alpha", "sigma_biome"),
        ("s_biome", "beta", "sigma_slope"),
    ):
        noise = rng.standard_normal(wide[effect].shape)
        predicted = wide[centre] + wide[spread] * xr.DataArray(noise, dims=wide[effect].dims)
        wide[effect] = wide[effect].fillna(predicted).transpose("chain", "draw", "biome")
    return wide


def _per_biome(spec: TurnoverSpec, problem: Problem, posterior: xr.Dataset) -> xr.Dataset:
    mean, covariance = biome_covariates(problem)
    flat = flat_draws(posterior.drop_vars("eta_profile"))
    predictions = biome_predictions(flat, spec, mean, covariance)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], len(BIOME_KEYS), -1)
    dims = ("chain", "draw", "biome", "standard_layer")
    return xr.Dataset(
        {
            name: (dims, values.reshape(shape).astype(np.float32))
            for name, values in predictions.items()
        },
        {
            "chain": posterior["chain"],
            "draw": posterior["draw"],
            "biome": list(BIOME_KEYS),
            "standard_layer": list(STANDARD_LAYERS),
        },
    )


def _prior_groups(spec: TurnoverSpec, problem: Problem, rng: np.random.Generator) -> Groups:
    names = problem.design.covariate_names
    prior = prior_draws(spec, len(names), PRIOR_DRAWS, rng)
    stored = {
        name: (("chain", "draw", "covariate")[: values.ndim + 1], values[None])
        for name, values in prior.items()
        if values.size  # no effects where there are no covariates
    }
    first = {name: values[:PRIOR_PREDICTIVE_DRAWS] for name, values in prior.items()}
    predicted = prior_delta14c(spec, problem, first, rng).astype(np.float32)
    return {
        "prior": xr.Dataset(
            stored, {"chain": [0], "draw": np.arange(PRIOR_DRAWS), "covariate": list(names)}
        ),
        "prior_predictive": xr.Dataset(
            {"delta14c": (("chain", "draw", "layer"), predicted[None])},
            {"chain": [0], "draw": np.arange(PRIOR_PREDICTIVE_DRAWS)},
        ),
    }


def describe(group: xr.Dataset) -> None:
    """Give every variable its unit and long name; a variable without an entry is an error."""
    for name, array in group.data_vars.items():
        known = VARIABLES[str(name)]
        array.attrs.update(units=known.units, long_name=known.long_name)


def attributes(
    spec: Spec,
    draws: Draws,
    certificate: Mapping[str, Any],
    *,
    notes: tuple[str, ...],
    likelihood: LayerLikelihood | None,
) -> dict[str, Any]:
    """Attributes of the root: the birth certificate, as text and numbers."""
    plain = ("spec_hash", "data_hash", "version", "seed", "created", "source", "origin",
             "data_format", "n_read", "atmosphere_hash", "model")  # fmt: skip
    sizes = draws.posterior.sizes
    content = {
        **{name: certificate[name] for name in plain},
        **{
            name: json.dumps(certificate[name], ensure_ascii=False)
            for name in ("spec", "drops", "truth", "engines", "implausible")
        },
        "notes": json.dumps(notes, ensure_ascii=False),
        "status": "complete" if draws.complete else "partial",
        "chains": sizes["chain"],
        "tune": spec.sampler.tune,
        "draws": sizes["draw"],
        "draws_asked": spec.sampler.draws,
    }
    if likelihood is not None:
        content["initial"] = likelihood.received.initial
        content["atmosphere_source"] = "; ".join(sorted(atmosphere_sources(likelihood)))
    return content

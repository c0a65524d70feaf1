"""The hierarchical turnover model as a PyMC model (design: θ_i, η_p, a_b, s_b)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm

from bayes_rootc.models.assemble import LayerLikelihood
from bayes_rootc.models.design import Design
from bayes_rootc.models.layer_potential import layer_potential, sampled_shape
from bayes_rootc.spec.priors import FAMILIES, Prior
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.variables import BIOME, COVARIATE, LAYER, PROFILE


def build_model(spec: TurnoverSpec, design: Design, likelihood: LayerLikelihood) -> pm.Model:
    """Build the model; effects are sampled centred where the groups are rich in data.

    Parameters
    ----------
    spec : TurnoverSpec
        Priors.
    design : Design
        Hierarchy.
    likelihood : LayerLikelihood
        Of the N layers.

    Returns
    -------
    pymc.Model
        Variables alpha, beta, gamma, sigma_biome, sigma_slope, sigma_profile, tau, a_biome,
        s_biome, eta_profile and, where it is sampled, shape; effects of sparse
        groups are deterministic functions of free ``*_multiple`` variables.
    """
    coords = {
        BIOME: design.biomes,
        PROFILE: design.profiles,
        LAYER: np.arange(len(design.profile)),
        COVARIATE: design.covariate_names,
    }
    priors = spec.priors
    with pm.Model(coords=coords) as model:
        profile = pm.Data("profile_index", design.profile, dims=LAYER)
        biome = pm.Data("profile_biome_index", design.biome, dims=PROFILE)
        depth = pm.Data("depth_basis", design.depth, dims=LAYER)
        alpha = _variable("alpha", priors.alpha)
        beta = _variable("beta", priors.beta)
        sigma_biome = _variable("sigma_biome", priors.sigma_biome)
        sigma_slope = _variable("sigma_slope", priors.sigma_slope)
        sigma_profile = _variable("sigma_profile", priors.sigma_profile)
        tau = _variable("tau", priors.tau)

        biomes_centred, profiles_centred = design.biomes_centred, design.profiles_centred
        shape = sampled_shape(spec.structure, likelihood)
        of_layer = design.biome[design.profile]
        shift = shape and shape.shift(of_layer, len(design.biomes))
        a_biome = _effects(
            "a_biome", alpha, sigma_biome, dims=BIOME, centred=biomes_centred, shift=shift
        )
        s_biome = _effects("s_biome", beta, sigma_slope, dims=BIOME, centred=biomes_centred)
        centre = a_biome[biome]
        if design.covariate_names:
            covariates = pm.Data("covariates", design.covariates, dims=(PROFILE, COVARIATE))
            gamma = _variable("gamma", priors.gamma, dims=COVARIATE)
            centre = centre + (covariates * gamma).sum(axis=1)
        shift = shape and shape.shift(design.profile, len(design.profiles))
        eta = _effects(
            "eta_profile",
            centre,
            sigma_profile,
            dims=PROFILE,
            centred=profiles_centred,
            shift=shift,
        )
        mu = eta[profile] + s_biome[biome[profile]] * depth
        layer_potential(likelihood, shape, mu, tau)
    return model


def _effects(
    name: str, centre: Any, spread: Any, *, dims: str, centred: bool, shift: Any = None
) -> Any:
    """Normal effects, sampled as they are, less a shift, or as multiples of their spread."""
    if centred and shift is None:
        return pm.Normal(name, centre, spread, dims=dims)
    if centred:
        reduced = pm.Normal(f"{name}_reduced", centre - shift, spread, dims=dims)
        return pm.Deterministic(name, reduced + shift, dims=dims)
    multiple = pm.Normal(f"{name}_multiple", 0.0, 1.0, dims=dims)
    return pm.Deterministic(name, centre + spread * multiple, dims=dims)


def _variable(name: str, prior: Prior, **kwargs: Any) -> Any:
    family = FAMILIES[prior.dist]
    return getattr(pm, family.pymc_name)(name, **family.pymc_arguments(prior), **kwargs)

"""Predictions from posterior and prior draws: layer means, replicates, biomes by depth."""

from __future__ import annotations

from collections.abc import Mapping

import numba
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.layers import STANDARD_MIDDLES_CM, depth_basis
from bayes_rootc.models.assemble import LayerLikelihood, Problem
from bayes_rootc.models.design import Design
from bayes_rootc.models.quadrature_op import log_marginal_kernel
from bayes_rootc.models.shaped_op import log_marginal_shaped_kernel
from bayes_rootc.radiocarbon import measurement
from bayes_rootc.spec.priors import frozen
from bayes_rootc.spec.structure import SHAPES, StructureSection
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats


def flat_draws(posterior: xr.Dataset) -> dict[str, Floats]:
    """Posterior variables as arrays of shape (S, ...), chains one after another."""
    arrays = {str(name): array.to_numpy() for name, array in posterior.data_vars.items()}
    return {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}


def layer_means(draws: Mapping[str, Floats], design: Design) -> Floats:
    """μ_i = η_p + s_b · d(z_i) of every layer, shape (S, N)."""
    slopes = draws["s_biome"][:, design.biome[design.profile]]
    return draws["eta_profile"][:, design.profile] + slopes * design.depth


def profile_means(draws: Mapping[str, Floats], design: Design) -> Floats:
    """a_b + x_p · γ of every profile, shape (S, P): what is known of a profile without its data."""
    means = draws["a_biome"][:, design.biome]
    if design.covariate_names:
        means = means + draws["gamma"] @ design.covariates.T
    return means


def shape_place(likelihood: LayerLikelihood, draws: Mapping[str, Floats]) -> Floats | None:
    """Place of a sampled shape among its knots, shape (S, N) or (S, 1); None of a fixed one."""
    return None if likelihood.knots is None else likelihood.knots.place(draws)


def replicate_delta14c(
    mu: Floats,
    tau: Floats,
    likelihood: LayerLikelihood,
    *,
    place: Floats | None,
    df: float,
    rng: np.random.Generator,
) -> Floats:
    """Δ14C of new measurements of new layers with the same means.

    Parameters
    ----------
    mu : ndarray, shape (S, N)
        Hierarchical means of ln k.
    tau : ndarray, shape (S,)
    likelihood : LayerLikelihood
        Of the N layers.
    place : ndarray, shape (S, N) or (S, 1), or None
        From :func:`shape_place`.
    df : float
        Degrees of freedom of the error.

    Returns
    -------
    ndarray, shape (S, N)
        ‰.
    """
    theta = mu + tau[:, None] * rng.standard_normal(mu.shape)
    if likelihood.knots is None or place is None:
        predicted = likelihood.table.predict(theta)
    else:
        of_layers = np.broadcast_to(place, theta.shape)
        predicted = likelihood.knots.table.predict(theta, of_layers)
    return predicted + measurement.draw(likelihood.scale, df, mu.shape, rng)


def layer_log_likelihood(
    mu: Floats, tau: Floats, likelihood: LayerLikelihood, *, place: Floats | None
) -> NDArray[np.float32]:
    """Log p(y_i | μ_i, τ) of every draw and layer, shape (S, N), with the sampler's own kernel.

    Parameters as of :func:`replicate_delta14c`.
    """
    if likelihood.knots is None or place is None:
        nodes = likelihood.nodes
        return np.asarray(_log_likelihood(mu, tau, nodes.theta, nodes.log_weight))
    of_layers = np.ascontiguousarray(np.broadcast_to(place, mu.shape))
    return np.asarray(_shaped_log_likelihood(mu, tau, of_layers, likelihood.knots.as_read))


@numba.njit
def _shaped_log_likelihood(mu, tau, place, nodes):  # type: ignore[no-untyped-def]
    order, theta, log_weight = nodes
    result = np.empty(mu.shape, dtype=np.float32)
    for s in range(len(mu)):
        spread = tau[s : s + 1].reshape(())
        by_layer = log_marginal_shaped_kernel(mu[s], spread, place[s], order, theta, log_weight)[0]
        for i in range(len(by_layer)):
            result[s, i] = by_layer[i]
    return result


@numba.njit
def _log_likelihood(mu, tau, theta, log_weight):  # type: ignore[no-untyped-def]
    result = np.empty(mu.shape, dtype=np.float32)
    for s in range(len(mu)):
        by_layer = log_marginal_kernel(mu[s], tau[s : s + 1].reshape(()), theta, log_weight)[0]
        for i in range(len(by_layer)):  # copying a slice costs three seconds of compilation
            result[s, i] = by_layer[i]
    return result


def biome_predictions(
    draws: Mapping[str, Floats],
    spec: TurnoverSpec,
    biome_covariates: Floats,
    covariate_cov: Floats,
) -> dict[str, Floats]:
    """Decay rate and turnover of every biome at the middle of the seven standard layers.

    Two averages that must not be mixed up: the *typical* site (median over sites) and the *mean*
    over sites. ln k of a site is normal, so the mean of k is exp(m + v/2), that of 1/k is
    exp(-m + v/2), where v adds the variances between profiles, between layers of a profile (the
    layer that a site happens to have at that depth), and of the covariates within the biome.

    Parameters
    ----------
    draws : mapping
        ``a_biome``, ``s_biome`` of shape (S, B), ``sigma_profile``, ``tau`` (S,), ``gamma`` (S, C).
    biome_covariates : ndarray, shape (B, C)
        Mean covariates of each biome.
    covariate_cov : ndarray, shape (B, C, C)
        Covariance of the covariates within each biome.

    Returns
    -------
    dict
        ``k_typical``, ``k_mean`` (yr⁻¹), ``c_age_typical``, ``c_age_mean`` (yr), shape (S, B, 7).
    """
    depth = depth_basis(STANDARD_MIDDLES_CM, spec.model_options.reference_depth_cm)
    level, variance = draws["a_biome"], (draws["sigma_profile"] ** 2 + draws["tau"] ** 2)[:, None]
    if biome_covariates.shape[1]:
        gamma = draws["gamma"]
        level = level + gamma @ biome_covariates.T
        variance = variance + np.einsum("sc,bcd,sd->sb", gamma, covariate_cov, gamma)
    middle = level[..., None] + draws["s_biome"][..., None] * depth
    half = 0.5 * np.broadcast_to(variance, level.shape)[..., None]
    return {
        "k_typical": np.exp(middle),
        "k_mean": np.exp(middle + half),
        "c_age_typical": np.exp(-middle),
        "c_age_mean": np.exp(-middle + half),
    }


def prior_draws(
    spec: TurnoverSpec, n_covariates: int, n_draws: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Draws of the population parameters from their priors, shape (S,) and (S, C)."""
    draws = {}
    for name in type(spec.priors).model_fields:
        size = (n_draws, n_covariates) if name == "gamma" else (n_draws,)
        draws[name] = frozen(getattr(spec.priors, name)).rvs(size=size, random_state=rng)
    if spec.structure.prior is not None:
        draws["shape"] = prior_shapes(spec.structure, n_draws, rng)
    if spec.structure.slope is not None:
        draws["shape_slope"] = frozen(spec.structure.slope).rvs(size=n_draws, random_state=rng)
    return draws


def prior_shapes(section: StructureSection, n: int, rng: np.random.Generator) -> Floats:
    """Draw shapes from their prior, which is cut off at the ends of the table."""
    known = SHAPES[section.name]
    assert section.prior is not None and known is not None
    prior = frozen(section.prior)
    ends = prior.cdf(np.array(known.sampled))
    return np.asarray(prior.ppf(rng.uniform(*ends, size=n)))


def prior_layer_means(
    prior: Mapping[str, Floats], design: Design, rng: np.random.Generator
) -> Floats:
    """μ_i of a world drawn from the prior, shape (S, N)."""
    n_draws, n_biomes = len(prior["alpha"]), len(design.biomes)

    def normal(centre: Floats, spread: Floats, n: int) -> Floats:
        return centre + spread[:, None] * rng.standard_normal((n_draws, n))

    world = {
        "a_biome": normal(prior["alpha"][:, None], prior["sigma_biome"], n_biomes),
        "s_biome": normal(prior["beta"][:, None], prior["sigma_slope"], n_biomes),
        "gamma": prior["gamma"],
    }
    centre = profile_means(world, design)
    world["eta_profile"] = normal(centre, prior["sigma_profile"], centre.shape[1])
    return layer_means(world, design)


def prior_delta14c(
    spec: TurnoverSpec, problem: Problem, prior: Mapping[str, Floats], rng: np.random.Generator
) -> Floats:
    """Prior predictive Δ14C of the observed layers, ‰, shape (S, N)."""
    mu = prior_layer_means(prior, problem.design, rng)
    return replicate_delta14c(
        mu,
        prior["tau"],
        problem,
        place=shape_place(problem, prior),
        df=spec.likelihood.student_t_df,
        rng=rng,
    )

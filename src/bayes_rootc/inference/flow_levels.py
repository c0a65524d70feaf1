"""Levels, log likelihoods and recovered site effects of the flow models, from draws (numpy)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayes_rootc.models.flow_problem import FlowProblem, density_terms
from bayes_rootc.models.grouped_op import LOG_2PI, group_posterior, grouped_normal_kernel
from bayes_rootc.units import Floats

Draws = Mapping[str, Floats]

BD_PARAMETERS = ("tau_rho", "bd_intercept", "bd_slope", "bd_depth", "tau_bd")


def site_level(problem: FlowProblem, draws: Draws, name: str) -> Floats:
    """Level of a quantity at every site: a_b + x · slopes_b, shape (S, sites)."""
    level = draws[f"a_{name}"][:, problem.sites.biome]
    if problem.components.names:
        slopes = draws[f"slopes_{name}"]
        for b in np.unique(problem.sites.biome):
            here = problem.sites.biome == b
            level[:, here] += slopes[:, b] @ problem.site_scores[here].T
    return level


def layer_means_k(problem: FlowProblem, draws: Draws) -> Floats:
    """Hierarchical mean of ln k of every layer, shape (S, N)."""
    rows = problem.rows
    assert rows is not None
    biome = problem.sites.biome[rows.profile_site][rows.profile]
    return draws["eta"][:, rows.profile] + draws["s_k"][:, biome] * rows.depth


def profile_means_rho(problem: FlowProblem, draws: Draws) -> Floats:
    """Mean of ln rho of every profile at the reference depth, its own effect not counted."""
    rows = problem.rows
    assert rows is not None
    means = site_level(problem, draws, "rho")[:, rows.profile_site]
    if "place_rho" in draws:
        means = means + draws["place_rho"]
    if "kappa" in draws:
        level_k = site_level(problem, draws, "k")[:, rows.profile_site]
        means = means + draws["kappa"][:, None] * (draws["eta"] - level_k)
    return means


def layer_trend_rho(problem: FlowProblem, draws: Draws) -> Floats:
    """Depth trend of ln rho at every layer, shape (S, N)."""
    rows = problem.rows
    assert rows is not None
    biome = problem.sites.biome[rows.profile_site][rows.profile]
    return draws["s_rho"][:, biome] * rows.depth


def density_log_likelihood(problem: FlowProblem, draws: Draws) -> Floats:
    """Log likelihood of all known % C and bulk densities, shape (S,)."""
    rows, density = problem.rows, problem.density
    assert rows is not None and density is not None
    profile, depth = rows.profile[density.layer], rows.depth[density.layer]
    mean = profile_means_rho(problem, draws)[:, profile]
    mean += layer_trend_rho(problem, draws)[:, density.layer]
    both = density.has_both
    ln_rho = (density.ln_carbon + density.ln_bulk)[both]
    total = np.empty(len(mean))
    for s, row in enumerate(mean):
        own = {name: draws[name][s] for name in BD_PARAMETERS}
        terms = density_terms(density, depth, row, own, where=np.where)
        spread = np.asarray(draws["sigma_profile_rho"][s] ** 2)
        total[s] = grouped_normal_kernel(*terms, spread, profile)[0]
        expected = own["bd_intercept"] + own["bd_slope"] * ln_rho + own["bd_depth"] * depth[both]
        scaled = (density.ln_bulk[both] - expected) / own["tau_bd"]
        total[s] -= 0.5 * (scaled @ scaled) + len(scaled) * (0.5 * LOG_2PI + np.log(own["tau_bd"]))
    return total


def record_residuals(problem: FlowProblem, draws: Draws, name: str) -> Floats:
    """Records minus the level of their site, shape (S, R); ``ratio`` minus its regression too."""
    records = problem.records[name]
    if name != "ratio":
        return records.y - site_level(problem, draws, name)[:, records.site]
    level = draws["a_ratio"][:, problem.sites.biome[records.site]]
    of_d50 = record_residuals(problem, draws, "d50")
    return records.y - level - draws["ratio_d50"][:, None] * of_d50


def record_log_likelihood(problem: FlowProblem, draws: Draws, name: str) -> Floats:
    """Log likelihood of all records of a quantity, shape (S,)."""
    residual = record_residuals(problem, draws, name)
    _, group = np.unique(problem.records[name].site, return_inverse=True)
    ones = np.ones(len(group))
    spread, tau = draws[f"sigma_place_{name}"] ** 2, draws[f"tau_{name}"] ** 2
    return np.array(
        [
            float(grouped_normal_kernel(row, ones, v * ones, np.asarray(w), group)[0])
            for row, v, w in zip(residual, tau, spread, strict=True)
        ]
    )


def recover_site_values(
    problem: FlowProblem, draws: Draws, name: str, sites: np.ndarray, rng: np.random.Generator
) -> Floats:
    """Value of a quantity at given sites, their records included, shape (S, len(sites)).

    Parameters
    ----------
    name : str
        ``bnpp``, ``f_bnpp`` or ``d50``; the scale is the model's (log, logit).
    sites : ndarray of int
        A site without records of this quantity is predicted.
    """
    records = problem.records[name]
    level = site_level(problem, draws, name)
    residual = records.y - level[:, records.site]
    known, group = np.unique(records.site, return_inverse=True)
    spread, tau = draws[f"sigma_place_{name}"] ** 2, draws[f"tau_{name}"] ** 2
    ones = np.ones(len(group))
    mean = np.zeros((len(level), len(problem.sites)))
    variance = np.broadcast_to(spread[:, None], mean.shape).copy()
    for s, row in enumerate(residual):
        mean[s, known], variance[s, known] = group_posterior(
            row, ones, tau[s] * ones, spread[s], group
        )
    values = level + mean
    noise = rng.standard_normal((len(level), len(sites)))
    return values[:, sites] + np.sqrt(variance[:, sites]) * noise


def recover_density(
    problem: FlowProblem, draws: Draws, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Carbon density of every layer, and of its profile at the reference depth.

    Returns
    -------
    ln_rho : ndarray, shape (S, N)
        A measured density is itself; a half-measured one is drawn given the half that is known.
    eta_rho : ndarray, shape (S, P)
        ln ρ of the profile at the reference depth.
    """
    rows, density = problem.rows, problem.density
    assert rows is not None and density is not None
    profile, depth = rows.profile[density.layer], rows.depth[density.layer]
    eta = profile_means_rho(problem, draws)
    trend = layer_trend_rho(problem, draws)
    ln_rho = np.empty_like(trend)
    profiles, group = np.unique(profile, return_inverse=True)
    group_noise = rng.standard_normal(eta.shape)
    layer_noise = rng.standard_normal(trend.shape)
    for s in range(len(eta)):
        own = {name: draws[name][s] for name in BD_PARAMETERS}
        spread = draws["sigma_profile_rho"][s] ** 2
        terms = density_terms(
            density, depth, eta[s, profile] + trend[s, density.layer], own, where=np.where
        )
        mean, variance = np.zeros(eta.shape[1]), np.full(eta.shape[1], spread)
        mean[profiles], variance[profiles] = group_posterior(*terms, spread, group)
        eta[s] += mean + np.sqrt(variance) * group_noise[s]
        expected = eta[s, rows.profile] + trend[s]
        ln_rho[s] = _layer_density(problem, own, expected, layer_noise[s])
    return ln_rho, eta


def _layer_density(
    problem: FlowProblem, own: Mapping[str, float], expected: Floats, noise: Floats
) -> Floats:
    """Draw ln ρ of all layers given what is known of each: a product of two normal densities."""
    rows, density = problem.rows, problem.density
    assert rows is not None and density is not None
    tau, slope, tau_bd = own["tau_rho"], own["bd_slope"], own["tau_bd"]
    precision = np.full(len(expected), tau**-2.0)
    pull = expected * precision
    bulk = own["bd_intercept"] + own["bd_depth"] * rows.depth[density.layer]
    for known, loading, observed in (
        (density.has_carbon & ~density.has_both, 1.0 - slope, density.ln_carbon + bulk),
        (~density.has_carbon, slope, density.ln_bulk - bulk),
    ):
        layer = density.layer[known]
        precision[layer] += loading**2 / tau_bd**2
        pull[layer] += loading * observed[known] / tau_bd**2
    drawn = pull / precision + noise / np.sqrt(precision)
    both = density.has_both
    drawn[density.layer[both]] = (density.ln_carbon + density.ln_bulk)[both]
    return np.asarray(drawn)

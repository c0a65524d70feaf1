"""Holding profiles out: folds, the part of a problem that is left, and predictions of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayes_rootc.errors import DataError
from bayes_rootc.inference.predictive import (
    layer_log_likelihood,
    layer_means,
    profile_means,
    replicate_delta14c,
)
from bayes_rootc.models.assemble import Problem
from bayes_rootc.models.design import Design
from bayes_rootc.radiocarbon.quadrature import Nodes
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats

Mask = NDArray[np.bool_]


def profile_folds(biome: NDArray[np.intp], n_folds: int, seed: int) -> NDArray[np.intp]:
    """Deal profiles to folds, biome by biome, so that every fold has its share of each.

    Parameters
    ----------
    biome : ndarray of int, shape (P,)
        Biome of each profile.
    n_folds : int
        2 to P.
    seed : int
        Same seed, same folds.

    Returns
    -------
    ndarray of int, shape (P,)
        0 to n_folds - 1; the sizes of two folds differ by one profile at most.
    """
    if not 2 <= n_folds <= len(biome):
        raise DataError(
            f"folds = {n_folds}: must be 2 to the number of profiles, which is {len(biome)}"
        )
    mixed = np.random.default_rng(seed).permutation(len(biome))
    # Dealt like cards, the next biome where the last one stopped.
    order = mixed[np.argsort(biome[mixed], kind="stable")]
    fold = np.empty(len(biome), dtype=np.intp)
    fold[order] = np.arange(len(biome)) % n_folds
    return fold


def part_of(problem: Problem, profiles: Mask) -> tuple[Design, Nodes]:
    """Hierarchy and nodes of some of the profiles (mask, shape (P,)); only their biomes remain."""
    design = problem.design
    rows = profiles[design.profile]
    biomes, biome = np.unique(design.biome[profiles], return_inverse=True)
    part = Design(
        profile=(np.cumsum(profiles) - 1)[design.profile[rows]],
        biome=biome.astype(np.intp),
        depth=design.depth[rows],
        covariates=design.covariates[profiles],
        profiles=tuple(np.array(design.profiles)[profiles].tolist()),
        biomes=tuple(design.biomes[index] for index in biomes),
        covariate_names=design.covariate_names,
    )
    return part, Nodes(problem.nodes.theta[rows], problem.nodes.log_weight[rows])


def complete_biomes(
    draws: Mapping[str, Floats],
    known: tuple[str, ...],
    wanted: tuple[str, ...],
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Give biomes without training profiles effects from the population, draw by draw."""
    result = dict(draws)
    for name, centre, spread in (
        ("a_biome", "alpha", "sigma_biome"),
        ("s_biome", "beta", "sigma_slope"),
    ):
        z = rng.standard_normal((len(draws[centre]), len(wanted)))
        effects = draws[centre][:, None] + draws[spread][:, None] * z
        effects[:, [wanted.index(biome) for biome in known]] = draws[name]
        result[name] = effects
    return result


def predict_profiles(
    spec: TurnoverSpec,
    problem: Problem,
    rows: Mask,
    draws: Mapping[str, Floats],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Predict layers of profiles that the draws know nothing of.

    Parameters
    ----------
    rows : ndarray of bool, shape (N,)
        The M layers to predict.
    draws : mapping
        Population parameters and effects of all biomes, shape (S, ...).

    Returns
    -------
    delta14c : ndarray, shape (S, M)
        Predictive draws, ‰; the layers of a profile share its η of that draw.
    log_score : ndarray, shape (M,)
        Log predictive density of what was measured, per ‰: the quadrature of the likelihood with
        η_p integrated out, averaged over the draws.
    """
    design, spread = problem.design, draws["sigma_profile"]
    centre = profile_means(draws, design)
    eta = centre + spread[:, None] * rng.standard_normal(centre.shape)
    mu = layer_means({**draws, "eta_profile": eta}, design)[:, rows]
    table = replace(problem.table, row=problem.table.row[rows])
    df = spec.likelihood.student_t_df
    delta14c = replicate_delta14c(
        mu, draws["tau"], table, scale=problem.scale[rows], df=df, rng=rng
    )
    middle = layer_means({**draws, "eta_profile": centre}, design)[:, rows]
    nodes = Nodes(problem.nodes.theta[rows], problem.nodes.log_weight[rows])
    density = layer_log_likelihood(middle, np.hypot(spread, draws["tau"]), nodes)
    return delta14c, logsumexp(density.astype(float), axis=0) - np.log(len(density))

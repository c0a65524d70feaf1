"""Holding places out: folds, the part of a problem that is left, and predictions of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayes_rootc.errors import DataError
from bayes_rootc.inference.predictive import (
    layer_log_likelihood,
    layer_means,
    profile_means,
    replicate_delta14c,
    shape_place,
)
from bayes_rootc.models.assemble import LayerLikelihood, Problem
from bayes_rootc.models.design import Design
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats

Mask = NDArray[np.bool_]
Names = NDArray[np.str_]


def place_names(corner: Floats) -> NDArray[np.str_]:
    """Name places by latitude and longitude (degrees, shape (N, 2)) to 0.01 degree."""
    # In whole hundredths, where -0.00 is 0.00 and 180 east is 180 west.
    hundredths = np.round(100.0 * corner).astype(int)
    hundredths[:, 1] = (hundredths[:, 1] + 18_000) % 36_000 - 18_000
    return np.array([f"{lat / 100:.2f} {lon / 100:.2f}" for lat, lon in hundredths])


def profile_places(problem: Problem) -> NDArray[np.str_]:
    """Name the place of each profile: the coordinates of its first layer to 0.01 degree.

    Returns
    -------
    ndarray of str, shape (P,)
        Such as ``54.68 -2.45``; profiles at one place have the same name.
    """
    _, first = np.unique(problem.design.profile, return_index=True)
    return place_names(problem.layers[["lat", "lon"]].to_numpy(float)[first])


def profile_studies(problem: Problem) -> Names:
    """Data set (entry) of each profile's first layer, shape (P,)."""
    _, first = np.unique(problem.design.profile, return_index=True)
    return problem.layers["entry"].astype(str).to_numpy(dtype=str)[first]


GROUPS: dict[str, Callable[[Problem], Names]] = {
    "place": profile_places,
    "profile": lambda problem: np.array(problem.design.profiles),
    "study": profile_studies,
}
"""What is held out whole → its name for each profile."""


def profile_folds(
    biome: NDArray[np.intp], place: Names, n_folds: int, seed: int, what: str = "place"
) -> NDArray[np.intp]:
    """Deal places to folds, biome by biome, so that every fold has its share of each.

    Profiles at one coordinate are alike (one soil, one climate, often one study), so that all of
    them are held out together: a prediction of a place never knows of its neighbours in a plot.

    Parameters
    ----------
    biome : ndarray of int, shape (P,)
        Biome of each profile. A place with several is dealt with the one most of its profiles have.
    place : ndarray of str, shape (P,)
        Place (or other group) of each profile; see :data:`GROUPS`.
    n_folds : int
        2 to the number of places.
    seed : int
        Same seed, same folds.

    Returns
    -------
    ndarray of int, shape (P,)
        0 to n_folds - 1, the same for all profiles of a place; the sizes of two folds differ by
        one place at most.
    """
    names, index = np.unique(place, return_inverse=True)
    if not 2 <= n_folds <= len(names):
        raise DataError(
            f"folds = {n_folds}: must be 2 to the number of {PLURAL[what]}, which is {len(names)}"
        )
    counts = np.zeros((len(names), int(biome.max()) + 1), dtype=int)
    np.add.at(counts, (index, biome), 1)
    biome_of_place = counts.argmax(axis=1)
    mixed = np.random.default_rng(seed).permutation(len(names))
    # Dealt like cards, the next biome where the last one stopped.
    order = mixed[np.argsort(biome_of_place[mixed], kind="stable")]
    fold = np.empty(len(names), dtype=np.intp)
    fold[order] = np.arange(len(names)) % n_folds
    return fold[index]


PLURAL = {
    "place": "places (distinct coordinates)",
    "profile": "profiles",
    "study": "studies (data sets)",
}


def part_of(problem: Problem, profiles: Mask) -> tuple[Design, LayerLikelihood]:
    """Hierarchy and layers of some of the profiles (mask, shape (P,)); only their biomes remain."""
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
    return part, problem.of(rows)


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
    held = problem.of(rows)
    place = shape_place(held, draws)
    df = spec.likelihood.student_t_df
    delta14c = replicate_delta14c(mu, draws["tau"], held, place=place, df=df, rng=rng)
    middle = layer_means({**draws, "eta_profile": centre}, design)[:, rows]
    density = layer_log_likelihood(middle, np.hypot(spread, draws["tau"]), held, place=place)
    return delta14c, logsumexp(density.astype(float), axis=0) - np.log(len(density))

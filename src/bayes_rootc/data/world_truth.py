"""The truth of the joint simulated world: population parameters, and the biomes drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.units import Floats
from bayes_rootc.variables import CORRELATION, EFFECTS

DEFAULT_TRUTH: dict[str, float] = {
    "alpha_k": -6.6, "sigma_biome_k": 0.37, "sigma_gamma_k": 0.1,
    "beta_k": -1.65, "sigma_slope_k": 0.35,
    "sigma_place_k": 0.55, "sigma_profile_k": 0.6, "tau_k": 0.67,
    "alpha_rho": 0.47, "sigma_biome_rho": 0.28, "sigma_gamma_rho": 0.05,
    "beta_rho": -0.72, "sigma_slope_rho": 0.2,
    "sigma_place_rho": 0.3, "sigma_profile_rho": 0.4, "tau_rho": 0.4, "kappa": -0.1,
    "bd_intercept": -0.1, "bd_slope": -0.02, "bd_depth": 0.15, "tau_bd": 0.25,
    "alpha_bnpp": 0.6, "sigma_biome_bnpp": 0.45, "sigma_gamma_bnpp": 0.1,
    "sigma_place_bnpp": 0.4, "tau_bnpp": 0.5,
    "alpha_f_bnpp": -0.5, "sigma_biome_f_bnpp": 0.8, "sigma_gamma_f_bnpp": 0.1,
    "sigma_place_f_bnpp": 0.6, "tau_f_bnpp": 0.5,
    "alpha_d50": 2.6, "sigma_biome_d50": 0.4, "sigma_gamma_d50": 0.04,
    "sigma_place_d50": 0.5, "tau_d50": 0.54,
    "alpha_ratio": 0.5, "sigma_biome_ratio": 0.18, "ratio_d50": -0.27,
    "sigma_place_ratio": 0.22, "tau_ratio": 0.22,
}  # fmt: skip
"""Close to what the real data say. Carbon density and bulk density scatter less: with two normal
scales as wide as the real ones, a world of this size would often hold a layer of over 100 % C."""

GAMMA_SD = {"k": 0.12, "rho": 0.06, "bnpp": 0.12, "f_bnpp": 0.12, "d50": 0.12}
"""Spread of the effects of components, drawn unless given."""

GAMMAS = tuple(f"gamma_{name}" for name in EFFECTS)


def population_of(truth: Mapping[str, Any]) -> dict[str, Any]:
    """Complete and check the population parameters of a world.

    Parameters
    ----------
    truth : mapping
        Those that differ from :data:`DEFAULT_TRUTH`; also ``gamma_*``, ``biome_correlation``.

    Raises
    ------
    DataError
        If a name is unknown, a spread is below 0, or the matrix is no correlation matrix.
    """
    valid = (*DEFAULT_TRUTH, *GAMMAS, CORRELATION)
    unknown = sorted(set(truth) - set(valid))
    if unknown:
        raise DataError(f"truth names {', '.join(unknown)}; valid are {', '.join(valid)}")
    population = {CORRELATION: np.eye(len(EFFECTS))} | DEFAULT_TRUTH | dict(truth)
    for name in DEFAULT_TRUTH:
        if name.startswith(("sigma_", "tau_")) and not population[name] >= 0.0:
            raise DataError(f"truth: {name} = {population[name]:g} is wrong; a spread is 0 or more")
    _factor(population[CORRELATION])
    return population


def draw_truth(
    rng: np.random.Generator, population: Mapping[str, Any], components: tuple[str, ...]
) -> dict[str, Any]:
    """Draw the effects and slopes of the nine biomes.

    Parameters
    ----------
    rng : Generator
    population : mapping
        From :func:`population_of`; ``kappa`` may be absent.
    components : tuple of str

    Returns
    -------
    dict
        The population parameters, ``gamma_*`` by component; ``a_*``, ``s_*``, ``a_ratio`` by
        biome key; ``slopes_*`` by biome key and component. Plain numbers, fit for JSON.

    Raises
    ------
    DataError
        If a given ``gamma_*`` names a component that the world does not have.
    """
    truth: dict[str, Any] = {
        name: float(population[name]) for name in DEFAULT_TRUTH if name in population
    }
    truth[CORRELATION] = np.asarray(population[CORRELATION], float).tolist()
    # Effects before slopes: their random numbers do not depend on the number of components.
    effects = rng.standard_normal((len(BIOME_KEYS), len(EFFECTS)))
    effects = effects @ _factor(population[CORRELATION]).T
    for index, name in enumerate(EFFECTS):
        values = truth[f"alpha_{name}"] + truth[f"sigma_biome_{name}"] * effects[:, index]
        truth[f"a_{name}"] = _by_biome(values)
    for name, mean, spread in (
        ("s_k", "beta_k", "sigma_slope_k"),
        ("s_rho", "beta_rho", "sigma_slope_rho"),
        ("a_ratio", "alpha_ratio", "sigma_biome_ratio"),
    ):
        values = truth[mean] + truth[spread] * rng.standard_normal(len(BIOME_KEYS))
        truth[name] = _by_biome(values)
    for name in EFFECTS:
        drawn = GAMMA_SD[name] * rng.standard_normal(len(components))
        gamma = _gamma(population, f"gamma_{name}", components, drawn)
        multiples = rng.standard_normal((len(BIOME_KEYS), len(components)))
        slopes = gamma + truth[f"sigma_gamma_{name}"] * multiples
        truth[f"gamma_{name}"] = dict(zip(components, gamma.tolist(), strict=True))
        truth[f"slopes_{name}"] = {
            key: dict(zip(components, row.tolist(), strict=True))
            for key, row in zip(BIOME_KEYS, slopes, strict=True)
        }
    return truth


def _by_biome(values: Floats) -> dict[str, float]:
    return dict(zip(BIOME_KEYS, values.tolist(), strict=True))


def _gamma(
    population: Mapping[str, Any], name: str, components: tuple[str, ...], drawn: Floats
) -> Floats:
    """Effects of components: those given, else those drawn."""
    if name not in population:
        return drawn
    given = population[name]
    unknown = sorted(set(given) - set(components))
    if unknown:
        raise DataError(
            f"truth: {name} names {', '.join(unknown)}; the components of this world are "
            f"{', '.join(components)}"
        )
    return np.array([float(given.get(component, 0.0)) for component in components])


def _factor(correlation: Any) -> Floats:
    """Cholesky factor of a correlation matrix over the quantities."""
    matrix, n = np.asarray(correlation, float), len(EFFECTS)
    is_sound = (
        matrix.shape == (n, n)
        and np.allclose(matrix, matrix.T)
        and np.allclose(matrix.diagonal(), 1.0)
    )
    try:
        return np.linalg.cholesky(matrix if is_sound else -np.eye(n))
    except np.linalg.LinAlgError:
        raise DataError(
            f"truth: {CORRELATION} is wrong; it must be a positive definite matrix, {n} x {n}, "
            f"symmetric, with ones on its diagonal, in the order {', '.join(EFFECTS)}"
        ) from None

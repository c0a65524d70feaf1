"""Effects of groups, each entry sampled in the geometry that suits its data (PyMC)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_rootc.models.correlation import pairs_of
from bayes_rootc.spec.priors import FAMILIES, Prior

GROUPS_FOR_HALF = 20.0
"""Groups of data at which an effect is sampled half as it is, half as a multiple of its spread.

The ratio of the variance between groups within a biome to that between biomes is 2 to 8 in the
middle of the posterior on real data; where the spread between biomes is small it is several times
that, and there chains diverge if effects are sampled as they are: of 8,000 draws tuned to 0.65,
52 diverge with 3 groups, 23 and 15 with 8, 6 and 8 with 20, 5 with 40, whose means mix worse."""

SQUARES_FOR_HALF = 150.0
"""As :data:`GROUPS_FOR_HALF`, for slopes of components, in which biomes differ less: the sum of
squares of the component over the groups of the biome."""

PROFILES_FOR_HALF = 4.0
"""As :data:`GROUPS_FOR_HALF`, for depth slopes: a few profiles of many layers tell them well."""

SITES_TO_CENTRE = 200
"""With at least so many sites with several profiles, their effects are sampled as they are: so
many keep their spread away from 0."""


def variable(name: str, prior: Prior, **kwargs: Any) -> Any:
    """Make a PyMC variable from the prior of a model file."""
    family = FAMILIES[prior.dist]
    return getattr(pm, family.pymc_name)(name, **family.pymc_arguments(prior), **kwargs)


def data_weight(counts: NDArray[Any], half: float) -> NDArray[np.float64]:
    """Weight in [0, 1) that an effect's own data have: ``counts`` / (``counts`` + ``half``)."""
    return np.asarray(counts / (counts + half), dtype=np.float64)


def normal_effects(
    name: str, mean: Any, spread: Any, *, weight: NDArray[np.float64], dims: str | tuple[str, ...]
) -> tuple[Any, Any]:
    """Independent effects N(mean, spread), and the same as multiples of their spread.

    Sampled is s ~ N(w mean, spread^w), of which the effect is mean + spread^(1 - w) (s - w mean):
    with w = 1 the effect itself (centred), with w = 0 the multiple; in between is best where
    data and prior tell an effect about as well (partial non-centring; Papaspiliopoulos, Roberts &
    Skoeld 2007, Statistical Science 22, 59-73).

    Parameters
    ----------
    name : str
    mean, spread : tensor
        Broadcast to the shape of ``weight``.
    weight : ndarray
        The w of each entry, 0 to 1; the prior of the effects is the same with any.
    dims : str or tuple of str

    Returns
    -------
    effects, multiples : tensor
        ``effects`` is stored under ``name``.
    """
    if (weight == 1.0).all():
        effects = pm.Normal(name, mean, spread, dims=dims)
        return effects, (effects - mean) / spread
    effects, multiples = sampled_effects(f"{name}_multiple", mean, spread, weight=weight, dims=dims)
    return pm.Deterministic(name, effects, dims=dims), multiples


def sampled_effects(
    name: str, mean: Any, spread: Any, *, weight: NDArray[np.float64], dims: Any = None
) -> tuple[Any, Any]:
    """As :func:`normal_effects`, but stored is only what is sampled, under ``name``."""
    size: dict[str, Any] = {"shape": weight.shape} if dims is None else {"dims": dims}
    if not weight.any():
        multiples = pm.Normal(name, 0.0, 1.0, **size)
        return mean + spread * multiples, multiples
    scale = pt.pow(spread, weight)
    sampled = pm.Normal(name, weight * mean, scale, **size)
    multiples = (sampled - weight * mean) / scale
    return mean + spread * multiples, multiples


def correlation_factor(name: str, n: int, eta: float) -> list[list[Any]]:
    """Cholesky factor of a correlation matrix with an LKJ(eta) prior, row by row.

    Sampled are the n(n-1)/2 canonical partial correlations, which are independent Beta variables
    on (-1, 1) (Lewandowski, Kurowicka & Joe 2009, J. Multivariate Analysis 100, 1989-2001): unlike
    the entries of the factor itself they know nothing of the spreads, so that a small spread
    makes no funnel.

    Parameters
    ----------
    name : str
        Of the partial correlations, mapped to (0, 1).
    n : int
        Number of rows.
    eta : float
        1: uniform over correlation matrices; more: weaker correlations.
    """
    pairs = pairs_of(n)
    shape = np.array([eta + (n - 2 - j) / 2.0 for j, _ in pairs])
    partial = dict(zip(pairs, 2.0 * pm.Beta(name, shape, shape, shape=len(pairs)) - 1.0))  # noqa: B905
    factor = []
    for i in range(n):
        left: Any = pt.constant(1.0)
        row = []
        for j in range(i):
            row.append(partial[j, i] * pt.sqrt(left))
            left = left * (1.0 - partial[j, i] ** 2)
        factor.append([*row, pt.sqrt(left)])
    return factor

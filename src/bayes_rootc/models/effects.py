"""Effects of groups, each entry sampled in the geometry that suits its data (PyMC)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_rootc.models.correlation import pairs_of
from bayes_rootc.spec.priors import FAMILIES, Prior

GROUPS_TO_CENTRE = 40
"""An effect with at least this many groups of data of its own is sampled as it is (centred),
another as a multiple of its spread (Betancourt & Girolami 2015). Tried with 20 to 100 on the real
data: at 20 some diverge (at 40 a few in 10,000 where the conditional spread is small, unless steps
are short), at 80 and 100 the means of the well-known ones mix slowly."""

PROFILES_TO_CENTRE_SLOPES = 10
"""As :data:`GROUPS_TO_CENTRE`, for depth slopes: a few profiles of many layers tell them well."""

SITES_TO_CENTRE = 200
"""As :data:`GROUPS_TO_CENTRE`, for the effects of sites: so many keep their spread away from 0."""


def variable(name: str, prior: Prior, **kwargs: Any) -> Any:
    """Make a PyMC variable from the prior of a model file."""
    family = FAMILIES[prior.dist]
    return getattr(pm, family.pymc_name)(name, **family.pymc_arguments(prior), **kwargs)


def normal_effects(
    name: str, mean: Any, spread: Any, *, centred: NDArray[np.bool_], dims: str | tuple[str, ...]
) -> tuple[Any, Any]:
    """Independent effects N(mean, spread), and the same as multiples of their spread.

    Parameters
    ----------
    name : str
    mean, spread : tensor
        Broadcast to the shape of ``centred``.
    centred : ndarray of bool
        Which entries are sampled as they are; the prior is the same either way.
    dims : str or tuple of str

    Returns
    -------
    effects, multiples : tensor
        ``effects`` is stored under ``name``.
    """
    shape = centred.shape
    if not centred.any():
        multiples = pm.Normal(f"{name}_multiple", 0.0, 1.0, dims=dims)
        return pm.Deterministic(name, mean + spread * multiples, dims=dims), multiples
    mean, spread = mean + pt.zeros(shape), spread + pt.zeros(shape)
    sampled = pm.Normal(
        f"{name}_multiple",
        pt.switch(centred, mean, 0.0),
        pt.switch(centred, spread, 1.0),
        dims=dims,
    )
    effects = pt.switch(centred, sampled, mean + spread * sampled)
    multiples = pt.switch(centred, (sampled - mean) / spread, sampled)
    return pm.Deterministic(name, effects, dims=dims), multiples


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

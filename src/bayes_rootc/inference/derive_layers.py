"""What is derived for every layer: its k, its solutions, replicates of its Δ14C."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.inference.predictive import replicate_delta14c, shape_place
from bayes_rootc.inference.recover import Recovered, layer_modes, recover_theta
from bayes_rootc.models.assemble import LayerLikelihood
from bayes_rootc.radiocarbon.structures import age_factor
from bayes_rootc.radiocarbon.table import log_likelihood_grid
from bayes_rootc.units import Floats

MODES_KEPT = 2

DRAWN = ("chain", "draw_kept")

Groups = dict[str, xr.Dataset]


def kept_draws(shape: tuple[int, int], wanted: int) -> np.ndarray:
    """Positions of the draws of each chain for which per-layer quantities are kept."""
    per_chain = max(1, min(shape[1], wanted // shape[0]))
    return np.unique(np.linspace(0, shape[1] - 1, per_chain).round().astype(int))


def pick(values: Floats, shape: tuple[int, int], kept: np.ndarray) -> Floats:
    """Rows of the kept draws, from (chains · draws, ...) to (chains · kept, ...)."""
    rest = values.shape[1:]
    return values.reshape(*shape, *rest)[:, kept].reshape(-1, *rest)


@dataclass(frozen=True)
class LayerDraws:
    """Draws that are kept, chains one after another.

    Attributes
    ----------
    mu : ndarray, shape (S, N)
        Hierarchical means of ln k.
    tau : ndarray, shape (S,)
        Standard deviations about them.
    shape : mapping
        Parameters of the shape of the structure, shape (S,); empty where it is fixed.
    n_chains : int
    kept : ndarray of int, shape (S / chains,)
        Positions of the draws in each chain.
    """

    mu: Floats
    tau: Floats
    shape: Mapping[str, Floats]
    n_chains: int
    kept: NDArray[np.intp]


def per_layer(
    likelihood: LayerLikelihood, df: float, draws: LayerDraws, rng: np.random.Generator
) -> Groups:
    """Recover k of every layer, its solutions, and replicates of its Δ14C.

    Parameters
    ----------
    likelihood : LayerLikelihood
    df : float
        Degrees of freedom of the error.
    draws : LayerDraws
    rng : Generator

    Returns
    -------
    dict
        Datasets ``posterior_predictive`` and ``derived``.
    """
    theta_grid, n_chains, kept = likelihood.table.theta, draws.n_chains, draws.kept
    place = shape_place(likelihood, draws.shape) if draws.shape else None
    recovered = _recovered(likelihood, df, draws, place, rng)
    replicate = replicate_delta14c(draws.mu, draws.tau, likelihood, place=place, df=df, rng=rng)
    dims = (*DRAWN, "layer")
    coords = {"chain": np.arange(n_chains), "draw_kept": kept}
    shaped = (n_chains, len(kept), -1)
    k = np.exp(recovered.theta).reshape(shaped).astype(np.float32)
    modes = layer_modes(theta_grid, recovered.mass)
    mass = np.full((len(modes), MODES_KEPT), np.nan)
    c_age = np.full((len(modes), MODES_KEPT), np.nan)
    for i, found in enumerate(modes):
        for j, mode in enumerate(found[:MODES_KEPT]):
            mass[i, j], c_age[i, j] = mode.mass, np.exp(-mode.median)
    return {
        "posterior_predictive": xr.Dataset(
            {"delta14c": (dims, replicate.reshape(shaped).astype(np.float32))}, coords
        ),
        "derived": xr.Dataset(
            {
                "k": (dims, k),
                "c_age": (dims, 1.0 / k),
                "n_modes": ("layer", np.array([len(found) for found in modes])),
                "mode_mass": (("layer", "mode"), mass),
                "mode_c_age": (("layer", "mode"), c_age),
                "age_factor": _age_factor(likelihood, draws),
            },
            coords,
        ),
    }


def _recovered(
    likelihood: LayerLikelihood,
    df: float,
    draws: LayerDraws,
    place: Floats | None,
    rng: np.random.Generator,
) -> Recovered:
    """Draws of ln k; each draw of a sampled shape takes one of the two knots beside it.

    The nearer one more often, in proportion, which straight lines between knots amount to.
    """
    theta = likelihood.table.theta
    if likelihood.knots is None or place is None:
        return recover_theta(theta, likelihood.log_likelihood[None], draws.mu, draws.tau, rng)
    knot = np.floor(place + rng.random((len(place), 1))).astype(np.intp)
    tables = likelihood.knots.table.tables
    used, which = np.unique(np.minimum(knot, len(tables) - 1), return_inverse=True)
    observed = likelihood.layers["delta14c"].to_numpy(float)
    stack = [log_likelihood_grid(tables[m], observed, likelihood.scale, df) for m in used]
    return recover_theta(theta, np.stack(stack), draws.mu, draws.tau, rng, which=which)


def _age_factor(likelihood: LayerLikelihood, draws: LayerDraws) -> tuple[tuple[str, ...], Floats]:
    """Mean age of the stored carbon over turnover time; inf without one.

    By chain and kept draw, and by standard layer where the shape changes with depth.
    """
    mixture, knots = likelihood.mixture, likelihood.knots
    shape = np.full((len(draws.tau), 1), mixture.shape)
    if knots is not None and draws.shape:
        shape = knots.shape_at(draws.shape, knots.standard_depth)
    factor = np.broadcast_to(age_factor(mixture.name, shape, mixture.fraction), shape.shape)
    by_layer = factor.reshape(draws.n_chains, -1, shape.shape[1])
    if shape.shape[1] == 1:
        return DRAWN, by_layer[..., 0]
    return (*DRAWN, "standard_layer"), by_layer

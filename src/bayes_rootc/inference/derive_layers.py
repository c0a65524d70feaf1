"""What is derived for every layer: its k, its solutions, replicates of its Δ14C."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayes_rootc.inference.predictive import replicate_delta14c
from bayes_rootc.inference.recover import layer_modes, recover_theta
from bayes_rootc.models.assemble import LayerLikelihood
from bayes_rootc.units import Floats

MODES_KEPT = 2

Groups = dict[str, xr.Dataset]


def kept_draws(shape: tuple[int, int], wanted: int) -> np.ndarray:
    """Positions of the draws of each chain for which per-layer quantities are kept."""
    per_chain = max(1, min(shape[1], wanted // shape[0]))
    return np.unique(np.linspace(0, shape[1] - 1, per_chain).round().astype(int))


def pick(values: Floats, shape: tuple[int, int], kept: np.ndarray) -> Floats:
    """Rows of the kept draws, from (chains · draws, ...) to (chains · kept, ...)."""
    rest = values.shape[1:]
    return values.reshape(*shape, *rest)[:, kept].reshape(-1, *rest)


def per_layer(
    likelihood: LayerLikelihood,
    df: float,
    mu: Floats,
    tau: Floats,
    *,
    n_chains: int,
    kept: np.ndarray,
    rng: np.random.Generator,
) -> Groups:
    """Recover k of every layer, its solutions, and replicates of its Δ14C.

    Parameters
    ----------
    likelihood : LayerLikelihood
    df : float
        Degrees of freedom of the error.
    mu : ndarray, shape (S, N)
        Hierarchical means of ln k in the draws that are kept, chains one after another.
    tau : ndarray, shape (S,)
    n_chains : int
    kept : ndarray of int, shape (S / chains,)
        Positions of those draws in each chain.
    rng : Generator

    Returns
    -------
    dict
        Datasets ``posterior_predictive`` and ``derived``.
    """
    theta_grid = likelihood.table.theta
    recovered = recover_theta(theta_grid, likelihood.log_likelihood, mu, tau, rng)
    table, scale = likelihood.table, likelihood.scale
    replicate = replicate_delta14c(mu, tau, table, scale=scale, df=df, rng=rng)
    dims = ("chain", "draw_kept", "layer")
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
            },
            coords,
        ),
    }

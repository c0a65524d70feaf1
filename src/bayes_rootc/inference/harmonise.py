"""Uptake of the seven standard layers of every profile: by a learner, and by the model itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.inference.learning_tables import place_features, with_depths
from bayes_rootc.layers import STANDARD_EDGES_CM, STANDARD_LAYERS
from bayes_rootc.learning.cross import FinalModel
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.models.flows import basis_integral
from bayes_rootc.units import Floats
from bayes_rootc.variables import CHAIN, DRAW, DRAW_KEPT


def harmonised_uptake(problem: FlowProblem, run: xr.DataTree, final: FinalModel) -> pd.DataFrame:
    """I_bulk of every profile in the standard layers, two ways.

    The study interpolated with a learner of layer depths, trained on the layers themselves; the
    model has each profile's own level and its biome's slope with depth.

    Parameters
    ----------
    problem : FlowProblem
    run : DataTree
    final : FinalModel
        Learner of ``i_bulk``, ln Mg C ha-1 yr-1; its ensemble is used.

    Returns
    -------
    DataFrame
        profile, layer, learner, model (Mg C ha-1 yr-1; of the model the posterior median).
    """
    rows = problem.rows
    assert rows is not None
    edges = np.asarray(STANDARD_EDGES_CM, float)
    site = rows.profile_site
    place, biome = problem.sites.place[site], problem.sites.biome[site]
    by_model = profile_uptake(run, biome, problem.reference_depth_cm)
    features = place_features(problem, place, biome)
    frames = []
    for layer, name in enumerate(STANDARD_LAYERS):
        here = with_depths(features, edges[layer], edges[layer + 1])
        frames.append(
            pd.DataFrame(
                {
                    "profile": rows.profiles,
                    "layer": name,
                    "learner": np.exp(final.predict_ensemble(here)),
                    "model": by_model[:, layer],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def profile_uptake(run: xr.DataTree, biome: Any, reference_cm: float) -> Floats:
    """Posterior median of I_bulk of profiles, shape (P, 7), Mg C ha-1 yr-1."""
    derived, edges = run["derived"].to_dataset(), np.asarray(STANDARD_EDGES_CM, float)
    posterior = run["posterior"].to_dataset().isel({DRAW: derived[DRAW_KEPT].to_numpy()})
    flat = {
        name: array.transpose(CHAIN, dim, ...).to_numpy().reshape(-1, array.sizes[last])
        for name, array, dim, last in (
            ("eta", posterior["eta"], DRAW, "profile"),
            ("eta_rho", derived["eta_rho"], DRAW_KEPT, "profile"),
            ("s_k", posterior["s_k"], DRAW, "biome"),
            ("s_rho", posterior["s_rho"], DRAW, "biome"),
        )
    }
    level = np.exp(flat["eta"] + flat["eta_rho"])
    slope = (flat["s_k"] + flat["s_rho"])[:, biome]
    found = [
        np.median(level * basis_integral(slope, top, bottom, reference_cm), axis=0)
        for top, bottom in pairwise(edges)
    ]
    return np.stack(found, axis=1)

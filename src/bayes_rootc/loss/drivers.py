"""How much of the flows biome, components and depth explain.

References
----------
.. [1] gelman2019, Gelman, Goodrich, Gabry & Vehtari (2019), The American Statistician 73, 307-309.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import depth_basis
from bayes_rootc.loss.joint import read_joint
from bayes_rootc.models.flows import bulk_variance
from bayes_rootc.units import Floats
from bayes_rootc.variables import LAYER, NPP_SITE, PLACE, PROFILE


def r2_table(run: xr.DataTree) -> pd.DataFrame:
    """Bayesian R²: variance of what is predicted over that plus the residual variance [1]_.

    With biome, components and depth alone (what carries over to a place without measurements), and
    with the effects of the measured sites or profiles as well. For I_root what is left out differs:
    of the value of a site the scatter between sites, of a single record that of records as well.

    Returns
    -------
    DataFrame
        quantity, predictor, n (sites or layers), r2 (posterior mean), r2_q025, r2_q50, r2_q975.
    """
    joint = read_joint(run)
    draws = joint.draws
    components = joint.constants["components"].transpose(PLACE, ...).to_numpy()

    site = joint.constant("npp_site_biome_index", NPP_SITE).astype(int)
    scores = components[joint.constant("npp_site_place_index", NPP_SITE).astype(int)]
    of_bnpp = joint.level("bnpp", site, scores)

    owner = joint.constant("profile_index", LAYER).astype(int)
    biome = joint.constant("profile_biome_index", PROFILE).astype(int)
    scores = components[joint.constant("profile_place_index", PROFILE).astype(int)]
    top, bottom = (joint.constant(f"{end}_cm", LAYER) for end in ("top", "bottom"))
    depth = depth_basis((top + bottom) / 2.0, joint.reference_cm)
    trend = (draws["s_k"] + draws["s_rho"])[:, biome[owner]] * depth
    level = joint.level("k", biome, scores) + joint.level("rho", biome, scores)
    profile = draws["eta"] + joint.derived["eta_rho"]
    within = draws["tau_k"] ** 2 + draws["tau_rho"] ** 2
    between, record = draws["sigma_place_bnpp"] ** 2, draws["tau_bnpp"] ** 2
    known = np.log(joint.derived["bnpp"])
    rows = [
        ("ln I_root", "biome and components, for a site", of_bnpp, between),
        ("ln I_root", "biome and components, for a record", of_bnpp, between + record),
        ("ln I_root", "biome, components and site, for a record", known, record),
        (
            "ln I_bulk", "biome, components and depth, for a layer", level[:, owner] + trend,
            bulk_variance(draws),
        ),
        (
            "ln I_bulk", "biome, components, depth and profile, for a layer",
            profile[:, owner] + trend, within,
        ),
    ]  # fmt: skip
    return pd.DataFrame([_r2_row(*row) for row in rows])


def bayes_r2(predictor: Floats, residual_variance: Floats) -> Floats:
    """R² in every draw [1]_.

    Parameters
    ----------
    predictor : ndarray, shape (S, n)
    residual_variance : ndarray, shape (S,)

    Returns
    -------
    ndarray, shape (S,)
        Between 0 and 1.
    """
    explained = predictor.var(axis=1)
    return np.asarray(explained / (explained + residual_variance))


def _r2_row(quantity: str, predictor: str, values: Floats, residual: Floats) -> dict[str, object]:
    r2 = bayes_r2(values, residual)
    q025, q50, q975 = np.quantile(r2, [0.025, 0.5, 0.975])
    return {
        "quantity": quantity,
        "predictor": predictor,
        "n": values.shape[1],
        "r2": r2.mean(),
        "r2_q025": q025,
        "r2_q50": q50,
        "r2_q975": q975,
    }

"""Population parameters of the flow models and their priors."""

from __future__ import annotations

from bayes_rootc.spec.joint import FlowModel
from bayes_rootc.spec.priors import Prior
from bayes_rootc.variables import EFFECT_OF

OWN_NAMES = (
    "bd_intercept", "bd_slope", "bd_depth", "tau_bd", "kappa",
    "alpha_ratio", "sigma_biome_ratio", "ratio_d50", "sigma_place_ratio", "tau_ratio",
)  # fmt: skip
"""Parameters that only one block has; the others carry the name of their quantity."""

PREDICTED = ("k", "rho", "bnpp", "f_bnpp")
"""Quantities that a learning run predicts; the weight of its prediction is ``lambda_*``."""


def population_priors(spec: FlowModel) -> dict[str, Prior]:
    """Name of every population parameter → its prior; ``gamma_*`` holds for each component.

    A parameter that the model leaves out (``kappa`` without turnover, the spread of places where
    few have several profiles) is listed too.
    """
    found = {}
    for block in spec.blocks:
        effect = EFFECT_OF[block.model]
        for section in (block.priors, getattr(block, "joint_priors", None)):
            for name in type(section).model_fields if section is not None else ():
                stored = name if name in OWN_NAMES else f"{name}_{effect}"
                found[stored] = getattr(section, name)
        structure = getattr(block, "structure", None)
        if structure is not None and structure.prior is not None:
            found["shape"] = structure.prior
        if structure is not None and structure.slope is not None:
            found["shape_slope"] = structure.slope
        if spec.prior_means is not None and effect in PREDICTED:
            found[f"lambda_{effect}"] = spec.prior_means.weight
    return found

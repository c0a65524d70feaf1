"""I_bulk of the standard layers of a soil profile from its observed layers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import RunError
from bayes_rootc.layers import STANDARD_LAYERS
from bayes_rootc.loss.joint import Joint
from bayes_rootc.models.flows import EDGES, basis_integral
from bayes_rootc.units import Floats
from bayes_rootc.variables import LAYER

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Cover:
    """How observed layers and gaps make up the standard layers.

    Attributes
    ----------
    thickness : ndarray, shape (layers, 7)
        cm of each standard layer that an observed layer stands for; where observed layers
        overlap, each stands for an equal part.
    gaps : tuple of (standard layer, top, bottom)
        Parts that no observed layer covers, cm.
    """

    thickness: Floats
    gaps: tuple[tuple[int, float, float], ...]


def cover(top_cm: Floats, bottom_cm: Floats) -> Cover:
    """Cut the standard layers at the ends of the observed ones.

    Parameters
    ----------
    top_cm, bottom_cm : ndarray, shape (layers,)
        Ends of the observed layers of one profile, cm; they may overlap, leave gaps, and reach
        below 200 cm.
    """
    ends = np.concatenate([EDGES, top_cm, bottom_cm])
    cuts = np.unique(np.clip(ends, EDGES[0], EDGES[-1]))
    thickness = np.zeros((len(top_cm), len(STANDARD_LAYERS)))
    gaps = []
    for top, bottom in pairwise(cuts):
        standard = int(np.searchsorted(EDGES, top, side="right")) - 1
        inside = (top_cm <= top) & (bottom_cm >= bottom)
        if inside.any():
            thickness[inside, standard] += (bottom - top) / inside.sum()
        else:
            gaps.append((standard, float(top), float(bottom)))
    return Cover(thickness, tuple(gaps))


def observed_bulk(joint: Joint, profile: Index, biome: Index, residual: Floats) -> Floats:
    """I_bulk of the standard layers of observed profiles.

    Where layers were observed it is their own k · rho; elsewhere the profile's level and the
    trend of its biome with depth, with a new residual for each standard layer.

    Parameters
    ----------
    joint : Joint
    profile, biome : ndarray of int, shape (n,)
        Positions of the profiles and of their biomes.
    residual : ndarray, shape (S, n, 7)
        Residuals of ln(k · rho) for what was not observed.

    Returns
    -------
    ndarray, shape (S, n, 7)
        Mg C ha⁻¹ yr⁻¹.

    Raises
    ------
    RunError
        If a profile has no layer.
    """
    owner = joint.constant("profile_index", LAYER)
    top, bottom = (joint.constant(f"{end}_cm", LAYER).astype(float) for end in ("top", "bottom"))
    level = joint.draws["eta"][:, profile] + joint.derived["eta_rho"][:, profile]
    slope = (joint.draws["s_k"] + joint.draws["s_rho"])[:, biome]
    found = np.zeros(residual.shape)
    for i, number in enumerate(profile):
        layers = np.flatnonzero(owner == number)
        if not layers.size:
            raise RunError(f"run: profile {number} has no layer; fit the model again")
        parts = cover(top[layers], bottom[layers])
        flow = joint.derived["k"][:, layers] * joint.derived["rho"][:, layers]
        found[:, i] = (flow[..., None] * parts.thickness).sum(axis=1)
        for standard, above, below in parts.gaps:
            length = basis_integral(slope[:, i], above, below, joint.reference_cm)
            found[:, i, standard] += np.exp(level[:, i] + residual[:, i, standard]) * length
    return found

"""The hierarchy of layers, profiles and biomes, as arrays (no PyMC)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_rootc.units import Floats

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Design:
    """Everything but Δ14C that the hierarchy needs.

    Attributes
    ----------
    profile : ndarray of int, shape (N,)
        Profile of each layer, 0 to P - 1.
    biome : ndarray of int, shape (P,)
        Biome of each profile, 0 to B - 1.
    depth : ndarray, shape (N,)
        Depth basis of each layer; see :func:`depth_basis`.
    covariates : ndarray, shape (P, C)
        Standardised covariates of the profiles; C may be 0.
    profiles, biomes, covariate_names : tuple of str
        Labels.
    """

    profile: Index
    biome: Index
    depth: Floats
    covariates: Floats
    profiles: tuple[str, ...]
    biomes: tuple[str, ...]
    covariate_names: tuple[str, ...]


def depth_basis(depth_cm: ArrayLike, reference_cm: float) -> Floats:
    """d(z) = log1p(z/10) - log1p(reference/10): 0 at the reference depth.

    Parameters
    ----------
    depth_cm : array_like
        Depth of the middle of a layer, cm, 0 or more.
    reference_cm : float
        Depth at which the intercepts are defined, cm.
    """
    return np.log1p(np.asarray(depth_cm, float) / 10.0) - np.log1p(reference_cm / 10.0)

"""The hierarchy of layers, profiles and biomes, as arrays (no PyMC)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        Depth basis of each layer; see :func:`bayes_rootc.layers.depth_basis`.
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

    @property
    def profiles_centred(self) -> bool:
        """Whether the effects of the profiles are sampled centred."""
        n = len(self.profiles)
        return n >= PROFILES_TO_CENTRE and len(self.profile) >= LAYERS_A_PROFILE_TO_CENTRE * n

    @property
    def biomes_centred(self) -> bool:
        """Whether the effects of the biomes are sampled centred."""
        counts = np.bincount(self.biome, minlength=len(self.biomes))
        enough = float(np.median(counts)) >= PROFILES_A_BIOME_TO_CENTRE
        return len(self.biomes) >= BIOMES_TO_CENTRE and enough


# Centred effects sample best where each group has much data of its own and there are enough
# groups to keep their spread away from 0; multiples of the spread sample best where not
# (Betancourt & Girolami 2015). Tried on simulated worlds of 20 to 900 layers and the real data.
PROFILES_TO_CENTRE = 40
LAYERS_A_PROFILE_TO_CENTRE = 2.0
BIOMES_TO_CENTRE = 5
PROFILES_A_BIOME_TO_CENTRE = 20.0

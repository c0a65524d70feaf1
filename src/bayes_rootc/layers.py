"""Standard soil layers and biomes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

STANDARD_EDGES_CM = (0, 20, 40, 60, 80, 100, 150, 200)
"""Edges of the seven standard layers, cm below the top of the mineral soil."""

STANDARD_LAYERS = tuple(f"{top}-{bottom}" for top, bottom in pairwise(STANDARD_EDGES_CM))
"""Labels of the seven standard layers, cm."""

STANDARD_MIDDLES_CM = (np.array(STANDARD_EDGES_CM[1:]) + np.array(STANDARD_EDGES_CM[:-1])) / 2.0

MAX_DEPTH_CM = STANDARD_EDGES_CM[-1]


@dataclass(frozen=True)
class Biome:
    """One of the nine biomes: number in the data, key without spaces, name for people."""

    number: int
    key: str
    name: str


BIOMES = {
    biome.number: biome
    for biome in (
        Biome(1, "tropical_forests", "Tropical/subtropical forests"),
        Biome(2, "tropical_grasslands", "Tropical/subtropical grasslands/savannas"),
        Biome(3, "temperate_forests", "Temperate forests"),
        Biome(4, "temperate_grasslands", "Temperate grasslands"),
        Biome(5, "shrublands", "Mediterranean/montane shrublands"),
        Biome(6, "boreal_forests", "Boreal forests"),
        Biome(7, "tundra", "Tundra"),
        Biome(8, "deserts", "Deserts"),
        Biome(9, "croplands", "Croplands"),
    )
}
BIOME_KEYS = tuple(biome.key for biome in BIOMES.values())


def depth_basis(depth_cm: ArrayLike, reference_cm: float) -> NDArray[np.float64]:
    """d(z) = log1p(z/10) - log1p(reference/10): 0 at the reference depth.

    Parameters
    ----------
    depth_cm : array_like
        Depth of the middle of a layer, cm, 0 or more.
    reference_cm : float
        Depth at which the intercepts are defined, cm.
    """
    basis = np.log1p(np.asarray(depth_cm, float) / 10.0) - np.log1p(reference_cm / 10.0)
    return np.asarray(basis)

"""Standard soil layers, biomes, and the one list of dimension and variable names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

STANDARD_EDGES_CM = (0, 20, 40, 60, 80, 100, 150, 200)
"""Edges of the seven standard layers, cm below the top of the mineral soil."""

STANDARD_LAYERS = tuple(f"{top}-{bottom}" for top, bottom in pairwise(STANDARD_EDGES_CM))
"""Labels of the seven standard layers, cm."""

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


@dataclass(frozen=True)
class Variable:
    """Units and meaning of a stored variable (CF style)."""

    units: str
    long_name: str


# Dimensions, the same in memory and on disk. `layer` is an observed soil layer, `standard_layer`
# one of the seven.
CHAIN, DRAW = "chain", "draw"
BIOME, LAYER, PROFILE = "biome", "layer", "profile"
STANDARD_LAYER, COVARIATE, MODE, THETA = "standard_layer", "covariate", "mode", "theta"

VARIABLES = {
    # parameters of the turnover model
    "alpha": Variable("ln yr-1", "ln k of the typical biome at the reference depth"),
    "beta": Variable("1", "slope of ln k on the depth basis, typical biome"),
    "gamma": Variable("1", "effect of one standard deviation of a covariate on ln k"),
    "a_biome": Variable("ln yr-1", "ln k of a biome at the reference depth"),
    "s_biome": Variable("1", "slope of ln k on the depth basis in a biome"),
    "eta_profile": Variable("ln yr-1", "ln k of a profile at the reference depth"),
    "sigma_biome": Variable("1", "standard deviation of ln k between biomes"),
    "sigma_slope": Variable("1", "standard deviation of the depth slope between biomes"),
    "sigma_profile": Variable("1", "standard deviation of ln k between profiles of a biome"),
    "tau": Variable("1", "standard deviation of ln k between layers of a profile"),
    # observations and predictions
    "delta14c": Variable("per mil", "Δ14C of bulk soil carbon"),
    "delta14c_sd": Variable(
        "per mil", "scale of the Student-t error of Δ14C, model error included"
    ),
    "k": Variable("yr-1", "decay rate of bulk soil carbon"),
    "c_age": Variable("yr", "turnover time of bulk soil carbon, 1/k"),
    "n_modes": Variable("1", "number of solutions (modes) of the posterior of ln k"),
    "mode_mass": Variable("1", "posterior mass of a solution"),
    "mode_c_age": Variable("yr", "median turnover time within a solution"),
    # layer description
    "top_cm": Variable("cm", "top of the layer below the top of the mineral soil"),
    "bottom_cm": Variable("cm", "bottom of the layer below the top of the mineral soil"),
    "sample_year": Variable("year", "calendar year of sampling"),
    "lat": Variable("degrees_north", "latitude"),
    "lon": Variable("degrees_east", "longitude"),
    "mat": Variable("degC", "mean annual temperature"),
    "map": Variable("mm yr-1", "mean annual precipitation"),
    "depth_cm": Variable("cm", "middle of the layer below the top of the mineral soil"),
    "row": Variable("1", "data row of the layer in its file"),
    "entry": Variable("1", "data set of the layer"),
    "site": Variable("1", "site of the layer"),
    "zone": Variable("1", "atmospheric zone of Hua et al. (2021)"),
    "sample_time": Variable("year", "moment of sampling, decimal calendar year"),
    "profile_index": Variable("1", "position of the layer's profile, from 0"),
    "biome_index": Variable("1", "position of the layer's biome, from 0"),
    "profile_biome_index": Variable("1", "position of the profile's biome, from 0"),
    "covariates": Variable("1", "standardised covariates of the profile"),
    "biome_covariates": Variable("1", "mean standardised covariates of the biome's profiles"),
    "n_layers": Variable("1", "layers with data in the biome"),
    "n_profiles": Variable("1", "profiles with data in the biome"),
    # biomes by depth
    "k_typical": Variable("yr-1", "decay rate at the typical (median) site of a biome"),
    "k_mean": Variable("yr-1", "mean decay rate over the sites of a biome"),
    "c_age_typical": Variable("yr", "turnover time at the typical (median) site of a biome"),
    "c_age_mean": Variable("yr", "mean turnover time over the sites of a biome"),
    # grid and atmosphere
    "theta": Variable("ln yr-1", "grid of ln k"),
    "year": Variable("year", "decimal calendar year of the atmospheric curve"),
    "atmosphere_delta14c": Variable("per mil", "Δ14C of the carbon that enters the soil"),
    "extrapolated_from": Variable("year", "last year of the atmospheric record"),
    # sampler
    "diverging": Variable("1", "whether the trajectory diverged"),
    "energy": Variable("1", "Hamiltonian energy"),
    "tree_depth": Variable("1", "depth of the trajectory's tree"),
    "n_steps": Variable("1", "leapfrog steps of the trajectory"),
    "step_size": Variable("1", "step size of the leapfrog integrator"),
    "acceptance_rate": Variable("1", "mean acceptance of the trajectory"),
    "lp": Variable("1", "log density of the draw on the unconstrained scale"),
}


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

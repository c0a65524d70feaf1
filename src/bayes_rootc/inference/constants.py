"""What a run stores beside its draws: layers, profiles, biomes, grid and atmosphere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.assemble import LayerLikelihood, Problem
from bayes_rootc.models.design import Index
from bayes_rootc.radiocarbon.atmosphere import ZONES, Atmosphere, load_atmosphere
from bayes_rootc.units import Floats

CURVE_STEP_YEARS = 1.0 / 12.0
CURVE_START = 1935.0


def constant_data(problem: Problem) -> xr.Dataset:
    """Description of layers, profiles, biomes, the grid of ln k and the atmosphere."""
    design = problem.design
    place = np.array([BIOME_KEYS.index(key) for key in design.biomes])
    data = layer_constants(problem, design.profiles, design.profile, place[design.biome])
    return data.assign(
        covariates=(("profile", "covariate"), design.covariates),
        biome_covariates=(("biome", "covariate"), biome_covariates(problem)[0]),
    ).assign_coords(covariate=list(design.covariate_names))


def layer_constants(
    likelihood: LayerLikelihood, profiles: tuple[str, ...], profile: Index, profile_biome: Index
) -> xr.Dataset:
    """Describe layers, profiles, biomes, the grid of ln k and the atmosphere of any model.

    Parameters
    ----------
    likelihood : LayerLikelihood
    profiles : tuple of str, length P
    profile : ndarray of int, shape (N,)
        Profile of each layer.
    profile_biome : ndarray of int, shape (P,)
        Biome of each profile, 0 to 8.
    """
    layers = likelihood.layers
    layer_biome = profile_biome[profile]
    count = len(BIOME_KEYS)
    years = np.arange(CURVE_START, 2027.0 + 1e-9, CURVE_STEP_YEARS)
    curves = [_atmosphere(likelihood, zone) for zone in ZONES]
    along_layer = {
        name: ("layer", layers[name].to_numpy())
        for name in ("row", "lat", "lon", "top_cm", "bottom_cm", "sample_year")
    } | {
        name: ("layer", layers[name].astype(str).to_numpy(dtype=object))
        for name in ("entry", "site")
    }
    return xr.Dataset(
        {
            **along_layer,
            "profile_index": ("layer", profile),
            "biome_index": ("layer", layer_biome),
            "depth_cm": ("layer", (layers["top_cm"] + layers["bottom_cm"]).to_numpy() / 2.0),
            "sample_time": ("layer", likelihood.time),
            "zone": ("layer", likelihood.zone.astype(object)),
            "delta14c_sd": ("layer", likelihood.scale),
            "profile_biome_index": ("profile", profile_biome),
            "n_layers": ("biome", np.bincount(layer_biome, minlength=count)),
            "n_profiles": ("biome", np.bincount(profile_biome, minlength=count)),
            "theta": ("theta", likelihood.table.theta),
            "year": ("atm_year", years),
            "atmosphere_delta14c": (
                ("atm_zone", "atm_year"), np.stack([curve.at(years) for curve in curves]),
            ),
            "extrapolated_from": ("atm_zone", [curve.extrapolated_from for curve in curves]),
        },
        {
            "profile": list(profiles),
            "biome": list(BIOME_KEYS),
            "atm_zone": list(ZONES),
        },
    )  # fmt: skip


def biome_covariates(problem: Problem) -> tuple[Floats, Floats]:
    """Mean and covariance of the covariates of the profiles within each of the nine biomes."""
    place = np.array([BIOME_KEYS.index(key) for key in problem.design.biomes])
    return biome_moments(problem.design.covariates, place[problem.design.biome])


def biome_moments(values: Floats, biome: Index) -> tuple[Floats, Floats]:
    """Mean and covariance of covariates within each of the nine biomes.

    A biome without rows takes the mean of all (0, as they are standardised), and their covariance.

    Parameters
    ----------
    values : ndarray, shape (R, C)
    biome : ndarray of int, shape (R,)
        0 to 8.

    Returns
    -------
    mean : ndarray, shape (9, C)
    covariance : ndarray, shape (9, C, C)
    """
    n = values.shape[1]
    mean = np.zeros((len(BIOME_KEYS), n))
    overall = (
        np.atleast_2d(np.cov(values, rowvar=False, ddof=0)) if len(values) > 1 else np.zeros((n, n))
    )
    covariance = np.broadcast_to(overall.reshape(n, n), (len(BIOME_KEYS), n, n)).copy()
    for index in np.unique(biome):
        here = values[biome == index]
        mean[index] = here.mean(axis=0)
        centred = here - mean[index]
        covariance[index] = centred.T @ centred / len(here)
    return mean, covariance


def atmosphere_sources(likelihood: LayerLikelihood) -> set[str]:
    """Name the curves that the layers of a problem have seen."""
    return {_atmosphere(likelihood, str(zone)).source for zone in pd.unique(likelihood.zone)}


def _atmosphere(likelihood: LayerLikelihood, zone: str) -> Atmosphere:
    received = likelihood.received
    return load_atmosphere(
        zone, received.folder, received.initial, received.prebomb_delta14c, received.lag
    )

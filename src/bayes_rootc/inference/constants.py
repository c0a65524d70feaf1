"""What a run stores beside its draws: layers, profiles, biomes, grid and atmosphere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.assemble import Problem
from bayes_rootc.radiocarbon.atmosphere import ZONES, Atmosphere, load_atmosphere
from bayes_rootc.units import Floats

CURVE_STEP_YEARS = 1.0 / 12.0
CURVE_START = 1935.0


def constant_data(problem: Problem) -> xr.Dataset:
    """Description of layers, profiles, biomes, the grid of ln k and the atmosphere."""
    layers, design = problem.layers, problem.design
    place = np.array([BIOME_KEYS.index(key) for key in design.biomes])
    profile_biome = place[design.biome]
    layer_biome = profile_biome[design.profile]
    count = len(BIOME_KEYS)
    years = np.arange(CURVE_START, 2027.0 + 1e-9, CURVE_STEP_YEARS)
    curves = [_atmosphere(problem, zone) for zone in ZONES]
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
            "profile_index": ("layer", design.profile),
            "biome_index": ("layer", layer_biome),
            "depth_cm": ("layer", (layers["top_cm"] + layers["bottom_cm"]).to_numpy() / 2.0),
            "sample_time": ("layer", problem.time),
            "zone": ("layer", problem.zone.astype(object)),
            "delta14c_sd": ("layer", problem.scale),
            "profile_biome_index": ("profile", profile_biome),
            "covariates": (("profile", "covariate"), design.covariates),
            "n_layers": ("biome", np.bincount(layer_biome, minlength=count)),
            "n_profiles": ("biome", np.bincount(profile_biome, minlength=count)),
            "biome_covariates": (("biome", "covariate"), biome_covariates(problem)[0]),
            "theta": ("theta", problem.table.theta),
            "year": ("atm_year", years),
            "atmosphere_delta14c": (
                ("atm_zone", "atm_year"), np.stack([curve.at(years) for curve in curves]),
            ),
            "extrapolated_from": ("atm_zone", [curve.extrapolated_from for curve in curves]),
        },
        {
            "profile": list(design.profiles),
            "biome": list(BIOME_KEYS),
            "covariate": list(design.covariate_names),
            "atm_zone": list(ZONES),
        },
    )  # fmt: skip


def biome_covariates(problem: Problem) -> tuple[Floats, Floats]:
    """Mean and covariance of the covariates within each of the nine biomes.

    A biome without profiles takes the mean of all (0), and their covariance.
    """
    values = problem.design.covariates
    n = values.shape[1]
    mean = np.zeros((len(BIOME_KEYS), n))
    overall = (
        np.atleast_2d(np.cov(values, rowvar=False, ddof=0)) if len(values) > 1 else np.zeros((n, n))
    )
    covariance = np.broadcast_to(overall.reshape(n, n), (len(BIOME_KEYS), n, n)).copy()
    for index, key in enumerate(problem.design.biomes):
        here = values[problem.design.biome == index]
        place = BIOME_KEYS.index(key)
        mean[place] = here.mean(axis=0)
        centred = here - mean[place]
        covariance[place] = centred.T @ centred / len(here)
    return mean, covariance


def atmosphere_sources(problem: Problem) -> set[str]:
    """Name the curves that the layers of a problem have seen."""
    return {_atmosphere(problem, str(zone)).source for zone in pd.unique(problem.zone)}


def _atmosphere(problem: Problem, zone: str) -> Atmosphere:
    received = problem.received
    return load_atmosphere(
        zone, received.folder, received.initial, received.prebomb_delta14c, received.lag
    )

"""What a run of a flow model stores beside its draws: tables, sites, places, components."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.inference.constants import layer_constants
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.units import MG_PER_HA

COUNT_NAMES = {
    "k": "n_profiles", "rho": "n_density_profiles", "bnpp": "n_bnpp_sites",
    "f_bnpp": "n_f_bnpp_sites", "d50": "n_root_sites",
}  # fmt: skip
"""Quantity → how the number of its groups with data in a biome is stored."""


def flow_constants(problem: FlowProblem) -> xr.Dataset:
    """Describe layers, sites, places and components of a problem."""
    places, sites, components = problem.inputs.places, problem.sites, problem.components
    data: dict[str, Any] = {
        "place_lat": ("place", places["lat"].to_numpy(float)),
        "place_lon": ("place", places["lon"].to_numpy(float)),
        "components": (("place", "component"), problem.scores),
        "gridded_npp": (
            "place", MG_PER_HA * places[problem.spec.covariates.npp].to_numpy(float),
        ),
        "component_loadings": (("component", "variable"), components.loadings),
        "component_variance": ("component", components.variance),
        "component_group": ("component", np.array(components.groups, dtype=object)),
        "variable_mean": ("variable", components.mean),
        "variable_sd": ("variable", components.sd),
        **{COUNT_NAMES[name]: ("biome", count) for name, count in problem.counts.items()},
    }  # fmt: skip
    coords: dict[str, Any] = {
        "place": list(places["place"]),
        "component": list(components.names),
        "variable": list(components.variables),
        "biome": list(BIOME_KEYS),
    }
    data |= _of_layers(problem)
    if problem.npp_sites.size:
        chosen = problem.npp_sites
        data["npp_site_biome_index"] = ("npp_site", sites.biome[chosen])
        data["npp_site_place_index"] = ("npp_site", sites.place[chosen])
        coords["npp_site"] = [sites.label[i] for i in chosen]
    if "d50" in problem.records:
        roots, table = problem.records["d50"], problem.inputs.tables["roots"].table
        data["root_biome_index"] = ("root_profile", sites.biome[roots.site])
        data["root_place_index"] = ("root_profile", sites.place[roots.site])
        for name in ("d50_cm", "d95_cm"):
            data[name] = ("root_profile", table[name].to_numpy(float)[roots.row])
        data["n_root_profiles"] = (
            "biome", np.bincount(sites.biome[roots.site], minlength=len(BIOME_KEYS)),
        )  # fmt: skip
        coords["root_profile"] = [str(row) for row in table["row"].to_numpy()[roots.row]]
    return xr.Dataset(data, coords).merge(_layer_description(problem), compat="override")


def _layer_description(problem: FlowProblem) -> xr.Dataset:
    if problem.likelihood is None or problem.rows is None:
        return xr.Dataset()
    rows = problem.rows
    biome = problem.sites.biome[rows.profile_site]
    described = layer_constants(problem.likelihood, rows.profiles, rows.profile, biome)
    return described.drop_vars("n_profiles") if "k" in problem.counts else described


def _of_layers(problem: FlowProblem) -> dict[str, Any]:
    """Place of every profile, and what is known of the density of every layer."""
    rows, density = problem.rows, problem.density
    if rows is None:
        return {}
    sites, layers = problem.sites, problem.inputs.tables["layers"].table
    found: dict[str, Any] = {
        "profile_place_index": ("profile", sites.place[rows.profile_site]),
        "profile_biome_index": ("profile", sites.biome[rows.profile_site]),
    }
    if density is not None:
        found |= {
            name: ("layer", layers[name].to_numpy(float))
            for name in ("pct_c", "bulk_density", "coarse")
        }
        biome = sites.biome[rows.profile_site][rows.profile[density.layer]]
        found["n_densities"] = ("biome", np.bincount(biome, minlength=len(BIOME_KEYS)))
    return found


def observed_data(problem: FlowProblem) -> xr.Dataset:
    """Return the observations on the scale of the model."""
    data: dict[str, Any] = {}
    if problem.likelihood is not None:
        data["delta14c"] = ("layer", problem.likelihood.layers["delta14c"].to_numpy(float))
    for name, records in problem.records.items():
        data[f"{name}_observed"] = (f"{name}_record", records.y)
    return xr.Dataset(data)

"""What is learned and from what: targets and predictors of the sites and layers of a joint run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.models.design import Index
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.units import Floats
from bayes_rootc.variables import CHAIN, DRAW_KEPT

REFERENCE_THICKNESS_CM = 10.0
"""Of the layer about the reference depth for which prior means are predicted."""

QUANTITY = {"ln_k": "k", "ln_rho": "rho", "i_root": "bnpp", "f_bnpp": "f_bnpp"}
"""Target → the quantity of the joint model whose prior mean it gives."""


def learning_tables(
    problem: FlowProblem, derived: xr.Dataset, targets: tuple[str, ...]
) -> dict[str, LearningTable]:
    """Make the table of each target.

    Parameters
    ----------
    problem : FlowProblem
        Of the run.
    derived : Dataset
        Group of the run: ``k`` and ``rho`` of layers, with their draws.
    targets : tuple of str
        Of :data:`bayes_rootc.spec.learning.TARGETS`.

    Returns
    -------
    dict
        ``i_root`` and ``f_bnpp``: one row a site, the mean of its records (ln Mg C ha-1 yr-1,
        logit). ``ln_k`` (ln yr-1), ``ln_rho`` (ln Mg C ha-1 cm-1) and ``i_bulk`` (ln Mg C ha-1
        yr-1): one row a layer, posterior medians, weighted by their precision.

    Raises
    ------
    DataError
        If the run lacks what a target needs.
    """
    return {name: TABLES[name](name, problem, derived) for name in targets}


def place_features(problem: FlowProblem, place: Index, biome: Index) -> pd.DataFrame:
    """Predictors of sites: biome, every grid variable of the model, gridded NPP, place by place."""
    section = problem.spec.covariates
    names = [*dict.fromkeys([*(n for g in section.groups.values() for n in g), section.npp])]
    frame = problem.inputs.places[names].iloc[place].reset_index(drop=True).astype(float)
    return frame.assign(biome=[BIOME_KEYS[b] for b in biome])


def reference_features(problem: FlowProblem) -> pd.DataFrame:
    """Predictors of every place at the reference depth; of several biomes there, the first."""
    sites = problem.sites
    known, first = np.unique(sites.place, return_index=True)
    assert len(known) == len(problem.inputs.places)  # a place is one because a table names it
    frame = place_features(problem, sites.place[first], sites.biome[first])
    middle = problem.reference_depth_cm
    half = min(REFERENCE_THICKNESS_CM / 2.0, middle)
    return with_depths(frame, middle - half, middle + half)


def with_depths(features: pd.DataFrame, top_cm: Any, bottom_cm: Any) -> pd.DataFrame:
    """Predictors of layers: depth and thickness.

    Top and bottom say the same, but are nearly one column: of such a pair one goes, and with it
    the thickness, to which uptake is proportional.
    """
    thickness = np.asarray(bottom_cm, float) - np.asarray(top_cm, float)
    return features.assign(top_cm=top_cm, thickness_cm=thickness)


def layer_features(problem: FlowProblem) -> pd.DataFrame:
    """Predictors of every layer: those of its site, and its depths."""
    rows = problem.rows
    assert rows is not None
    layers = problem.inputs.tables["layers"].table
    site = rows.profile_site[rows.profile]
    features = place_features(problem, problem.sites.place[site], problem.sites.biome[site])
    top, bottom = (layers[name].to_numpy(float) for name in ("top_cm", "bottom_cm"))
    return with_depths(features, top, bottom)


def _site_table(name: str, problem: FlowProblem, derived: xr.Dataset) -> LearningTable:
    del derived
    records = problem.records.get(QUANTITY[name])
    if records is None:
        raise DataError(f"the run has no block {QUANTITY[name]}, which the target {name} needs")
    site = np.unique(records.site)
    y = pd.Series(records.y).groupby(records.site).mean().to_numpy(float)
    place, biome = problem.sites.place[site], problem.sites.biome[site]
    return _table(
        name, problem, place, features=place_features(problem, place, biome),
        y=np.asarray(y, np.float64),
        weight=np.ones(len(y)), group=np.array(problem.sites.label)[site],
        natural="expit" if name == "f_bnpp" else "exp",
    )  # fmt: skip


def _layer_table(name: str, problem: FlowProblem, derived: xr.Dataset) -> LearningTable:
    rows = problem.rows
    lacking = [key for key in LAYER_TARGETS[name][0] if key not in derived]
    if rows is None or lacking:
        raise DataError(f"the run has no {', '.join(lacking)} of layers, which {name} needs")
    layers = problem.inputs.tables["layers"].table
    found = {
        key: derived[key].transpose(CHAIN, DRAW_KEPT, "layer").to_numpy().reshape(-1, len(layers))
        for key in LAYER_TARGETS[name][0]
    }
    thickness = (layers["bottom_cm"] - layers["top_cm"]).to_numpy(float)
    draws = LAYER_TARGETS[name][1](found, thickness)
    variance = draws.var(axis=0)
    site = rows.profile_site[rows.profile]
    # No layer counts more than twice a typical one: what differs between layers is not its error.
    weight = 1.0 / (variance + np.median(variance))
    return _table(
        name, problem, problem.sites.place[site], features=layer_features(problem),
        y=np.median(draws, axis=0), weight=weight / weight.mean(),
        group=np.array(rows.profiles)[rows.profile], natural="exp",
    )  # fmt: skip


def _table(
    name: str, problem: FlowProblem, place: Index, *, features: pd.DataFrame, y: Floats,
    weight: Floats, group: NDArray[np.str_], natural: str,
) -> LearningTable:  # fmt: skip
    places = problem.inputs.places.iloc[place]
    return LearningTable(
        name=name, features=features, y=y.astype(float), weight=weight,
        group=group, lat=places["lat"].to_numpy(float),
        lon=places["lon"].to_numpy(float), natural=natural,
    )  # fmt: skip


LAYER_TARGETS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Floats], Floats], Floats]]] = {
    "ln_k": (("k",), lambda found, _: np.log(found["k"])),
    "ln_rho": (("rho",), lambda found, _: np.log(found["rho"])),
    "i_bulk": (
        ("k", "rho"),
        lambda found, thickness: np.log(found["k"].astype(float) * found["rho"] * thickness),
    ),
}
"""Target of layers → what it needs of the run, and how it follows, shape (S, N)."""

TABLES = {
    "i_root": _site_table, "f_bnpp": _site_table,
    "i_bulk": _layer_table, "ln_k": _layer_table, "ln_rho": _layer_table,
}  # fmt: skip

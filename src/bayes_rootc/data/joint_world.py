"""The joint simulated world: layers, production and roots that obey the flow model exactly.

Quantities, hierarchy and names are those of :mod:`bayes_rootc.models.flow`; the components are
learned on the simulated places as a fit learns them, so that the truth is on the scale of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.data.components import Components, learn_components
from bayes_rootc.data.inputs import TABLE_OF, Inputs, join_tables
from bayes_rootc.data.layers import build_layers
from bayes_rootc.data.table_data import TableData, table_hash
from bayes_rootc.data.world import ORDINARY, measure, refuse_too_small
from bayes_rootc.data.world_places import (
    mapped_places,
    place_names,
    sampled_layers,
    sampled_records,
)
from bayes_rootc.data.world_truth import draw_truth, population_of
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOME_KEYS, BIOMES, depth_basis
from bayes_rootc.spec.joint import FlowModel
from bayes_rootc.spec.load import load_turnover
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats

DEFAULT_EMPTY = (("npp", 5), ("npp", 7), ("npp", 8), ("npp", 9))
"""Biomes in which the real table has no BNPP."""

BULK_MISSING, CARBON_MISSING, NPP_MISSING = 0.65, 0.08, 0.04
"""Shares of the layers without bulk density, without % C, of the records without NPP."""

STREAMS = (
    "layers", "npp", "roots", "places", "truth",
    "k", "rho", "delta14c", "npp_values", "roots_values",
)  # fmt: skip
"""Each part has its own random numbers: a block alone and the joint model share sites."""

SITE = ["place", "biome"]
"""Columns that together name a site."""

WHAT = {"layers": "layers", "npp": "records of NPP", "roots": "root profiles"}
"""Table → what its rows are."""


@dataclass(frozen=True)
class _World:
    """What all quantities need to know."""

    truth: dict[str, Any]
    components: Components
    places: pd.DataFrame

    def level(self, name: str, frame: pd.DataFrame) -> Floats:
        """Level of a quantity where each row lies: a_b + x · slopes_b."""
        truth, names = self.truth, self.components.names
        a = np.array([truth[f"a_{name}"][key] for key in BIOME_KEYS])
        slopes = [[truth[f"slopes_{name}"][key][c] for c in names] for key in BIOME_KEYS]
        biome = frame["biome"].to_numpy(int) - 1
        position = pd.Index(self.places["place"]).get_indexer(pd.Index(place_names(frame)))
        x = self.components.apply(self.places)[position]
        by_biome = np.array(slopes).reshape(len(BIOME_KEYS), len(names))[biome]
        return np.asarray(a[biome] + (by_biome * x).sum(axis=1))

    def of_biome(self, name: str, frame: pd.DataFrame) -> Floats:
        """Value of the biome of each row."""
        values = np.array([self.truth[name][key] for key in BIOME_KEYS])
        return np.asarray(values[frame["biome"].to_numpy(int) - 1])

    def shared(
        self, rng: np.random.Generator, name: str, groups: pd.Series | pd.DataFrame
    ) -> Floats:
        """Draw the effect, N(0, truth[name]), that the rows of a group share."""
        keys = pd.MultiIndex.from_frame(pd.DataFrame(groups))
        code, known = pd.factorize(keys)
        return np.asarray(self.truth[name] * rng.standard_normal(len(known))[code])


def simulate_inputs(
    spec: FlowModel,
    n_layers: int = 600,
    seed: int = 1,
    truth: Mapping[str, Any] | None = None,
    empty: tuple[tuple[str, int], ...] = DEFAULT_EMPTY,
) -> Inputs:
    """Simulate the tables that the blocks of a model need, of known truth.

    Parameters
    ----------
    spec : FlowModel
        Blocks, covariates and selection of layers. Without a turnover block Δ14C follows the
        packaged turnover model, and carbon density does not depend on k.
    n_layers : int
        About this many layers, 10 or more; a profile has five on average. NPP records and root
        profiles are a fifth as many each, 10 at least.
    seed : int
        Same seed, same world.
    truth : mapping, optional
        Population parameters that differ from :data:`~bayes_rootc.data.world_truth.DEFAULT_TRUTH`;
        ``gamma_k`` and its like map components (those not named get 0), or are drawn;
        ``biome_correlation`` is a matrix over :data:`bayes_rootc.variables.EFFECTS`.
    empty : tuple of pairs (table, biome number)
        Biomes that a table (``layers``, ``npp``, ``roots``) lacks.

    Returns
    -------
    Inputs
        ``truth`` holds population parameters, effects and slopes of the biomes by the names of
        :data:`bayes_rootc.variables.VARIABLES`.

    Raises
    ------
    DataError
        If the world is too small, ``truth`` or ``empty`` name what does not exist, or the truth
        gives a carbon content or bulk density that no soil has.
    """
    refuse_too_small(n_layers)
    lacking = _lacking(empty)
    blocks = {block.model: block for block in spec.blocks}
    population = population_of({} if truth is None else truth)
    if not {"turnover", "stock"} <= set(blocks):
        population.pop("kappa")  # a regression of one block on the other
    rng = dict(zip(STREAMS, np.random.default_rng(seed).spawn(len(STREAMS)), strict=True))
    frames: dict[str, pd.DataFrame] = {}
    for name in dict.fromkeys(TABLE_OF[block] for block in TABLE_OF if block in blocks):
        if name == "layers":
            frames[name] = sampled_layers(rng[name], n_layers, lacking[name])
        else:
            frames[name] = sampled_records(rng[name], name, n_layers, lacking[name])
    places = mapped_places(rng["places"], list(frames.values()), spec.covariates)
    components = learn_components(places, spec.covariates)
    known = draw_truth(rng["truth"], population, components.names)
    world = _World(known, components, places)
    sizes = ", ".join(f"{len(frame)} {WHAT[name]}" for name, frame in frames.items())
    origin = f"simulated world, seed {seed}, {sizes}"
    tables = {}
    for name, frame in frames.items():
        if name == "layers":
            tables[name] = _layers(rng, spec, world, frame, origin)
        else:
            table = SITE_TABLES[name](rng[f"{name}_values"], world, frame)
            tables[name] = _table_data(table, WHAT[name], origin, known)
    return join_tables(tables, places, None, origin=origin, truth=known)


def _lacking(empty: tuple[tuple[str, int], ...]) -> dict[str, tuple[int, ...]]:
    """Table → its biomes without data."""
    for table, number in empty:
        if table not in WHAT or number not in BIOMES:
            raise DataError(
                f"empty = {(table, number)!r} is wrong; it must be a table of {', '.join(WHAT)} "
                "and a biome from 1 to 9"
            )
    lacking = {name: tuple(sorted({b for table, b in empty if table == name})) for name in WHAT}
    for name, biomes in lacking.items():
        if len(biomes) == len(BIOMES):
            raise DataError(f"empty leaves {name} without any biome; it must leave one or more")
    return lacking


def _layers(
    rng: Mapping[str, np.random.Generator],
    spec: FlowModel,
    world: _World,
    layers: pd.DataFrame,
    origin: str,
) -> TableData:
    blocks: dict[str, Any] = {block.model: block for block in spec.blocks}
    turnover = blocks.get("turnover") or load_turnover(find_model("turnover"))
    assert isinstance(turnover, TurnoverSpec)
    owner = blocks.get("stock", turnover)
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    depth = depth_basis(middle, owner.model_options.reference_depth_cm)
    layers = layers.assign(place=place_names(layers))
    noise = rng["k"].standard_normal(len(layers))
    deviation = world.shared(rng["k"], "sigma_place_k", layers[SITE])
    deviation = deviation + world.shared(rng["k"], "sigma_profile_k", layers["profile"])
    theta = world.level("k", layers) + deviation + world.of_biome("s_k", layers) * depth
    theta = theta + world.truth["tau_k"] * noise
    measured, reported = measure(rng["delta14c"], turnover, layers, theta)
    carbon, bulk = _densities(rng["rho"], world, layers, deviation, depth)
    raw = layers.drop(columns=["profile_index", "place"]).assign(
        delta14c=measured, delta14c_err=reported, pct_c=carbon, bulk_density=bulk, **ORDINARY
    )
    return build_layers(
        raw,
        source="simulated",
        origin=origin,
        format="simulated",
        select=spec.data.layers,
        truth=world.truth,
    )


def _densities(
    rng: np.random.Generator,
    world: _World,
    layers: pd.DataFrame,
    deviation: Floats,
    depth: Floats,
) -> tuple[Floats, Floats]:
    """Draw % C and bulk density of layers, some missing; their product is the carbon density."""
    truth, n = world.truth, len(layers)
    ln_rho = world.level("rho", layers) + truth.get("kappa", 0.0) * deviation
    ln_rho = ln_rho + world.shared(rng, "sigma_place_rho", layers[SITE])
    ln_rho = ln_rho + world.shared(rng, "sigma_profile_rho", layers["profile"])
    ln_rho = ln_rho + world.of_biome("s_rho", layers) * depth
    ln_rho = ln_rho + truth["tau_rho"] * rng.standard_normal(n)
    ln_bulk = truth["bd_intercept"] + truth["bd_slope"] * ln_rho + truth["bd_depth"] * depth
    ln_bulk = ln_bulk + truth["tau_bd"] * rng.standard_normal(n)
    carbon = np.where(rng.random(n) < CARBON_MISSING, np.nan, np.exp(ln_rho - ln_bulk))
    bulk = np.where(rng.random(n) < BULK_MISSING, np.nan, np.exp(ln_bulk))
    return carbon, bulk


def _residual(rng: np.random.Generator, world: _World, name: str, records: pd.DataFrame) -> Floats:
    """Draw the deviation of records from the level: their site's, and their own."""
    between = world.shared(rng, f"sigma_place_{name}", records[SITE])
    return np.asarray(between + world.truth[f"tau_{name}"] * rng.standard_normal(len(records)))


def _npp(rng: np.random.Generator, world: _World, records: pd.DataFrame) -> pd.DataFrame:
    bnpp = np.exp(world.level("bnpp", records) + _residual(rng, world, "bnpp", records))
    logit = world.level("f_bnpp", records) + _residual(rng, world, "f_bnpp", records)
    npp = bnpp * (1.0 + np.exp(-logit))
    npp[rng.random(len(records)) < NPP_MISSING] = np.nan
    return records[["row", "site"]].assign(
        contributor="simulated",
        **{name: records[name] for name in ("place", "lat", "lon", "biome")},
        bnpp=bnpp,
        npp=npp,
    )


def _roots(rng: np.random.Generator, world: _World, records: pd.DataFrame) -> pd.DataFrame:
    deviation = _residual(rng, world, "d50", records)
    d50 = np.exp(world.level("d50", records) + deviation)
    ratio = world.of_biome("a_ratio", records) + world.truth["ratio_d50"] * deviation
    ratio = ratio + _residual(rng, world, "ratio", records)
    return records.assign(
        d50_cm=d50,
        d95_cm=d50 * np.exp(np.exp(ratio)),
        sampled_depth_cm=rng.integers(4, 21, len(records)) * 10.0,
    )


SITE_TABLES = {"npp": _npp, "roots": _roots}
"""Table → what fills it in where its records are."""


def _table_data(table: pd.DataFrame, what: str, origin: str, truth: dict[str, Any]) -> TableData:
    return TableData(
        table=table,
        source="simulated",
        origin=origin,
        format=what,
        n_read=len(table),
        drops=(),
        implausible=table.iloc[:0],
        data_hash=table_hash(table),
        truth=truth,
    )

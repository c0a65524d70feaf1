"""What is derived from draws: by label, for biomes with and without data, against known draws."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.data.table_data import TableData
from bayes_rootc.data.world import simulate_world
from bayes_rootc.inference.derive import build_tree
from bayes_rootc.inference.sampling import STATISTICS, Draws
from bayes_rootc.layers import BIOME_KEYS, BIOMES
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.spec.turnover import TurnoverSpec

EMPTY = (2, 7)
EMPTY_KEYS = tuple(BIOMES[number].key for number in EMPTY)
SHAPE = (2, 400)
POPULATION = {
    "alpha": -6.4,
    "beta": -1.3,
    "sigma_biome": 0.4,
    "sigma_slope": 0.2,
    "sigma_profile": 0.7,
    "tau": 0.5,
}
GAMMA = (0.6, -0.3)


def intercept(key: str) -> float:
    """Known intercept of a biome, another for each."""
    return -7.0 + 0.1 * BIOME_KEYS.index(key)


def slope(key: str) -> float:
    """Known slope of a biome, another for each."""
    return -1.0 - 0.05 * BIOME_KEYS.index(key)


@pytest.fixture(scope="module")
def world(short_spec: TurnoverSpec) -> TableData:
    return simulate_world(short_spec, 120, seed=6, empty_biomes=EMPTY)


@pytest.fixture(scope="module")
def problem(short_spec: TurnoverSpec, world: TableData) -> Problem:
    return assemble(short_spec, world)


def known_draws(problem: Problem) -> Draws:
    """Draws that are the same everywhere, with dimensions but no labels, as the sampler's are."""
    design = problem.design
    population = {name: (("chain", "draw"), np.full(SHAPE, v)) for name, v in POPULATION.items()}
    effects = {
        "gamma": ("covariate", GAMMA),
        "a_biome": ("biome", [intercept(key) for key in design.biomes]),
        "s_biome": ("biome", [slope(key) for key in design.biomes]),
        "eta_profile": ("profile", np.linspace(-7.0, -6.0, len(design.profiles))),
    }
    wide = {
        name: (("chain", "draw", dim), np.broadcast_to(values, (*SHAPE, len(values))).copy())
        for name, (dim, values) in effects.items()
    }
    coords = {"chain": np.arange(SHAPE[0]), "draw": np.arange(SHAPE[1])}
    statistics = {name: (("chain", "draw"), np.zeros(SHAPE)) for name in STATISTICS.values()}
    return Draws(
        posterior=xr.Dataset(population | wide, coords),
        sample_stats=xr.Dataset(statistics, coords),
        complete=True,
        seconds=1.0,
    )


def certificate(spec: TurnoverSpec, layers: TableData) -> dict[str, Any]:
    """What a run knows of its origin when it begins."""
    return {
        "status": "sampling",
        "model": spec.model,
        "spec": dump_spec(spec),
        "spec_hash": spec_hash(spec),
        "data_hash": layers.data_hash,
        "atmosphere_hash": "0" * 64,
        "version": "0",
        "engines": {},
        "seed": spec.sampler.seed,
        "created": "2026-01-01T00:00:00+00:00",
        "source": layers.source,
        "origin": layers.origin,
        "data_format": layers.format,
        "n_read": layers.n_read,
        "drops": [asdict(drop) for drop in layers.drops],
        "implausible": layers.implausible.to_dict(orient="records"),
        "notes": list(layers.notes),
        "truth": layers.truth,
    }


@pytest.fixture(scope="module")
def tree(short_spec: TurnoverSpec, world: TableData, problem: Problem) -> xr.DataTree:
    return build_tree(short_spec, problem, known_draws(problem), certificate(short_spec, world))


@pytest.mark.parametrize("key", [key for key in BIOME_KEYS if key not in EMPTY_KEYS])
def test_effects_of_observed_biomes_stay_with_their_label(tree: xr.DataTree, key: str) -> None:
    posterior = tree["posterior"].to_dataset()
    assert posterior["a_biome"].sel(biome=key).to_numpy() == pytest.approx(intercept(key))
    assert posterior["s_biome"].sel(biome=key).to_numpy() == pytest.approx(slope(key))


@pytest.mark.parametrize("key", EMPTY_KEYS)
@pytest.mark.parametrize(
    ("effect", "centre", "spread"),
    [("a_biome", "alpha", "sigma_biome"), ("s_biome", "beta", "sigma_slope")],
)
def test_empty_biomes_come_from_the_population(
    tree: xr.DataTree, key: str, effect: str, centre: str, spread: str
) -> None:
    draws = tree["posterior"][effect].sel(biome=key).to_numpy().ravel()
    n, sd = draws.size, POPULATION[spread]
    assert draws.mean() == pytest.approx(POPULATION[centre], abs=4 * sd / np.sqrt(n))
    assert draws.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * n))


def test_empty_biomes_are_drawn_apart(tree: xr.DataTree) -> None:
    first, second = (tree["posterior"]["a_biome"].sel(biome=key) for key in EMPTY_KEYS)
    together = np.corrcoef(first.to_numpy().ravel(), second.to_numpy().ravel())[0, 1]
    assert abs(together) < 4 / np.sqrt(SHAPE[0] * SHAPE[1])


def test_layers_and_profiles_are_counted_by_biome(tree: xr.DataTree, world: TableData) -> None:
    constant = tree["constant_data"].to_dataset()
    for number, biome in BIOMES.items():
        here = world.table[world.table["biome"] == number]
        counted = constant.sel(biome=biome.key)
        assert int(counted["n_layers"]) == len(here)
        assert int(counted["n_profiles"]) == here["profile"].nunique()
    assert int(constant["n_layers"].sum()) == len(world.table)


def of_profiles(problem: Problem, key: str) -> np.ndarray:
    """Standardised covariates of the profiles of a biome, found by their names."""
    of_layer = problem.layers.set_index("profile")["biome"]
    biome = of_layer[~of_layer.index.duplicated()]
    number = next(n for n, b in BIOMES.items() if b.key == key)
    index = pd.Index(problem.design.profiles)
    return problem.design.covariates[index.isin(biome[biome == number].index)]


@pytest.mark.parametrize("key", ["temperate_forests", "croplands"])
def test_typical_and_mean_turnover_of_a_biome_by_hand(
    tree: xr.DataTree, short_spec: TurnoverSpec, problem: Problem, key: str
) -> None:
    reference = short_spec.model_options.reference_depth_cm
    here = of_profiles(problem, key)
    assert len(here) > 1
    # The layer of 40-60 cm, by its middle; climate at the mean of the biome.
    depth = np.log((1 + 50 / 10) / (1 + reference / 10))
    middle = intercept(key) + here.mean(axis=0) @ GAMMA + slope(key) * depth
    # Climate differs between sites of the biome by its (population) variance along gamma.
    climate = np.var(here @ GAMMA)
    assert climate > 0
    variance = POPULATION["sigma_profile"] ** 2 + POPULATION["tau"] ** 2 + climate
    derived = tree["derived"].to_dataset().sel(biome=key, standard_layer="40-60")
    expected = {
        "k_typical": np.exp(middle),
        "c_age_typical": np.exp(-middle),
        "k_mean": np.exp(middle + variance / 2),
        "c_age_mean": np.exp(-middle + variance / 2),
    }
    for name, value in expected.items():
        assert derived[name].to_numpy() == pytest.approx(value, rel=1e-4), name


def test_draws_are_labelled_and_the_origin_goes_along(
    tree: xr.DataTree, world: TableData, problem: Problem
) -> None:
    posterior = tree["posterior"].to_dataset()
    assert posterior["biome"].to_numpy().tolist() == list(BIOME_KEYS)
    assert posterior["profile"].to_numpy().tolist() == list(problem.design.profiles)
    assert posterior["gamma"].sel(covariate="map").to_numpy() == pytest.approx(GAMMA[1])
    assert (tree.attrs["source"], tree.attrs["status"]) == ("simulated", "complete")
    assert (tree.attrs["data_hash"], tree.attrs["draws"]) == (world.data_hash, SHAPE[1])

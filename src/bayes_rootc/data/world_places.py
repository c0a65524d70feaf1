"""Where the joint simulated world was sampled, and what the covariate grid says there.

Numbers of records a place and shares of biomes follow the real tables in the large.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_rootc.data.site_table import place_id
from bayes_rootc.data.world import LAYERS_A_PROFILE, draw_layers, draw_profiles
from bayes_rootc.layers import BIOMES
from bayes_rootc.spec.joint import CovariatesSection
from bayes_rootc.units import Floats

SHARES = {
    "npp": {1: 84, 2: 17, 3: 305, 4: 92, 5: 10, 6: 107, 7: 10, 8: 10, 9: 10},
    "roots": {1: 105, 2: 54, 3: 140, 4: 110, 5: 25, 6: 39, 7: 23, 8: 49, 9: 19},
}
"""Table → weight of each biome: records of the real one, 10 where that has none."""

RECORDS_A_LAYER = {"npp": 0.20, "roots": 0.20}
PLACES_A_LAYER = {"npp": 0.12, "roots": 0.11}
LEAST_RECORDS = 10

SHARED_SITES = 0.4
"""Share of the sites of layers that hold two or three profiles."""

NPP_OF_BIOME = {1: 1100, 2: 650, 3: 650, 4: 420, 5: 450, 6: 400, 7: 220, 8: 200, 9: 600}
"""Gridded NPP in the middle of a biome, g C m-2 yr-1."""

NOT_MAPPED = 0.02
"""Share of the places without a value of a grid variable."""


def sampled_layers(rng: np.random.Generator, n_layers: int, empty: tuple[int, ...]) -> pd.DataFrame:
    """Draw layers whose profiles share sites: 40 % of the sites hold two or three.

    Returns
    -------
    DataFrame
        Of :func:`bayes_rootc.data.world.draw_layers`, with mat, map, and a site a place.
    """
    n = max(2, round(n_layers / LAYERS_A_PROFILE))
    sizes = np.where(rng.random(n) < SHARED_SITES, rng.integers(2, 4, n), 1)
    last = int(np.searchsorted(np.cumsum(sizes), n))
    sizes = sizes[: last + 1]
    sizes[last] -= sizes.sum() - n
    site = np.repeat(np.arange(len(sizes)), sizes)
    profiles = draw_profiles(rng, len(sizes), empty).iloc[site].reset_index(drop=True)
    layers = draw_layers(rng, profiles, n_layers)
    index = layers["profile_index"].to_numpy(int)
    return layers.assign(
        site=[f"site {number + 1:03d}" for number in site[index]],
        mat=profiles["mat"].to_numpy(float)[index],
        map=profiles["map"].to_numpy(float)[index],
        biome=layers["biome"].astype("int64"),
    )


def sampled_records(
    rng: np.random.Generator, table: str, n_layers: int, empty: tuple[int, ...]
) -> pd.DataFrame:
    """Draw where the records of a site table are: one or more a place.

    Parameters
    ----------
    rng : Generator
    table : {"npp", "roots"}
    n_layers : int
        Size of the world: both tables grow with it.
    empty : tuple of int
        Biomes without records.

    Returns
    -------
    DataFrame
        row, site, place, lat, lon, biome.
    """
    n = max(LEAST_RECORDS, round(RECORDS_A_LAYER[table] * n_layers))
    n_places = min(n, max(LEAST_RECORDS, round(PLACES_A_LAYER[table] * n_layers)))
    sites = draw_profiles(rng, n_places, empty, SHARES[table])
    counts = 1 + rng.multinomial(n - n_places, rng.dirichlet(np.full(n_places, 0.7)))
    index = np.repeat(np.arange(n_places), counts)
    chosen = sites.iloc[index].reset_index(drop=True)
    return pd.DataFrame(
        {
            "row": np.arange(1, n + 1),
            "site": [f"{table} site {number + 1:03d}" for number in index],
            "place": place_names(chosen),
            "lat": chosen["lat"],
            "lon": chosen["lon"],
            "biome": chosen["biome"].astype("int64"),
        }
    )


def place_names(frame: pd.DataFrame) -> list[str]:
    """Place of each row."""
    return [place_id(lat, lon) for lat, lon in zip(frame["lat"], frame["lon"], strict=True)]


def mapped_places(
    rng: np.random.Generator, frames: list[pd.DataFrame], section: CovariatesSection
) -> pd.DataFrame:
    """Lay a covariate grid under all places.

    In each group a few latent factors, which differ between biomes, drive all variables.

    Parameters
    ----------
    rng : Generator
    frames : list of DataFrame
        Whatever was sampled: lat, lon, biome.
    section : CovariatesSection
        Variables wanted.

    Returns
    -------
    DataFrame
        As :attr:`bayes_rootc.data.inputs.Inputs.places`: place, lat, lon, distance_km and the
        variables, a few missing.
    """
    sampled = pd.concat([frame[["lat", "lon", "biome"]] for frame in frames], ignore_index=True)
    found = sampled.assign(place=place_names(sampled)).drop_duplicates("place")
    found = found.sort_values("place").reset_index(drop=True)
    n, biome = len(found), found["biome"].to_numpy(int) - 1
    values = {
        name: column
        for names in section.groups.values()
        for name, column in zip(names, _group(rng, biome, len(names)).T, strict=True)
    }
    for name, column in values.items():
        values[name] = np.exp(2.0 + 0.5 * column) if name in section.log else 10.0 + 4.0 * column
    typical = np.array([NPP_OF_BIOME[number] for number in BIOMES], float)
    values[section.npp] = typical[biome] * np.exp(0.15 * rng.standard_normal(n))
    for column in values.values():
        column[rng.random(n) < NOT_MAPPED] = np.nan
    position = [name.split() for name in found["place"]]
    return pd.DataFrame(
        {
            "place": found["place"],
            "lat": [float(lat) for lat, _ in position],
            "lon": [float(lon) for _, lon in position],
            "distance_km": rng.uniform(0.0, 30.0, n).round(1),
            **values,
        }
    )


def _group(rng: np.random.Generator, biome: np.ndarray, n_variables: int) -> Floats:
    """Draw variables of one group at places, about standardised, shape (n, n_variables)."""
    n_factors = 2 + n_variables // 10
    middle = 0.7 * rng.standard_normal((len(BIOMES), n_factors))
    factors = middle[biome] + 0.7 * rng.standard_normal((len(biome), n_factors))
    weights = rng.standard_normal((n_factors, n_variables))
    weights /= np.sqrt((weights**2).sum(axis=0))
    noise = 0.4 * rng.standard_normal((len(biome), n_variables))
    return np.asarray(factors @ weights + noise)

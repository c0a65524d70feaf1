"""The simulated example world: layers of known truth, shaped like the real data.

Biomes, numbers of layers a profile, depths, years and gaps follow what the compilation of He et
al. (2016) shows in the large; no value of it is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.data.covariates import profile_covariates
from bayes_rootc.data.layers import build_layers
from bayes_rootc.data.mixture import mixture_of
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOME_KEYS, BIOMES, depth_basis
from bayes_rootc.radiocarbon import measurement
from bayes_rootc.radiocarbon.atmosphere import sample_time, zone_of_latitude
from bayes_rootc.radiocarbon.table import Input, build_mixtures, error_scale, theta_grid
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats

DEFAULT_TRUTH: dict[str, Any] = {
    "alpha": -6.5,
    "beta": -1.5,
    "gamma": {"mat": 0.5, "map": -0.1},
    "sigma_biome": 0.5,
    "sigma_slope": 0.3,
    "sigma_profile": 0.8,
    "tau": 0.6,
}
"""Close to what the real data say, so that the example behaves as the real fit does."""

BULK_MISSING, CARBON_MISSING = 0.65, 0.1
"""Shares of the layers without bulk density and without % C."""

LEAST_LAYERS = 10
LAYERS_A_PROFILE = 5.0

ORDINARY = dict.fromkeys(("organic", "peat", "unpublished", "duplicate"), False)
"""What a layer can be that leaves it out."""


@dataclass(frozen=True)
class Climate:
    """Where a biome lies and what its climate is, roughly: share of profiles, ranges."""

    share: float
    latitude: tuple[float, float]
    mat: tuple[float, float]
    map: tuple[float, float]


CLIMATES = {
    1: Climate(0.13, (-20.0, 20.0), (19.0, 28.0), (1300.0, 3200.0)),
    2: Climate(0.08, (-25.0, 22.0), (18.0, 28.0), (450.0, 1400.0)),
    3: Climate(0.30, (32.0, 55.0), (4.0, 16.0), (600.0, 1700.0)),
    4: Climate(0.18, (32.0, 52.0), (1.0, 15.0), (250.0, 800.0)),
    5: Climate(0.06, (-38.0, 42.0), (8.0, 18.0), (300.0, 900.0)),
    6: Climate(0.06, (52.0, 68.0), (-6.0, 4.0), (300.0, 800.0)),
    7: Climate(0.02, (64.0, 76.0), (-14.0, -3.0), (120.0, 400.0)),
    8: Climate(0.01, (18.0, 38.0), (12.0, 26.0), (60.0, 250.0)),
    9: Climate(0.16, (28.0, 54.0), (6.0, 20.0), (450.0, 1400.0)),
}


def simulate_world(
    spec: TurnoverSpec,
    n_layers: int = 900,
    seed: int = 1,
    truth: Mapping[str, Any] | None = None,
    empty_biomes: tuple[int, ...] = (),
) -> TableData:
    """Simulate layers of known truth.

    Parameters
    ----------
    spec : TurnoverSpec
        Likelihood constants, atmosphere, structure (a sampled shape is the prior median) and
        covariates; the world obeys the model.
    n_layers : int
        About this many layers, 10 or more; profiles have five on average.
    seed : int
        Same seed, same world.
    truth : mapping, optional
        Population parameters; :data:`DEFAULT_TRUTH` by default. ``gamma`` maps covariates.
    empty_biomes : tuple of int
        Biomes without profiles.

    Returns
    -------
    TableData
        ``truth`` holds the population parameters and the effects of the biomes (and the shape of a
        structure that has one). Percent C and
        bulk density, with gaps, only look like real ones: no parameter of ``truth`` is in them.

    Raises
    ------
    DataError
        If the world is too small.
    """
    refuse_too_small(n_layers)
    rng = np.random.default_rng(seed)
    truth = dict(DEFAULT_TRUTH if truth is None else truth)
    profiles = draw_profiles(rng, max(2, round(n_layers / LAYERS_A_PROFILE)), empty_biomes)
    layers = draw_layers(rng, profiles, n_layers)
    complete = truth | _biome_effects(rng, truth)
    if spec.structure.name != "one_pool":
        complete["shape"] = mixture_of(spec.structure).shape
    theta = _ln_k(rng, spec, profiles, layers, complete)
    layers["delta14c"], layers["delta14c_err"] = measure(rng, spec, layers, theta)
    profiles.loc[rng.random(len(profiles)) < 0.03, ["mat", "map"]] = np.nan
    for name in ("mat", "map"):
        layers[name] = layers["profile_index"].map(profiles[name])
    # Random numbers of their own: a world has the same Δ14C with and without them.
    carbon, bulk = _densities(rng.spawn(1)[0], layers, spec.model_options.reference_depth_cm)
    raw = layers.drop(columns="profile_index").assign(pct_c=carbon, bulk_density=bulk, **ORDINARY)
    origin = f"simulated world, seed {seed}, {len(raw)} layers"
    return build_layers(
        raw, source="simulated", origin=origin, format="simulated", select=spec.data, truth=complete
    )


def refuse_too_small(n_layers: int) -> None:
    """Raise DataError if a world of so many layers has too few."""
    if n_layers < LEAST_LAYERS:
        raise DataError(f"n_layers = {n_layers} is too few; a world needs at least {LEAST_LAYERS}")


def draw_profiles(
    rng: np.random.Generator,
    n: int,
    empty: tuple[int, ...],
    shares: Mapping[int, float] | None = None,
) -> pd.DataFrame:
    """Draw places where something was sampled: biome, lat, lon, mat, map, sample_year.

    Parameters
    ----------
    rng : Generator
    n : int
        Rows.
    empty : tuple of int
        Biomes without any; not all nine.
    shares : mapping, optional
        Biome → its weight; by default that of :data:`CLIMATES`.
    """
    numbers = np.array([number for number in BIOMES if number not in empty])
    if shares is None:
        shares = {number: climate.share for number, climate in CLIMATES.items()}
    weights = np.array([shares[number] for number in numbers])
    # Every biome that is not empty has a profile, as long as there are enough.
    drawn = rng.choice(numbers, n, p=weights / weights.sum())
    biome = np.concatenate([numbers[:n], drawn])[:n]

    def within(name: str) -> Floats:
        low, high = np.array([getattr(CLIMATES[number], name) for number in biome]).T
        return np.asarray(low + (high - low) * rng.beta(2.0, 2.0, n))

    return pd.DataFrame(
        {
            "biome": biome,
            "lat": within("latitude").round(2),
            "lon": rng.uniform(-120.0, 140.0, n).round(2),
            "mat": within("mat").round(1),
            "map": within("map").round(0),
            # Most samples were taken between 1970 and 2010, some archived before the bomb.
            "sample_year": np.where(
                rng.random(n) < 0.03,
                rng.integers(1947, 1955, n),
                np.round(1960.0 + 52.0 * rng.beta(3.5, 1.8, n)),
            ),
        }
    )


def draw_layers(rng: np.random.Generator, profiles: pd.DataFrame, n_layers: int) -> pd.DataFrame:
    """Divide profiles (one row each) into so many layers, one or more each, from the surface."""
    n = len(profiles)
    counts = 1 + rng.multinomial(max(n_layers - n, 0), rng.dirichlet(np.full(n, 1.2)))
    tops, bottoms = [], []
    for count in counts:
        # Layers grow thicker downward; a profile stops at 200 cm at the latest.
        thickness = rng.lognormal(np.log(9.0), 0.35, count) * np.linspace(0.7, 1.8, count)
        edges = np.concatenate([[0.0], np.cumsum(thickness)])
        edges = np.round(edges * min(1.0, 200.0 / edges[-1]), 1)
        tops.append(edges[:-1])
        bottoms.append(edges[1:])
    index = np.repeat(np.arange(n), counts)
    one = profiles.iloc[index]
    return pd.DataFrame(
        {
            "row": np.arange(1, len(index) + 1),
            "entry": "simulated",
            "site": [f"site {number // 2 + 1}" for number in index],
            "profile": [f"profile {number + 1:04d}" for number in index],
            "profile_index": index,
            **{name: one[name].to_numpy(float) for name in ("lat", "lon", "biome", "sample_year")},
            "top_cm": np.concatenate(tops),
            "bottom_cm": np.concatenate(bottoms),
        }
    )


def _biome_effects(rng: np.random.Generator, truth: Mapping[str, Any]) -> dict[str, Any]:
    n = len(BIOME_KEYS)
    intercepts = truth["alpha"] + truth["sigma_biome"] * rng.standard_normal(n)
    slopes = truth["beta"] + truth["sigma_slope"] * rng.standard_normal(n)
    return {
        "a_biome": dict(zip(BIOME_KEYS, intercepts.tolist(), strict=True)),
        "s_biome": dict(zip(BIOME_KEYS, slopes.tolist(), strict=True)),
    }


def _ln_k(
    rng: np.random.Generator,
    spec: TurnoverSpec,
    profiles: pd.DataFrame,
    layers: pd.DataFrame,
    truth: Mapping[str, Any],
) -> Floats:
    """Draw ln k of every layer down the hierarchy of the model."""
    keys = [BIOMES[int(number)].key for number in profiles["biome"]]
    centre = np.array([truth["a_biome"][key] for key in keys])
    covariates = profile_covariates(profiles, spec.data.covariates)
    effects = np.array([truth["gamma"][name] for name in covariates.names])
    eta = centre + covariates.values @ effects
    eta = eta + truth["sigma_profile"] * rng.standard_normal(len(profiles))
    index = layers["profile_index"].to_numpy(int)
    slope = np.array([truth["s_biome"][key] for key in keys])[index]
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    depth = depth_basis(middle, spec.model_options.reference_depth_cm)
    return np.asarray(eta[index] + slope * depth + truth["tau"] * rng.standard_normal(len(layers)))


def _densities(
    rng: np.random.Generator, layers: pd.DataFrame, reference_depth_cm: float
) -> tuple[Floats, Floats]:
    """Draw % C and bulk density (g cm-3): normal logarithms about a line in the depth basis."""
    n = len(layers)
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    depth = depth_basis(middle, reference_depth_cm)
    carbon = np.exp(0.4 - 0.9 * depth + 0.5 * rng.standard_normal(n))
    bulk = np.exp(0.2 + 0.12 * depth + 0.12 * rng.standard_normal(n))
    # Those that no soil has are so rare that cutting them off shows nowhere.
    carbon, bulk = np.minimum(carbon, 55.0), np.minimum(bulk, 2.4)
    carbon[rng.random(n) < CARBON_MISSING] = np.nan
    bulk[rng.random(n) < BULK_MISSING] = np.nan
    return carbon, bulk


def measure(
    rng: np.random.Generator, spec: TurnoverSpec, layers: pd.DataFrame, theta: Floats
) -> tuple[Floats, Floats]:
    """Draw the Δ14C that a laboratory finds in layers of given ln k, and the error it reports.

    Parameters
    ----------
    rng : Generator
    spec : TurnoverSpec
        Likelihood and atmosphere.
    layers : DataFrame
        With lat and sample_year.
    theta : ndarray, shape (N,)
        ln k, ln yr-1.

    Returns
    -------
    delta14c, reported_error : ndarray, shape (N,)
        ‰; the error is NaN where none was reported.
    """
    like, section = spec.likelihood, spec.atmosphere
    n = len(layers)
    reported = np.where(rng.random(n) < 0.4, np.nan, rng.gamma(4.0, 1.5, n).round(1) + 0.5)
    scale = error_scale(reported, like.default_sd, like.floor_sd, like.model_sd)
    received = Input(None, section.initial, section.prebomb_delta14c, section.lag)
    table = build_mixtures(
        zone_of_latitude(layers["lat"]),
        sample_time(layers["sample_year"]),
        theta_grid(like.k_min, like.k_max, like.theta_step),
        [mixture_of(spec.structure)],
        received,
    )[0]
    measured = table.predict(theta) + measurement.draw(scale, like.student_t_df, (n,), rng)
    # Laboratories report no Δ14C below that of dead carbon.
    return np.maximum(measured, -1000.0).round(1), reported

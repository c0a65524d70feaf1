"""A small stored run made of plain NumPy draws, to the shape that the fit writes. No model."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS, STANDARD_EDGES_CM, STANDARD_LAYERS
from bayes_rootc.variables import VARIABLES

ZONES = ("NHZone1", "NHZone2", "NHZone3", "SHZone3", "SHZone12")
TRUTH: dict[str, Any] = {
    "alpha": -5.6,
    "beta": -0.9,
    "gamma": {"mat": 0.3, "map": -0.1},
    "sigma_biome": 0.5,
    "sigma_slope": 0.2,
    "sigma_profile": 0.6,
    "tau": 0.5,
    "a_biome": dict(
        zip(BIOME_KEYS, (-5.0, -5.2, -5.4, -5.6, -5.8, -6.0, -6.2, -6.0, -5.2), strict=True)
    ),
    "s_biome": dict(
        zip(BIOME_KEYS, (-0.8, -0.9, -1.0, -0.9, -0.8, -1.0, -0.9, -0.8, -0.9), strict=True)
    ),
}
DRIFT_OF_LAST_CHAIN = 0.6


def _values(name: str) -> Any:
    return np.array(list(TRUTH[name].values()))


def basis(depth_cm: Any) -> Any:
    """Depth basis with its zero at 20 cm."""
    return np.log1p(np.asarray(depth_cm) / 10.0) - np.log1p(2.0)


def _forward(ln_k: Any, year: Any) -> Any:
    # A caricature of the bomb curve: enough for ranges and signs that look like soil.
    k = np.exp(ln_k)
    bomb = 450.0 * k / (k + 0.02) * np.exp(-(np.asarray(year) - 1985.0) / 25.0)
    return np.clip((k / (k + 1 / 8267.0) - 1.0) * 1000.0 + bomb, -990.0, 700.0)


def _atmosphere(years: Any) -> Any:
    rise = np.clip((years - 1955.0) / 9.0, 0.0, 1.0)
    peak = np.array([900.0, 800.0, 700.0, 600.0, 650.0])[:, None]
    return peak * rise * np.exp(-np.clip(years - 1964.0, 0.0, None) / 17.0) - 5.0


def _layers(rng: np.random.Generator, n_profiles: int, empty_biome: int) -> dict[str, Any]:
    allowed = [index for index in range(9) if index != empty_biome]
    profile_biome = np.array([allowed[i % len(allowed)] for i in range(n_profiles)])
    n_per_profile = rng.integers(2, 7, n_profiles)
    profile = np.repeat(np.arange(n_profiles), n_per_profile)
    step = np.concatenate([np.arange(n) for n in n_per_profile])
    top = step * 25.0
    year = np.repeat(rng.integers(1962, 2019, n_profiles), n_per_profile).astype(float)
    return {
        "profile_biome": profile_biome,
        "profile": profile,
        "biome": profile_biome[profile],
        "top": top,
        "bottom": top + 15.0 + 10.0 * (step > 1),
        "year": year,
    }


def _scalars(rng: np.random.Generator, chains: int, draws: int, converged: bool) -> dict[str, Any]:
    values = {}
    for name in ("alpha", "beta", "sigma_biome", "sigma_slope", "sigma_profile", "tau"):
        values[name] = TRUTH[name] + 0.05 * rng.standard_normal((chains, draws))
        if not converged:
            values[name][-1] += DRIFT_OF_LAST_CHAIN
    return {name: (("chain", "draw"), value) for name, value in values.items()}


def _derived(rng: np.random.Generator, a: Any, s: Any, ln_k: Any, thin: Any) -> dict[str, Any]:
    middle = (np.array(STANDARD_EDGES_CM[1:]) + np.array(STANDARD_EDGES_CM[:-1])) / 2
    typical = a[..., None] + s[..., None] * basis(middle)
    place = ("chain", "draw", "biome", "standard_layer")
    n = ln_k.shape[-1]
    two = rng.random(n) < 0.3
    mass = np.where(two, rng.uniform(0.5, 0.98, n), 1.0)
    centre = np.exp(-ln_k.mean((0, 1)))
    kept = np.exp(ln_k[:, thin])
    derived = {
        "k": (("chain", "draw_kept", "layer"), kept),
        "c_age": (("chain", "draw_kept", "layer"), 1 / kept),
        "age_factor": (("chain", "draw_kept"), np.ones(kept.shape[:2])),
        "n_modes": (("layer",), np.where(two, 2, 1)),
        "mode_mass": (("layer", "mode"), np.stack([mass, np.where(two, 1 - mass, np.nan)], 1)),
        "mode_c_age": (
            ("layer", "mode"),
            np.stack([centre, np.where(two, centre / 8, np.nan)], 1),
        ),
        "k_typical": (place, np.exp(typical)),
        "k_mean": (place, np.exp(typical + 0.3)),
        "c_age_typical": (place, np.exp(-typical)),
        "c_age_mean": (place, np.exp(-typical + 0.3)),
    }
    return derived


def fake_run(
    *,
    n_profiles: int = 24,
    chains: int = 4,
    draws: int = 100,
    keep: int = 50,
    seed: int = 1,
    simulated: bool = False,
    partial: bool = False,
    converged: bool = True,
    site: str = "Harvard Forest",
    empty_biome: int = 7,
) -> xr.DataTree:
    """Build a stored run; ``keep`` draws per chain exist for quantities of layers."""
    rng = np.random.default_rng(seed)
    layers = _layers(rng, n_profiles, empty_biome)
    depth = (layers["top"] + layers["bottom"]) / 2
    n, dims = depth.size, ("chain", "draw")
    shape = (chains, draws)
    thin = np.unique(np.linspace(0, draws - 1, min(keep, draws)).round().astype(int))
    a = _values("a_biome") + 0.15 * rng.standard_normal((*shape, 9))
    s = _values("s_biome") + 0.08 * rng.standard_normal((*shape, 9))
    a[..., empty_biome] += 0.6 * rng.standard_normal(shape)
    eta_true = _values("a_biome")[layers["profile_biome"]]
    eta_true = eta_true + 0.6 * rng.standard_normal(n_profiles)
    eta = eta_true + 0.15 * rng.standard_normal((*shape, n_profiles))
    mu = eta[..., layers["profile"]] + s[..., layers["biome"]] * basis(depth)
    ln_k = mu + 0.5 * rng.standard_normal(mu.shape)
    theta = eta_true[layers["profile"]] - 0.9 * basis(depth) + 0.5 * rng.standard_normal(n)
    observed = np.clip(_forward(theta, layers["year"]) + 8 * rng.standard_normal(n), -990, 800)
    replicate = _forward(ln_k[:, thin], layers["year"])
    replicate = replicate + 8 * rng.standard_normal(replicate.shape)
    fitted = _forward(mu, layers["year"])
    years = np.arange(1935.0, 2027.0, 0.5)
    derived = _derived(rng, a, s, ln_k, thin)
    in_biome = np.bincount(layers["biome"], minlength=9)
    groups: dict[str, dict[str, Any]] = {
        "posterior": {
            **_scalars(rng, chains, draws, converged),
            "gamma": (
                (*dims, "covariate"),
                _values("gamma") + 0.05 * rng.standard_normal((*shape, 2)),
            ),
            "a_biome": ((*dims, "biome"), a),
            "s_biome": ((*dims, "biome"), s),
            "eta_profile": ((*dims, "profile"), eta),
        },
        "prior": {
            "alpha": (dims, -5.5 + 1.5 * rng.standard_normal((1, 2000))),
            "beta": (dims, -1.0 + rng.standard_normal((1, 2000))),
            "gamma": ((*dims, "covariate"), 0.5 * rng.standard_normal((1, 2000, 2))),
            **{
                name: (dims, np.abs(rng.standard_normal((1, 2000))) * sd)
                for name, sd in {"sigma_biome": 1, "sigma_slope": 0.5, "sigma_profile": 1}.items()
            },
            "tau": (dims, 0.6 * np.exp(0.4 * rng.standard_normal((1, 2000)))),
        },
        "prior_predictive": {"delta14c": ((*dims, "layer"), rng.uniform(-900, 300, (1, 200, n)))},
        "posterior_predictive": {"delta14c": (("chain", "draw_kept", "layer"), replicate)},
        "log_likelihood": {
            "delta14c": ((*dims, "layer"), -0.5 * ((observed - fitted) / 80.0) ** 2 - 5.3)
        },
        "sample_stats": {
            "diverging": (dims, np.zeros(shape, bool)),
            "energy": (dims, rng.normal(100, 5, shape)),
        },
        "observed_data": {"delta14c": (("layer",), observed)},
        "constant_data": {
            "row": (("layer",), np.arange(1, n + 1)),
            "entry": (("layer",), np.array([f"Entry_{p % 5}" for p in layers["profile"]])),
            "site": (("layer",), np.array([site] * n)),
            "profile_index": (("layer",), layers["profile"]),
            "biome_index": (("layer",), layers["biome"]),
            "lat": (("layer",), np.full(n, 42.5)),
            "lon": (("layer",), np.full(n, -72.2)),
            "top_cm": (("layer",), layers["top"]),
            "bottom_cm": (("layer",), layers["bottom"]),
            "depth_cm": (("layer",), depth),
            "sample_year": (("layer",), layers["year"]),
            "sample_time": (("layer",), layers["year"] + 0.5),
            "zone": (("layer",), np.array(ZONES)[layers["profile"] % 5]),
            "delta14c_sd": (("layer",), np.full(n, 10.0)),
            "profile_biome_index": (("profile",), layers["profile_biome"]),
            "covariates": (("profile", "covariate"), rng.standard_normal((n_profiles, 2))),
            "n_layers": (("biome",), in_biome),
            "n_profiles": (("biome",), np.bincount(layers["profile_biome"], minlength=9)),
            "biome_covariates": (("biome", "covariate"), rng.standard_normal((9, 2))),
            "theta": (("theta",), np.linspace(-13.8, 0.69, 50)),
            "year": (("atm_year",), years),
            "atmosphere_delta14c": (("atm_zone", "atm_year"), _atmosphere(years)),
            "extrapolated_from": (("atm_zone",), np.full(5, 2019.5)),
        },
        "derived": derived,
    }
    coords = {
        "chain": np.arange(chains),
        "draw": np.arange(draws),
        "draw_kept": thin,
        "biome": np.array(BIOME_KEYS),
        "standard_layer": np.array(STANDARD_LAYERS),
        "covariate": np.array(["mat", "map"]),
        "profile": np.array([f"{site} {p}" for p in range(n_profiles)]),
        "atm_zone": np.array(ZONES),
    }
    return xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs=_attributes(n, chains, draws, simulated, partial))}
        | {name: _dataset(content, coords) for name, content in groups.items()}
    )


def _dataset(content: dict[str, Any], coords: dict[str, Any]) -> xr.Dataset:
    data = xr.Dataset(content)
    for dim in data.dims:
        if dim in coords and data.sizes[dim] == len(coords[str(dim)]):
            data = data.assign_coords({dim: coords[str(dim)]})
    for name, array in data.data_vars.items():
        if name in VARIABLES:
            known = VARIABLES[str(name)]
            array.attrs.update(units=known.units, long_name=known.long_name)
    return data


def _attributes(
    n: int, chains: int, draws: int, simulated: bool, partial: bool
) -> dict[str, str | int]:
    drops = [
        {"reason": "peatland", "text": "peatland (keep with data.keep_peat)", "rows": [3, 9]},
        {"reason": "no_delta14c", "text": "no Δ14C <in the file>", "rows": [12]},
    ]
    attributes: dict[str, str | int] = {
        "spec_hash": "5" * 64,
        "data_hash": "d" * 64,
        "version": "0.1.0",
        "seed": 20260101,
        "spec": json.dumps({"model": "turnover"}),
        "source": "simulated" if simulated else "real",
        "origin": "simulated world, seed 1" if simulated else "tables/radiocarbon_layers.csv",
        "status": "partial" if partial else "complete",
        "created": "2026-02-03T04:05:06+00:00",
        "data_format": "simulated" if simulated else "tidy",
        "n_read": n + 3,
        "drops": json.dumps(drops),
        "chains": chains,
        "tune": 1000,
        "draws": draws,
        "draws_asked": 1000 if partial else draws,
        "engines": json.dumps({"pymc": "6.4.0"}),
        "notes": json.dumps(["Biomes of 3 profiles were guessed <from climate>"]),
        "truth": json.dumps(TRUTH if simulated else None),
        "atmosphere_source": "Hua et al. 2021",
        "initial": "constant",
    }
    return attributes


def fake_diagnostics(passed: bool = True) -> dict[str, Any]:
    """Return the gate's verdict as the fit stores it."""
    r_hat = 1.003 if passed else 1.73
    return {
        "passed": passed,
        "verdict": "converged" if passed else "R-hat of sigma_biome is 1.73, above 1.01",
        "checks": [
            {
                "name": "r_hat",
                "text": "largest R-hat",
                "threshold": 1.01,
                "value": r_hat,
                "worst": "sigma_biome",
                "passed": passed,
            },
            {
                "name": "ess_bulk",
                "text": "smallest bulk ESS",
                "threshold": 400.0,
                "value": 1676.0,
                "worst": "tau",
                "passed": True,
            },
        ],
        "r_hat_max": r_hat,
        "ess_bulk_min": 1676.0,
        "ess_tail_min": 1200.0,
        "divergences": 0,
        "e_bfmi_min": 0.9,
        "sampling_seconds": 68.0,
    }

"""A small stored run of the joint model made of plain NumPy draws. No model is fitted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS, depth_basis
from bayes_rootc.models.flows import biome_flows
from bayes_rootc.variables import EFFECTS, VARIABLES
from fake_run import _attributes, _forward

COMPONENTS = ("climate 1", "climate 2", "soil 1", "topography 1")
GRID_VARIABLES = ("bio01", "bio12", "vpd", "soil_clay", "soil_ph_cacl2", "elevation", "slope")
GROUPS = ("climate", "climate", "climate", "soil", "soil", "topography", "topography")
IN_GROUP = np.array([[name.startswith(group) for group in GROUPS] for name in COMPONENTS])
REFERENCE_CM = 20.0

# Biome effects, roughly as on real data: ln k, ln rho, ln BNPP, logit f_BNPP, ln D50.
CENTRES = {"k": -6.0, "rho": 0.2, "bnpp": 0.7, "f_bnpp": -0.2, "d50": 2.6}
BIOME_SPREADS = {"k": 0.5, "rho": 0.3, "bnpp": 0.4, "f_bnpp": 0.3, "d50": 0.3}
SLOPES = {
    "k": (0.5, -0.1, 0.1, 0.0),
    "rho": (-0.3, 0.1, 0.2, 0.05),
    "bnpp": (0.4, 0.1, 0.0, 0.0),
    "f_bnpp": (-0.2, 0.0, 0.1, 0.0),
    "d50": (-0.1, -0.1, 0.0, 0.0),
}
SCALARS = {
    "beta_k": -1.5, "beta_rho": -0.7, "sigma_slope_k": 0.3, "sigma_slope_rho": 0.2,
    "sigma_profile_k": 0.6, "sigma_profile_rho": 0.5, "tau_k": 0.6, "tau_rho": 0.4,
    "sigma_place_k": 0.4, "sigma_place_rho": 0.2, "kappa": -0.2,
    "bd_intercept": 0.2, "bd_slope": -0.2, "bd_depth": 0.1, "tau_bd": 0.2,
    "sigma_place_bnpp": 0.5, "tau_bnpp": 0.3, "sigma_place_f_bnpp": 0.4, "tau_f_bnpp": 0.3,
    "sigma_place_d50": 0.3, "tau_d50": 0.4, "alpha_ratio": 0.5, "sigma_biome_ratio": 0.1,
    "ratio_d50": -0.3, "sigma_place_ratio": 0.15, "tau_ratio": 0.2,
    **{f"alpha_{name}": value for name, value in CENTRES.items()},
    **{f"sigma_biome_{name}": value for name, value in BIOME_SPREADS.items()},
    **{f"sigma_gamma_{name}": 0.15 for name in EFFECTS},
}  # fmt: skip
WITHOUT_LAYERS = (8,)
WITHOUT_NPP = (5, 7, 8, 9)
WITHOUT_ROOTS = (9,)

SPEC = {
    "model": "joint",
    "blocks": [
        {"model": "turnover", "model_options": {"reference_depth_cm": REFERENCE_CM}},
        {"model": "stock", "model_options": {"reference_depth_cm": REFERENCE_CM}},
        *({"model": name} for name in ("bnpp", "f_bnpp", "roots")),
    ],
}

Arrays = dict[str, Any]


def fake_joint(
    *,
    n_profiles: int = 24,
    n_npp: int = 15,
    n_roots: int = 16,
    chains: int = 2,
    draws: int = 20,
    keep: int = 10,
    seed: int = 1,
    simulated: bool = False,
) -> xr.DataTree:
    """Build a stored joint run; ``keep`` draws per chain exist for layers and sites.

    Biomes 8 (layers), 5, 7, 8, 9 (NPP) and 9 (roots) have no data in a block; place 1 has no
    gridded NPP; some layers lack % C or bulk density; layers leave gaps and overlap.
    """
    rng = np.random.default_rng(seed)
    tables = {
        "profile": _biomes(n_profiles, WITHOUT_LAYERS),
        "npp_site": _biomes(n_npp, WITHOUT_NPP),
        "root_profile": _biomes(n_roots, WITHOUT_ROOTS),
    }
    places = _places(rng, sum(len(biome) for biome in tables.values()))
    first = np.cumsum([0, n_profiles, n_npp])
    place = {
        name: start + np.arange(len(biome))
        for start, (name, biome) in zip(first, tables.items(), strict=True)
    }
    posterior = _posterior(rng, (chains, draws))
    kept = np.unique(np.linspace(0, draws - 1, min(keep, draws)).round().astype(int))
    layers = _layers(rng, n_profiles)
    eta = _eta(rng, posterior, tables["profile"], places["components"][place["profile"]])
    derived, delta14c = _of_sites(
        rng,
        {name: value[:, kept] for name, value in posterior.items()},
        tables=tables,
        place=place,
        places=places,
        layers=layers,
        eta=eta[:, kept],
    )
    derived |= _of_biomes(posterior, tables, place, places["components"])
    groups: dict[str, Arrays] = {
        "posterior": {
            **{name: (_dims(name, value), value) for name, value in posterior.items()},
            "eta": (("chain", "draw", "profile"), eta),
        },
        "prior": _prior(rng),
        "sample_stats": {
            "diverging": (("chain", "draw"), np.zeros((chains, draws), bool)),
            "energy": (("chain", "draw"), rng.normal(100, 5, (chains, draws))),
        },
        "observed_data": {"delta14c": (("layer",), delta14c["observed"])},
        "posterior_predictive": {
            "delta14c": (("chain", "draw_kept", "layer"), delta14c["replicate"])
        },
        "log_likelihood": {
            "delta14c": (
                ("chain", "draw", "layer"),
                rng.normal(-5.5, 0.3, (*eta.shape[:2], len(layers["top"]))),
            )
        },
        "constant_data": _constant(rng, tables, place, places, layers),
        "derived": derived,
    }
    coords = {
        "chain": np.arange(chains),
        "draw": np.arange(draws),
        "draw_kept": kept,
        "biome": list(BIOME_KEYS),
        "component": list(COMPONENTS),
        "grid_component": list(COMPONENTS),
        "variable": list(GRID_VARIABLES),
        "effect": list(EFFECTS),
        "effect_other": list(EFFECTS),
        "standard_layer": list(STANDARD_LAYERS),
        "profile": [f"profile {i + 1:04d}" for i in range(n_profiles)],
        "place": places["label"],
        "root_profile": [str(i + 1) for i in range(n_roots)],
        "npp_site": [f"{places['label'][q]} {BIOME_KEYS[b]}" for q, b in
                     zip(place["npp_site"], tables["npp_site"], strict=True)],
    }  # fmt: skip
    attributes = _attributes(len(layers["top"]), chains, draws, simulated, False)
    attributes |= {"spec": json.dumps(SPEC), "model": "joint"}
    return xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs=attributes)}
        | {name: _dataset(content, coords) for name, content in groups.items()}
    )


def _dataset(content: Arrays, coords: Arrays) -> xr.Dataset:
    data = xr.Dataset(content)
    data = data.assign_coords({d: coords[str(d)] for d in data.dims if d in coords and
                               data.sizes[d] == len(coords[str(d)])})  # fmt: skip
    for name, array in data.data_vars.items():
        known = VARIABLES[str(name)]
        array.attrs.update(units=known.units, long_name=known.long_name)
    return data


def _dims(name: str, value: Any) -> tuple[str, ...]:
    if name == "biome_correlation":
        return ("chain", "draw", "effect", "effect_other")
    if name.startswith("gamma_"):
        return ("chain", "draw", "grid_component")
    return ("chain", "draw", "biome", "component")[: value.ndim]


def _biomes(n: int, without: tuple[int, ...]) -> Any:
    allowed = [index for index in range(9) if index + 1 not in without]
    return np.array([allowed[i % len(allowed)] for i in range(n)])


def _places(rng: np.random.Generator, n: int) -> Arrays:
    lat, lon = rng.uniform(-30, 65, n).round(2), rng.uniform(-120, 140, n).round(2)
    npp = rng.lognormal(1.6, 0.4, n)
    npp[1::20] = np.nan
    return {
        "label": [f"{y:.2f} {x:.2f}" for y, x in zip(lat, lon, strict=True)],
        "lat": lat,
        "lon": lon,
        "gridded_npp": npp,
        "components": rng.standard_normal((n, len(COMPONENTS))),
    }


def _posterior(rng: np.random.Generator, shape: tuple[int, int]) -> Arrays:
    def about(value: Any, spread: float) -> Any:
        value = np.asarray(value, float)
        return value + spread * rng.standard_normal((*shape, *value.shape))

    found: Arrays = {}
    for name, value in SCALARS.items():
        is_spread = name.startswith(("sigma_", "tau_"))
        noise = about(0.0, 0.1)
        found[name] = value * np.exp(noise) if is_spread else value + 0.05 * noise / 0.1
    for name, centre in CENTRES.items():
        effect = centre + BIOME_SPREADS[name] * rng.standard_normal(9)
        found[f"a_{name}"] = about(effect, 0.12)
        found[f"gamma_{name}"] = about(SLOPES[name], 0.05)
        slopes = np.array(SLOPES[name]) + 0.1 * rng.standard_normal((9, len(COMPONENTS)))
        found[f"slopes_{name}"] = about(slopes, 0.08)
    for name in ("k", "rho"):
        slopes = SCALARS[f"beta_{name}"] + 0.2 * rng.standard_normal(9)
        found[f"s_{name}"] = about(slopes, 0.08)
    found["a_ratio"] = about(np.full(9, SCALARS["alpha_ratio"]), 0.08)
    for name, without in (("a_bnpp", WITHOUT_NPP), ("a_f_bnpp", WITHOUT_NPP),
                          ("a_k", WITHOUT_LAYERS), ("a_rho", WITHOUT_LAYERS)):  # fmt: skip
        for number in without:
            found[name][..., number - 1] += 0.4 * rng.standard_normal(shape)
    vectors = rng.standard_normal((*shape, len(EFFECTS), 12))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    found["biome_correlation"] = vectors @ vectors.swapaxes(-1, -2)
    return found


def _layers(rng: np.random.Generator, n_profiles: int) -> Arrays:
    count = rng.integers(2, 7, n_profiles)
    profile = np.repeat(np.arange(n_profiles), count)
    step = np.concatenate([np.arange(n) for n in count])
    top = step * 25.0
    bottom = top + 15.0 + 10.0 * (step > 1)
    bottom[3::11] += 12.0  # overlaps the next layer, and the gaps between the others
    n = len(top)
    pct_c, bulk = rng.lognormal(0.0, 0.6, n), rng.normal(1.3, 0.15, n)
    pct_c[::9], bulk[::3] = np.nan, np.nan
    coarse = np.where(rng.random(n) < 0.5, np.nan, 0.1)
    return {
        "profile": profile,
        "top": top,
        "bottom": np.minimum(bottom, 200.0),
        "pct_c": pct_c,
        "bulk_density": bulk,
        "coarse": coarse,
        "year": np.repeat(rng.integers(1962, 2019, n_profiles), count).astype(float),
    }


def _level(posterior: Arrays, name: str, biome: Any, components: Any) -> Any:
    slopes = posterior[f"slopes_{name}"][..., biome, :]
    return posterior[f"a_{name}"][..., biome] + (slopes * components).sum(-1)


def _eta(rng: np.random.Generator, posterior: Arrays, biome: Any, components: Any) -> Any:
    level = _level(posterior, "k", biome, components)
    own = 0.6 * rng.standard_normal(len(biome))
    return level + own + 0.15 * rng.standard_normal(level.shape)


def _of_sites(
    rng: np.random.Generator,
    thin: Arrays,
    *,
    tables: Arrays,
    place: Arrays,
    places: Arrays,
    layers: Arrays,
    eta: Any,
) -> tuple[Arrays, Arrays]:
    biome, profile = tables["profile"], layers["profile"]
    depth = depth_basis((layers["top"] + layers["bottom"]) / 2.0, REFERENCE_CM)
    n = len(profile)
    noise = {name: 0.4 * rng.standard_normal(n) for name in ("k", "rho")}
    ln_k = eta[..., profile] + thin["s_k"][..., biome[profile]] * depth + noise["k"]
    ln_k = ln_k + 0.2 * rng.standard_normal(ln_k.shape)
    own = 0.4 * rng.standard_normal(len(biome))
    eta_rho = _level(thin, "rho", biome, places["components"][place["profile"]]) + own
    eta_rho = eta_rho + 0.1 * rng.standard_normal(eta_rho.shape)
    ln_rho = eta_rho[..., profile] + thin["s_rho"][..., biome[profile]] * depth + noise["rho"]
    ln_rho = ln_rho + np.where(np.isnan(layers["bulk_density"]), 0.2, 0.0) * rng.standard_normal(
        ln_rho.shape
    )
    site = tables["npp_site"]
    derived: Arrays = {
        "k": (("chain", "draw_kept", "layer"), np.exp(ln_k).astype(np.float32)),
        "rho": (("chain", "draw_kept", "layer"), np.exp(ln_rho).astype(np.float32)),
        "c_age": (("chain", "draw_kept", "layer"), np.exp(-ln_k).astype(np.float32)),
        "eta_rho": (("chain", "draw_kept", "profile"), eta_rho),
    }
    for name in ("bnpp", "f_bnpp"):
        value = _level(thin, name, site, places["components"][place["npp_site"]])
        value = value + 0.4 * rng.standard_normal(len(site))
        value = value + 0.15 * rng.standard_normal(value.shape)
        value = np.exp(value) if name == "bnpp" else 1.0 / (1.0 + np.exp(-value))
        derived[name] = (("chain", "draw_kept", "npp_site"), value)
    year = layers["year"]
    observed = np.clip(_forward(ln_k.mean((0, 1)), year) + 8 * rng.standard_normal(n), -990, 800)
    replicate = _forward(ln_k, year) + 8 * rng.standard_normal(ln_k.shape)
    return derived, {"observed": observed, "replicate": replicate}


def _of_biomes(posterior: Arrays, tables: Arrays, place: Arrays, components: Any) -> Arrays:
    biome = np.concatenate(list(tables.values()))
    scores = components[np.concatenate(list(place.values()))]
    mean = np.stack([scores[biome == b].mean(0) for b in range(9)])
    covariance = np.stack([np.cov(scores[biome == b].T, bias=True) for b in range(9)])
    shape = posterior["kappa"].shape
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in posterior.items()}
    flows = biome_flows(flat, mean, covariance, reference_cm=REFERENCE_CM)
    dims = ("chain", "draw", "biome", "standard_layer")
    return {
        name: (dims[: value.ndim + 1], value.reshape(*shape, *value.shape[1:]))
        for name, value in flows.items()
    }


def _prior(rng: np.random.Generator) -> Arrays:
    found: Arrays = {}
    for name, value in SCALARS.items():
        noise = rng.standard_normal((1, 500))
        is_spread = name.startswith(("sigma_", "tau_"))
        found[name] = (
            ("chain", "draw"),
            value * np.exp(0.5 * noise) if is_spread else value + noise,
        )
    return found


def _constant(
    rng: np.random.Generator, tables: Arrays, place: Arrays, places: Arrays, layers: Arrays
) -> Arrays:
    n, profile = len(layers["top"]), layers["profile"]
    biome = tables["profile"]
    d50 = rng.lognormal(2.6, 0.4, len(tables["root_profile"]))

    def counted(biome: Any) -> Any:
        return ("biome", np.bincount(biome, minlength=9))

    return {
        **{name: ("layer", layers[name]) for name in ("pct_c", "bulk_density", "coarse")},
        "row": ("layer", np.arange(1, n + 1)),
        "entry": ("layer", np.array([f"Entry_{p % 5}" for p in profile])),
        "site": ("layer", np.array(["Harvard Forest"] * n)),
        "profile_index": ("layer", profile),
        "biome_index": ("layer", biome[profile]),
        "top_cm": ("layer", layers["top"]),
        "bottom_cm": ("layer", layers["bottom"]),
        "depth_cm": ("layer", (layers["top"] + layers["bottom"]) / 2.0),
        "sample_year": ("layer", layers["year"]),
        "sample_time": ("layer", layers["year"] + 0.5),
        "zone": ("layer", np.array(["NHZone1", "SHZone3"])[profile % 2]),
        "delta14c_sd": ("layer", np.full(n, 10.0)),
        "profile_biome_index": ("profile", biome),
        "profile_place_index": ("profile", place["profile"]),
        "npp_site_biome_index": ("npp_site", tables["npp_site"]),
        "npp_site_place_index": ("npp_site", place["npp_site"]),
        "root_biome_index": ("root_profile", tables["root_profile"]),
        "root_place_index": ("root_profile", place["root_profile"]),
        "d50_cm": ("root_profile", d50),
        "d95_cm": ("root_profile", d50 * rng.uniform(3.0, 9.0, len(d50))),
        "lat": ("layer", places["lat"][place["profile"]][profile]),
        "lon": ("layer", places["lon"][place["profile"]][profile]),
        "place_lat": ("place", places["lat"]),
        "place_lon": ("place", places["lon"]),
        "gridded_npp": ("place", places["gridded_npp"]),
        "components": (("place", "component"), places["components"]),
        "n_layers": counted(biome[profile]),
        "n_densities": counted(biome[profile]),
        "n_profiles": counted(biome),
        "n_density_profiles": counted(biome),
        "n_root_sites": counted(tables["root_profile"]),
        "n_bnpp_sites": counted(tables["npp_site"]),
        "n_f_bnpp_sites": counted(tables["npp_site"]),
        "n_root_profiles": counted(tables["root_profile"]),
        "component_loadings": (
            ("component", "variable"),
            rng.uniform(-0.9, 0.9, (4, 7)) * IN_GROUP,
        ),
        "component_variance": ("component", np.array([2.1, 1.2, 1.4, 1.3])),
        "component_group": ("component", np.array([name.split()[0] for name in COMPONENTS])),
        "variable_mean": ("variable", rng.uniform(0, 10, len(GRID_VARIABLES))),
        "variable_sd": ("variable", rng.uniform(0.5, 3, len(GRID_VARIABLES))),
    }

"""What drives inputs and turnover: coefficients of the components by biome, and Bayesian R²."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS, depth_basis
from bayes_rootc.report.stored import (
    Floats,
    biome_name,
    draws_first,
    group,
    has,
    labels,
    reference_depth,
    variable,
)

DEPTH = "depth"
TYPICAL_BIOME = "typical biome"
R2_DRAWS = 400
"""Draws of the posterior that enter R², spread evenly; its Monte Carlo error is far below 0.01."""


@dataclass(frozen=True)
class Driven:
    """A quantity that components drive: the sum of one or more effects on their own scale.

    Attributes
    ----------
    title : str
    effects : tuple of str
        ln I_bulk per cm is ln k + ln rho, so its coefficients are the sums of theirs.
    has_depth : bool
    count : str
        Variable of constant_data that counts the data behind it in a biome.
    sites : str
        Dimension whose sites are fitted; ``layer`` for quantities that change with depth.
    """

    title: str
    effects: tuple[str, ...]
    has_depth: bool
    count: str
    sites: str


DRIVEN = {
    "i_root": Driven("ln I_root (BNPP)", ("bnpp",), False, "n_bnpp_sites", "npp_site"),
    "i_bulk": Driven("ln I_bulk (k · density)", ("k", "rho"), True, "n_profiles", "layer"),
    "k": Driven("ln k", ("k",), True, "n_profiles", "layer"),
    "rho": Driven("ln carbon density", ("rho",), True, "n_densities", "layer"),
    "f_bnpp": Driven("logit BNPP/NPP", ("f_bnpp",), False, "n_f_bnpp_sites", "npp_site"),
    "d50": Driven("ln D50 of roots", ("d50",), False, "n_root_profiles", "root_profile"),
}

_PLACE_OF = {
    "npp_site": ("npp_site_biome_index", "npp_site_place_index"),
    "root_profile": ("root_biome_index", "root_place_index"),
    "layer": ("profile_biome_index", "profile_place_index"),
}


def driven(run: xr.DataTree) -> dict[str, Driven]:
    """Quantities of a run that components drive."""
    return {
        name: record
        for name, record in DRIVEN.items()
        if has(run, *(f"posterior/slopes_{effect}" for effect in record.effects))
    }


def coefficients_table(run: xr.DataTree) -> pd.DataFrame:
    """Coefficients of the components by biome, with 95 % intervals.

    Returns
    -------
    DataFrame
        quantity, title, biome_key ("typical biome": the population's), biome, component ("depth":
        slope on the depth basis), mean, q025, q50, q975 (change on the quantity's log or logit
        scale by one unit of the component), holds_zero (the 95 % interval holds 0), n (data of
        the quantity in the biome), basis.
    """
    rows: list[dict[str, object]] = []
    for name, record in driven(run).items():
        counts = _counts(run, record.count)
        for biome, component, draws in _coefficients(run, record):
            low, middle, high = np.quantile(draws, (0.025, 0.5, 0.975))
            n = counts.get(biome, sum(counts.values()))
            rows.append(
                {
                    "quantity": name,
                    "title": record.title,
                    "biome_key": biome,
                    "biome": biome_name(biome),
                    "component": component,
                    "mean": float(draws.mean()),
                    "q025": float(low),
                    "q50": float(middle),
                    "q975": float(high),
                    "holds_zero": bool(low <= 0.0 <= high),
                    "n": int(n),
                    "basis": "data" if n else "from the population",
                }
            )
    return pd.DataFrame(rows)


def _counts(run: xr.DataTree, name: str) -> dict[str, int]:
    counts = variable(run, "constant_data", name, "biome").values.astype(int)
    return dict(zip(labels(group(run, "constant_data"), "biome"), counts.tolist(), strict=True))


def _coefficients(run: xr.DataTree, record: Driven) -> list[tuple[str, str, Floats]]:
    posterior = group(run, "posterior")
    components = labels(posterior, "component")
    slopes = _sum(run, "slopes", record, "biome", "component")
    typical = _sum(run, "gamma", record, "component")
    found = []
    for b, biome in enumerate(labels(posterior, "biome")):
        found += [(biome, name, slopes[:, b, c]) for c, name in enumerate(components)]
        if record.has_depth:
            found.append((biome, DEPTH, _sum(run, "s", record, "biome")[:, b]))
    found += [(TYPICAL_BIOME, name, typical[:, c]) for c, name in enumerate(components)]
    if record.has_depth:
        found.append((TYPICAL_BIOME, DEPTH, _sum(run, "beta", record)))
    return found


def _sum(run: xr.DataTree, letter: str, record: Driven, *dims: str) -> Floats:
    parts = [draws_first(run, "posterior", f"{letter}_{name}", *dims) for name in record.effects]
    return np.asarray(sum(parts[1:], parts[0]))


def loadings_table(run: xr.DataTree) -> pd.DataFrame:
    """Loadings of the variables on the components: component, group, variance, one column each."""
    data = group(run, "constant_data")
    loadings = variable(run, "constant_data", "component_loadings", "component", "variable")
    frame = pd.DataFrame(loadings.values, columns=labels(data, "variable"))
    frame.insert(0, "component", labels(data, "component"))
    frame.insert(1, "group", data["component_group"].values.astype(str))
    frame.insert(2, "variance", np.asarray(data["component_variance"], float))
    return frame


def r2_table(run: xr.DataTree) -> pd.DataFrame:
    """Bayesian R²: variance of the fit over that of the fit and the residuals [1]_.

    Returns
    -------
    DataFrame
        quantity, title, n, and for r2 (biome, components and depth) and r2_site (the site's own
        level too): median and ends of the 95 % interval.

    References
    ----------
    .. [1] gelman2019, Gelman et al. (2019), American Statistician 73, 307-309.
    """
    rows: list[dict[str, object]] = []
    for name, record in driven(run).items():
        if not has(run, *_needed_by_fit(record)):
            continue  # a block fitted alone may not say where its layers lie
        fit = _fit(run, record)
        between, within = (part[_chosen(run)] for part in _residual_variances(run, record))
        explained = fit.var(axis=1)
        total = explained + between + within
        row: dict[str, object] = {"quantity": name, "title": record.title, "n": fit.shape[1]}
        for key, values in (
            ("r2", explained / total),
            ("r2_site", (explained + between) / total),
        ):
            low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
            row |= {key: float(middle), f"{key}_q025": float(low), f"{key}_q975": float(high)}
        rows.append(row)
    return pd.DataFrame(rows)


def _chosen(run: xr.DataTree) -> Floats:
    sizes = group(run, "posterior").sizes
    n = sizes["chain"] * sizes["draw"]
    return np.unique(np.linspace(0, n - 1, min(n, R2_DRAWS)).round().astype(int))


def _needed_by_fit(record: Driven) -> list[str]:
    layers = ("profile_index", "depth_cm") if record.sites == "layer" else ()
    names = ("components", *_PLACE_OF[record.sites], *layers)
    return [f"constant_data/{name}" for name in names]


def _fit(run: xr.DataTree, record: Driven) -> Floats:
    """Level of every site or layer that biome, components and depth give, (draw, site)."""
    data, some = group(run, "constant_data"), _chosen(run)
    biome_name_, place_name = _PLACE_OF[record.sites]
    biome = variable(run, "constant_data", biome_name_).values.astype(int)
    place = variable(run, "constant_data", place_name).values.astype(int)
    if record.sites == "layer":
        profile = data["profile_index"].values.astype(int)
        biome, place = biome[profile], place[profile]
    scores = variable(run, "constant_data", "components", "place", "component").values[place]
    slopes = _sum(run, "slopes", record, "biome", "component")[some]
    fit = _sum(run, "a", record, "biome")[some][:, biome]
    for b in range(len(BIOME_KEYS)):
        mine = biome == b
        fit[:, mine] += slopes[:, b] @ scores[mine].T
    if record.has_depth:
        depth = depth_basis(variable(run, "constant_data", "depth_cm").values, reference_depth(run))
        fit += _sum(run, "s", record, "biome")[some][:, biome] * depth
    return np.asarray(fit)


def _residual_variances(run: xr.DataTree, record: Driven) -> tuple[Floats, Floats]:
    """Variance between the sites of a biome, and within them, by draw."""

    def square(name: str) -> Floats:
        here = has(run, f"posterior/{name}")
        return draws_first(run, "posterior", name) ** 2 if here else np.zeros(1)

    # A profile's own deviation of ln k moves its ln rho by kappa times as much.
    both = "k" in record.effects and "rho" in record.effects and has(run, "posterior/kappa")
    kappa = draws_first(run, "posterior", "kappa") if both else np.zeros(1)
    between, within = np.zeros(1), np.zeros(1)
    for name in record.effects:
        weight = (1.0 + kappa) ** 2 if name == "k" else 1.0
        own = square(f"sigma_place_{name}") + square(f"sigma_profile_{name}")
        between = between + weight * own
        within = within + square(f"tau_{name}")
    n = len(draws_first(run, "posterior", f"tau_{record.effects[0]}"))
    return np.broadcast_to(between, n), np.broadcast_to(within, n)

"""What drives inputs and turnover: coefficients of the components by biome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.report.stored import (
    Floats,
    biome_name,
    draws_first,
    group,
    has,
    labels,
    variable,
)
from bayes_rootc.variables import GRID_COMPONENT

DEPTH = "depth"
TYPICAL_BIOME = "typical biome"


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
    """

    title: str
    effects: tuple[str, ...]
    has_depth: bool
    count: str


DRIVEN = {
    "i_root": Driven("ln I_root (BNPP)", ("bnpp",), False, "n_bnpp_sites"),
    "i_bulk": Driven("ln I_bulk (k · density)", ("k", "rho"), True, "n_profiles"),
    "k": Driven("ln k", ("k",), True, "n_profiles"),
    "rho": Driven("ln carbon density", ("rho",), True, "n_densities"),
    "f_bnpp": Driven("logit BNPP/NPP", ("f_bnpp",), False, "n_f_bnpp_sites"),
    "d50": Driven("ln D50 of roots", ("d50",), False, "n_root_profiles"),
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
        slope on the depth basis), coefficient (posterior mean of the change on the quantity's log
        or logit scale by one unit of the component) with _q025, _q50, _q975,
        holds_zero (the 95 % interval holds 0), n (data of the quantity in the biome), basis.
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
                    "coefficient": float(draws.mean()),
                    "coefficient_q025": float(low),
                    "coefficient_q50": float(middle),
                    "coefficient_q975": float(high),
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
    components = labels(posterior, GRID_COMPONENT)  # a prior mean drives nothing
    slopes = _sum(run, "slopes", record, "biome", "component")
    typical = _sum(run, "gamma", record, GRID_COMPONENT)
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

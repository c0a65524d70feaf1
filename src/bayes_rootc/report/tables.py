"""Tables of a stored run: one function each, pandas in full precision, nothing fitted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats

from bayes_rootc.report.stored import (
    BIOME_PARAMETERS,
    Floats,
    Parameter,
    biome_name,
    draws_first,
    group,
    json_attribute,
    labels,
    layer_frame,
    parameters,
    population_names,
    variable,
)

FROM_DATA, FROM_TREND, FROM_POPULATION = "data", "depth trend", "from the population"
"""What a biome and standard layer rest on: layers at that depth; layers of the biome at other
depths; or no layer of the biome at all."""

QUANTITIES = ("c_age_typical", "c_age_mean", "k_typical", "k_mean")


def _diagnostic(draws: Floats, name: str, **options: Any) -> float:
    # Too few draws or a constant parameter have no R-hat: NaN is the answer, not a warning.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        function = getattr(array_stats, name)
        return float(function(draws, chain_axis=0, draw_axis=1, **options))


def summary(parameter: Parameter) -> dict[str, object]:
    """Summarise one parameter: mean, sd, quantiles, R-hat, ESS, and its truth (NaN: unknown)."""
    draws = parameter.draws
    low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95))
    return {
        "parameter": parameter.label,
        "unit": parameter.units,
        "meaning": parameter.meaning,
        "mean": float(draws.mean()),
        "sd": float(draws.std(ddof=1)) if draws.size > 1 else float("nan"),
        "q05": float(low),
        "q50": float(middle),
        "q95": float(high),
        "r_hat": _diagnostic(draws, "rhat"),
        "ess_bulk": _diagnostic(draws, "ess", method="bulk"),
        "ess_tail": _diagnostic(draws, "ess", method="tail", prob=(0.05, 0.95)),
        "truth": parameter.truth,
    }


def without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the column ``truth`` where nothing is known of it."""
    return frame.drop(columns="truth") if frame["truth"].isna().all() else frame


def population_table(run: xr.DataTree) -> pd.DataFrame:
    """Population parameters: mean, sd, 90 % interval, R-hat, ESS; ``truth`` if simulated."""
    return without_empty(pd.DataFrame([summary(p) for p in parameters(run, population_names(run))]))


def biome_table(run: xr.DataTree) -> pd.DataFrame:
    """Intercept and depth slope of each biome, with its number of layers and profiles."""
    counts = biome_counts(run)
    rows = []
    for parameter in parameters(run, BIOME_PARAMETERS):
        n = counts.loc[parameter.element]
        where = {"biome": biome_name(parameter.element), **n.to_dict()}
        where["basis"] = FROM_DATA if n["n_layers"] else FROM_POPULATION
        rows.append(where | summary(parameter))
    return without_empty(pd.DataFrame(rows))


def biome_counts(run: xr.DataTree) -> pd.DataFrame:
    """Layers and profiles of each biome, index: biome key."""
    counts = {
        name: variable(run, "constant_data", name, "biome").values.astype(int)
        for name in ("n_layers", "n_profiles")
    }
    return pd.DataFrame(counts, index=labels(group(run, "constant_data"), "biome"))


def turnover_table(run: xr.DataTree) -> pd.DataFrame:
    """Turnover time and decay rate by biome and standard layer.

    Returns
    -------
    DataFrame
        One row per biome and standard layer: counts, basis, and for the typical (median) site
        and the mean over sites of C_age (yr) and k (yr-1) the posterior median and the 95 %
        interval (columns ``c_age_typical``, ``c_age_typical_q025``, ``c_age_typical_q975`` ...).
    """
    derived = group(run, "derived")
    biomes, depths = labels(derived, "biome"), labels(derived, "standard_layer")
    layers = layer_frame(run)
    by_place = layers.groupby(["biome", "standard_layer"])["profile"]
    n_layers, n_profiles = by_place.size().to_dict(), by_place.nunique().to_dict()
    total = biome_counts(run)["n_layers"]
    quantiles = {
        name: np.quantile(
            draws_first(run, "derived", name, "biome", "standard_layer"), (0.5, 0.025, 0.975), 0
        )
        for name in QUANTITIES
    }
    rows = []
    for b, biome in enumerate(biomes):
        for z, depth in enumerate(depths):
            size = int(n_layers.get((biome, depth), 0))
            row: dict[str, object] = {
                "biome_key": biome,
                "biome": biome_name(biome),
                "standard_layer_cm": depth,
                "n_layers": size,
                "n_profiles": int(n_profiles.get((biome, depth), 0)),
                "basis": basis_of(size, int(total.get(biome, 0))),
            }
            for name, values in quantiles.items():
                for suffix, value in zip(("", "_q025", "_q975"), values[:, b, z], strict=True):
                    row[name + suffix] = float(value)
            rows.append(row)
    return pd.DataFrame(rows)


def basis_of(here: int, in_biome: int) -> str:
    """What a biome at a depth rests on, given its layers there and altogether."""
    if here:
        return FROM_DATA
    return FROM_TREND if in_biome else FROM_POPULATION


def two_mode_table(run: xr.DataTree) -> pd.DataFrame:
    """Layers whose Δ14C has two solutions, the most undecided first.

    Returns
    -------
    DataFrame
        The layer, and for the fast (1) and the slow (2) solution its posterior mass and median
        C_age (yr).
    """
    n_modes = variable(run, "derived", "n_modes", "layer").values
    mass = np.asarray(variable(run, "derived", "mode_mass", "layer", "mode"), float)
    c_age = np.asarray(variable(run, "derived", "mode_c_age", "layer", "mode"), float)
    frame = layer_frame(run).drop(columns=["standard_layer", "sample_time", "zone", "depth_cm"])
    frame["biome"] = [biome_name(key) for key in frame["biome"]]
    fast_first = np.argsort(np.nan_to_num(c_age, nan=np.inf), axis=1)
    mass = np.take_along_axis(mass, fast_first, axis=1)
    c_age = np.take_along_axis(c_age, fast_first, axis=1)
    for number in range(mass.shape[1]):
        frame[f"mass_{number + 1}"] = mass[:, number]
        frame[f"c_age_{number + 1}"] = c_age[:, number]
    undecided = np.abs(np.nan_to_num(mass[:, 0]) - 0.5)
    frame = frame.assign(undecided=undecided)[n_modes >= 2]
    frame = frame.sort_values(["undecided", "row"], kind="stable").drop(columns="undecided")
    return frame.reset_index(drop=True)


def dropped_table(run: xr.DataTree) -> pd.DataFrame:
    """Rows of the input that were left out, by reason: number and the row numbers."""
    drops = json_attribute(run, "drops", [])
    rows = [
        {
            "reason": str(drop["reason"]),
            "text": str(drop.get("text", drop["reason"])),
            "n_rows": len(drop.get("rows", ())),
            "rows": " ".join(str(row) for row in drop.get("rows", ())),
        }
        for drop in drops
    ]
    frame = pd.DataFrame(rows, columns=["reason", "text", "n_rows", "rows"])
    return frame.sort_values(["n_rows", "reason"], ascending=[False, True], ignore_index=True)


def implausible_table(run: xr.DataTree) -> pd.DataFrame:
    """Kept layers worth a look, if the run lists them (attribute ``implausible``, JSON)."""
    rows = json_attribute(run, "implausible", [])
    return pd.DataFrame(rows, columns=["row", "profile", "delta14c", "sample_year", "why"])


def checks_table(diagnostics: Mapping[str, Any]) -> pd.DataFrame:
    """Checks of the gate: name, value, threshold, worst parameter, passed."""
    names = ["name", "text", "value", "threshold", "worst", "passed"]
    checks = [{name: check.get(name) for name in names} for check in diagnostics.get("checks", ())]
    return pd.DataFrame(checks, columns=names)


def smallest_ess(diagnostics: Mapping[str, Any]) -> float:
    """Smallest effective sample size, bulk or tail; NaN where the run was not checked."""
    values = [diagnostics.get(f"ess_{kind}_min") for kind in ("bulk", "tail")]
    known = [float(value) for value in values if value is not None]
    return min(known, default=float("nan"))

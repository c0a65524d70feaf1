"""Layers of ISRaD's joined tables: place, depth, Δ14C, flags.

What is decided here is told in :mod:`bayes_rootc.data.israd`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bayes_rootc.data.biomes import assign_biomes
from bayes_rootc.data.duplicates import copies
from bayes_rootc.data.israd_density import densities
from bayes_rootc.data.numbers import Cells
from bayes_rootc.units import Floats, delta14c_from_f14c

PROFILE_KEYS = ("entry_name", "site_name", "pro_name")
"""Names that together are one profile."""

MODERN_MAX = 1.8
"""Largest fraction modern of the template."""

YEARS = (1850.0, 2030.0)
"""Years of sampling for which a fraction modern is converted."""

# O horizons in the USDA notation, as in the field book that ISRaD's template names.
ORGANIC_HORIZON = r"O(?:[a-z]|\d|[\s/+]|$)"


def raw_layers(joined: pd.DataFrame, where: str, data_folder: Path | None) -> pd.DataFrame:
    """Raw layer table of the joined columns.

    Parameters
    ----------
    joined : DataFrame
        One row per layer: ``row``, and the columns of layer, profile and site under ISRaD's
        names; numbers as floats, texts as ``""`` where missing.
    where : str
        File and sheet, for errors.
    data_folder : Path or None
        For the biomes.

    Returns
    -------
    DataFrame
        See :func:`bayes_rootc.data.israd.read_flat`.

    Raises
    ------
    DataError
        If a fraction modern or a coarse fraction is none.
    """
    lat, lon = _place(joined)
    delta14c, error, origin = _delta14c(joined, where)
    top, bottom = joined["lyr_top"], joined["lyr_bot"]
    unknown_surface = _yes(joined["lyr_all_org_neg"])
    biomes = assign_biomes(joined["pro_land_cover"], lat, lon, joined["pro_MAT"], data_folder)
    raw = pd.DataFrame(
        {
            "row": joined["row"],
            "entry": joined["entry_name"],
            "site": joined["site_name"],
            "profile": joined[list(PROFILE_KEYS)].agg("/".join, axis="columns"),
            "lat": lat,
            "lon": lon,
            "biome": biomes["biome"],
            "top_cm": top,
            "bottom_cm": bottom,
            "sample_year": joined["lyr_obs_date_y"],
            "delta14c": delta14c,
            "delta14c_err": error,
            "mat": joined["pro_MAT"],
            "map": joined["pro_MAP"],
            "organic": ((top < 0) & (bottom <= 0))
            | joined["lyr_hzn"].str.match(ORGANIC_HORIZON)
            | _yes(joined["lyr_org_buried"])
            | unknown_surface,
            "peat": _yes(joined["pro_peatland"])
            | (joined["pro_usda_soil_order"].str.casefold() == "histosols")
            | unknown_surface,
            "unpublished": joined["entry_name"].str.contains("unpublished", case=False),
            "unmeasured": False,
            "duplicate": False,
            "biome_source": biomes["biome_source"],
            "delta14c_origin": origin,
            "treated": ~joined["pro_treatment"].str.casefold().isin(["control", ""]),
        }
    )
    place_and_depth = [raw[name] for name in ("lat", "lon", "top_cm", "bottom_cm", "delta14c")]
    raw["duplicate"] = copies(raw, place_and_depth)
    return pd.concat([raw, densities(joined, where)], axis="columns")


def _yes(column: pd.Series) -> pd.Series:
    """Whether a flag of the template ("yes or blank") is set."""
    return ~column.str.casefold().isin(["", "no"])


def _place(joined: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Latitude and longitude of the profile where both are given, else of the site."""
    own = joined["pro_lat"].notna() & joined["pro_long"].notna()
    return (
        joined["pro_lat"].where(own, joined["site_lat"]),
        joined["pro_long"].where(own, joined["site_long"]),
    )


def _delta14c(joined: pd.DataFrame, where: str) -> tuple[Floats, Floats, list[str]]:
    """Δ14C, its error (‰) and where it comes from."""
    modern = joined["lyr_fraction_modern"].to_numpy(float)
    wrong = (modern < 0) | (modern > MODERN_MAX)
    if wrong.any():
        cells = Cells(where)
        for index in np.flatnonzero(wrong):
            right = f"is no fraction modern; it must lie between 0 and {MODERN_MAX} (not percent)"
            row = int(joined["row"].iloc[index])
            cells.refuse(row, "lyr_fraction_modern", float(modern[index]), right)
        cells.finish()
    year = joined["lyr_obs_date_y"].to_numpy(float)
    # An impossible year is refused later, by name; here it gives no value.
    year = np.where((year >= YEARS[0]) & (year <= YEARS[1]), year, np.nan)
    reported = joined["lyr_14c"].to_numpy(float)
    computed = delta14c_from_f14c(modern, year)
    use_modern = np.isnan(reported) & ~np.isnan(computed)
    # ‰ per unit of fraction modern, the decay to the year of sampling included.
    slope = delta14c_from_f14c(1.0, year) + 1000.0
    error_modern = slope * _first(joined, "lyr_fraction_modern_sigma", "lyr_fraction_modern_sd")
    error = np.where(use_modern, error_modern, _first(joined, "lyr_14c_sigma", "lyr_14c_sd"))
    delta14c = np.where(use_modern, computed, reported)
    origin = np.where(use_modern, "fraction_modern", "reported")
    return delta14c, error, list(np.where(np.isnan(delta14c), "", origin))


def _first(joined: pd.DataFrame, name: str, otherwise: str) -> Floats:
    return np.asarray(joined[name].fillna(joined[otherwise]), float)

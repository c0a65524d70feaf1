"""What cannot be true in a table of layers, and what can but deserves a second look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_rootc.units import DELTA14C_MAX, DELTA14C_MIN

AtmosphereMax = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Latitudes and sample years → largest atmospheric Δ14C up to then, ‰; all shape (N,)."""

FIRST_YEAR, LAST_YEAR = 1850.0, 2026.99
FRACTION_MODERN_MAX = 2.0
PIT_DEGREES = 1.0
"""Coordinates of one profile that lie further apart than this are two places."""

MISSING_CODES = (-99999.0, -9999.0, -999.0, 999.0, 9999.0, 99999.0)
ABOVE_ATMOSPHERE = 20.0
NEARLY_DEAD = -950.0
BOMB_START = 1950.0
FORESTS, DRIEST_FOREST_MM = (1, 3, 6), 120.0


@dataclass(frozen=True)
class Rule:
    """One column, the rows in which it is impossible (NaN never is), and what would be right."""

    column: str
    bad: Callable[[pd.DataFrame], pd.Series]
    right: str


def _outside(column: str, low: float, high: float) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda raw: (raw[column] < low) | (raw[column] > high)


def _outside_if_there(column: str, low: float, high: float) -> Callable[[pd.DataFrame], pd.Series]:
    # Not every format has the column.
    return lambda raw: (
        _outside(column, low, high)(raw) if column in raw else pd.Series(False, raw.index)
    )


def _missing_code(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda raw: raw[column].isin(MISSING_CODES)


RULES = (
    Rule("lat", _outside("lat", -90, 90), "a latitude lies between -90 and 90 degrees"),
    Rule("lon", _outside("lon", -180, 360), "a longitude lies between -180 and 360 degrees"),
    Rule(
        "delta14c",
        _outside("delta14c", DELTA14C_MIN, DELTA14C_MAX),
        "Δ14C lies between -1000 and 1000 ‰",
    ),
    Rule(
        "delta14c",
        _missing_code("delta14c"),
        "this looks like a code for a missing value; leave the cell empty",
    ),
    Rule("delta14c_err", lambda raw: raw["delta14c_err"] < 0, "an error is not below 0 ‰"),
    Rule(
        "delta14c_err",
        lambda raw: raw["delta14c_err"] >= 999,
        "an error of Δ14C is below 999 ‰; leave the cell empty where none was reported",
    ),
    Rule(
        "sample_year",
        _outside("sample_year", FIRST_YEAR, LAST_YEAR),
        "a sample year lies between 1850 and 2026; write it with four digits",
    ),
    Rule(
        "top_cm",
        lambda raw: raw["top_cm"] > raw["bottom_cm"],
        "the top lies above the bottom; depth is counted downward in cm",
    ),
    Rule(
        "biome",
        lambda raw: raw["biome"].notna() & ~raw["biome"].isin(range(1, 10)),
        "a biome is a whole number from 1 to 9",
    ),
    Rule("mat", _outside("mat", -60, 50), "a mean annual temperature lies between -60 and 50 °C"),
    Rule("map", _outside("map", 0, 15000), "annual precipitation lies between 0 and 15000 mm"),
    *(
        Rule(column, _outside_if_there(column, low, high), right)
        for column, low, high, right in (
            (
                "pct_c",
                1e-9,
                100.0,
                "percent C lies above 0, up to 100; leave it empty if unknown",
            ),
            ("bulk_density", 1e-9, 3.0, "a bulk density lies above 0 and up to 3 g cm-3"),
            ("coarse", 0.0, 0.99, "coarse is a volume fraction between 0 and 0.99, not percent"),
        )
    ),
    Rule(
        "profile",
        lambda raw: (raw["profile"] == "") & raw["delta14c"].notna(),
        "every layer needs the name of its profile",
    ),
)


def impossible(raw: pd.DataFrame) -> list[str]:
    """Name every value that cannot be true, one line each; empty if there is none.

    Parameters
    ----------
    raw : DataFrame
        Rows as the readers return them.

    Returns
    -------
    list of str
        ``row 17, column lat: 95 is impossible; ...``, in row order, then findings about the file.
    """
    found: list[tuple[int, str]] = []
    for rule in RULES:
        bad = rule.bad(raw)
        if not bad.any():
            continue
        for row, value in raw.loc[bad, ["row", rule.column]].itertuples(index=False):
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            if rule.column == "top_cm":
                shown += f" with bottom {raw.loc[raw['row'] == row, 'bottom_cm'].iloc[0]:g}"
            text = f"row {row}, column {rule.column}: {shown} is impossible; {rule.right}"
            found.append((int(row), text))
    return [text for _, text in sorted(found)] + _fraction_modern(raw) + _reused_profiles(raw)


def _fraction_modern(raw: pd.DataFrame) -> list[str]:
    values = raw["delta14c"].dropna()
    small = values.between(0.0, FRACTION_MODERN_MAX).all()
    if values.empty or not small or (values == values.round()).all():
        return []
    return [
        f"column delta14c: all values lie between {values.min():g} and {values.max():g}, which "
        f"looks like fraction modern; Δ14C is wanted, in ‰ (0.85 is about -150)"
    ]


def _reused_profiles(raw: pd.DataFrame) -> list[str]:
    # The first row of each profile stands for it.
    named = raw["profile"] != ""
    placed = raw[named & raw["lat"].between(-90, 90) & raw["lon"].between(-180, 360)]
    first = placed.groupby("profile")[["row", "lat", "lon"]].transform("first")
    # Longitudes are compared around the circle.
    east = (placed["lon"] - first["lon"] + 180.0) % 360.0 - 180.0
    north = placed["lat"] - first["lat"]
    far = (north.abs() > PIT_DEGREES) | (east.abs() > PIT_DEGREES)
    pairs = placed.join(first.add_suffix("_first"))[far].drop_duplicates("profile")
    return [
        f"rows {pair.row_first} and {pair.row}, column profile: {pair.profile!r} lies at "
        f"({pair.lat_first:g}, {pair.lon_first:g}) and at ({pair.lat:g}, {pair.lon:g}); "
        f"profile names must be unique in the file"
        for pair in pairs.itertuples()
    ]


@dataclass(frozen=True)
class Doubt:
    """Values that can be but look like another unit, and what is wanted."""

    column: str
    holds: Callable[[pd.DataFrame], bool]
    text: str


def _all_within(column: str, low: float, high: float) -> Callable[[pd.DataFrame], bool]:
    def holds(table: pd.DataFrame) -> bool:
        values = table[column].dropna()
        return len(values) > 0 and bool(values.between(low, high).all())

    return holds


def _dry_forests(table: pd.DataFrame) -> bool:
    return bool((table["biome"].isin(FORESTS) & (table["map"] < DRIEST_FOREST_MM)).any())


DOUBTS = (
    Doubt(
        "bottom_cm",
        _all_within("bottom_cm", 0.0, 3.0),
        "no layer reaches below {high:g} cm; depths are wanted in cm, not m",
    ),
    Doubt(
        "delta14c_err",
        _all_within("delta14c_err", 0.0, 0.2),
        "no error is above {high:g} ‰; errors are wanted in ‰, not as fraction modern",
    ),
    Doubt(
        "pct_c",
        _all_within("pct_c", 0.0, 0.6),
        "no layer has more than {high:g} %; organic carbon is wanted in percent, not as a fraction",
    ),
    Doubt(
        "map",
        _dry_forests,
        "a forest with {low:g} mm of precipitation a year; it is wanted in mm, not cm or m",
    ),
)


def doubts(table: pd.DataFrame) -> tuple[str, ...]:
    """Say which columns look as if they had another unit, and which layers overlap.

    Parameters
    ----------
    table : DataFrame
        Layers that enter a fit.
    """
    found = []
    for doubt in DOUBTS:
        if doubt.holds(table):
            low, high = table[doubt.column].min(), table[doubt.column].max()
            found.append(f"column {doubt.column}: {doubt.text.format(low=low, high=high)}")
    for text, names in (
        ("all Δ14C between 0 and 2, which looks like fraction modern; ‰ are wanted (0.85 is about "
         "-150)", _modern_profiles(table)),
        ("layers at more than one place; each counts where it is said to be",
         _profiles_at_places(table)),
    ):  # fmt: skip
        if names:
            found.append(f"profiles with {text}: {len(names)} ({_few(names)})")
    # Replicates of one layer are no overlap.
    single = table.drop_duplicates(["profile", "top_cm", "bottom_cm"])
    ordered = single.sort_values(["profile", "top_cm", "bottom_cm"], kind="stable")
    reached = ordered.groupby("profile")["bottom_cm"].cummax().groupby(ordered["profile"]).shift()
    overlap = ordered.loc[ordered["top_cm"] < reached, "profile"]
    if len(overlap):
        names = sorted(set(overlap))
        found.append(
            f"layers that begin above the bottom of another one of their profile: {len(overlap)}, "
            f"in {len(names)} of the profiles ({_few(names)}); each counts as it is"
        )
    return tuple(found)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _modern_profiles(table: pd.DataFrame) -> list[str]:
    """Profiles of two layers or more whose Δ14C would all do as fraction modern."""
    values = table["delta14c"]
    may_be = values.between(0.0, FRACTION_MODERN_MAX, inclusive="neither") & (values % 1.0 != 0.0)
    groups = may_be.groupby(table["profile"])
    return sorted(map(str, groups.all().index[groups.all() & (groups.size() > 1)]))


def _profiles_at_places(table: pd.DataFrame) -> list[str]:
    places = table[["profile", "lat", "lon"]].drop_duplicates()["profile"]
    return sorted(set(places[places.duplicated()].astype(str)))


def implausible(table: pd.DataFrame, atmosphere_max: AtmosphereMax) -> pd.DataFrame:
    """List layers whose Δ14C hardly any soil can have; they stay unless the spec says otherwise.

    Parameters
    ----------
    table : DataFrame
        Layers with lat, sample_year and delta14c, none missing.
    atmosphere_max : callable
        Latitudes and sample years → largest atmospheric Δ14C up to then, ‰.

    Returns
    -------
    DataFrame
        Columns row, profile, delta14c, sample_year, why; a layer may appear once only.
    """
    delta14c, year = table["delta14c"], table["sample_year"]
    highest = atmosphere_max(table["lat"].to_numpy(), np.floor(year.to_numpy()))
    early = (year < BOMB_START) & (delta14c > ABOVE_ATMOSPHERE)
    above = delta14c > highest + ABOVE_ATMOSPHERE
    dead = delta14c < NEARLY_DEAD
    texts = [f"above {top:.0f} ‰, the highest atmosphere up to sampling" for top in highest]
    why = pd.Series(texts, index=table.index, dtype=object)
    why = why.where(~dead, f"below {NEARLY_DEAD:g} ‰: almost no 14C")
    why = why.where(~early, "sampled before 1950 with bomb carbon: wrong year or label")
    listed = table.loc[early | above | dead, ["row", "profile", "delta14c", "sample_year"]]
    return listed.assign(why=why[listed.index].astype(object)).reset_index(drop=True)

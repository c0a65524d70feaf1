"""From raw rows to the table of layers that enters a fit: validation, selection, counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from bayes_rootc.data.duplicates import IDENTITY, copies
from bayes_rootc.data.table_data import Drop, TableData, table_hash
from bayes_rootc.data.validate import AtmosphereMax, doubts, implausible, impossible
from bayes_rootc.errors import DataError
from bayes_rootc.spec.turnover import DataSection

TABLE_COLUMNS = (
    "row", "entry", "site", "profile", "lat", "lon", "biome", "top_cm", "bottom_cm",
    "sample_year", "delta14c", "delta14c_err", "mat", "map",
    "pct_c", "bulk_density", "coarse",
)  # fmt: skip


@dataclass(frozen=True)
class Reason:
    """Why a row may be left out: key, text, and which rows of the raw frame it concerns."""

    key: str
    text: str
    applies: Callable[[pd.DataFrame, DataSection], pd.Series]


def _missing(*columns: str) -> Callable[[pd.DataFrame, DataSection], pd.Series]:
    return lambda raw, _: raw[list(columns)].isna().any(axis="columns")


def _unless(flag: str, column: str) -> Callable[[pd.DataFrame, DataSection], pd.Series]:
    # A reader whose format cannot mark such rows leaves the column out.
    return lambda raw, select: (
        raw.get(column, pd.Series(False, raw.index)).astype(bool) & (not getattr(select, flag))
    )


def _below(raw: pd.DataFrame, select: DataSection) -> pd.Series:
    return (raw["bottom_cm"] > select.max_depth_cm) | (raw["top_cm"] >= select.max_depth_cm)


def _points(raw: pd.DataFrame, select: DataSection) -> pd.Series:
    return (raw["top_cm"] == raw["bottom_cm"]) & (not select.keep_point_samples)


def _duplicates(raw: pd.DataFrame, select: DataSection) -> pd.Series:
    # Rows that the reader has marked are no originals: else a layer could lose all its rows.
    marked = raw["duplicate"].astype(bool)
    same = copies(raw, [raw[name].where(~marked) for name in IDENTITY])
    return (marked | same) & (not select.keep_duplicates)


def _left_out(raw: pd.DataFrame, select: DataSection) -> pd.Series:
    entry = raw["entry"].astype(str)
    return entry.map(lambda name: any(fnmatchcase(name, one) for one in select.leave_out))


REASONS = (
    Reason("left_out", "data set left out (data.leave_out)", _left_out),
    Reason("no_delta14c", "no Δ14C", _missing("delta14c")),
    Reason("no_sample_year", "no sample year", _missing("sample_year")),
    Reason("no_place", "no latitude or longitude", _missing("lat", "lon")),
    Reason("no_depth", "no top or bottom", _missing("top_cm", "bottom_cm")),
    Reason(
        "organic",
        "organic layer (keep with data.keep_organic)",
        _unless("keep_organic", "organic"),
    ),
    Reason("peatland", "peatland (keep with data.keep_peat)", _unless("keep_peat", "peat")),
    Reason("below_max_depth", "reaches below data.max_depth_cm", _below),
    Reason(
        "above_mineral",
        "begins above the mineral soil, from which depth is counted",
        lambda raw, _: raw["top_cm"] < 0,
    ),
    Reason(
        "zero_thickness",
        "point sample, top equals bottom (keep with data.keep_point_samples)",
        _points,
    ),
    Reason(
        "unpublished",
        "entry named unpublished (keep with data.keep_unpublished)",
        _unless("keep_unpublished", "unpublished"),
    ),
    Reason(
        "unmeasured",
        "Δ14C not measured, the source says modern (keep with data.keep_unmeasured)",
        _unless("keep_unmeasured", "unmeasured"),
    ),
    Reason(
        "treated",
        "treated experiment (keep with data.keep_treated)",
        _unless("keep_treated", "treated"),
    ),
    Reason("no_biome", "biome unknown", _missing("biome")),
    # Last, so that a copy goes only where the row that it copies stays.
    Reason("duplicate", "copy of another row (keep with data.keep_duplicates)", _duplicates),
)
DENSITY_COLUMNS = ("pct_c", "bulk_density", "coarse")
"""What the carbon density of a layer is made of; any may be missing."""

IMPLAUSIBLE = ("implausible", "implausible Δ14C (keep with data.keep_implausible)")


def build_layers(
    raw: pd.DataFrame,
    *,
    source: str,
    origin: str,
    format: str,
    select: DataSection,
    atmosphere_max: AtmosphereMax | None = None,
    truth: dict[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> TableData:
    """Validate raw rows and select the layers that enter a fit.

    Parameters
    ----------
    raw : DataFrame
        Rows as the readers return them (:data:`bayes_rootc.data.readers.RAW_COLUMNS`).
    source : {"real", "simulated", "file"}
        What a reader of the output must know about the data.
    origin : str
        Path or description; named in every error.
    format : str
        Name of the reader.
    select : DataSection
        Which layers enter.
    atmosphere_max : callable, optional
        Latitudes and sample years → largest atmospheric Δ14C up to then, ‰; by default
        :func:`bayes_rootc.radiocarbon.atmosphere.maximum_before`.
    truth : dict, optional
        Parameters of a simulated world, passed on.
    notes : tuple of str
        What the reader has to say, passed on.

    Returns
    -------
    TableData
        Kept layers and counts; ``n_read`` is the sum of both.

    Raises
    ------
    DataError
        If there is no row, or a value is impossible; every such value is named.
    """
    if raw.empty:
        raise DataError(f"{origin}: has no rows; it must have one row per layer")
    problems = impossible(raw)
    if problems:
        raise DataError("\n".join(f"{origin}: {problem}" for problem in problems))
    if atmosphere_max is None:
        from bayes_rootc.radiocarbon.atmosphere import maximum_before

        atmosphere_max = maximum_before
    raw = raw.sort_values("row", kind="stable").reset_index(drop=True)
    raw["lon"] = raw["lon"].where(raw["lon"] <= 180.0, raw["lon"] - 360.0)
    raw, changed = _one_biome_per_profile(raw)
    notes += changed + _guessed_biomes(raw)
    kept, drops = _select(raw, select)
    listed = implausible(kept, atmosphere_max)
    if not select.keep_implausible and len(listed):
        drops.append(Drop(*IMPLAUSIBLE, tuple(int(row) for row in listed["row"])))
        kept = kept[~kept["row"].isin(listed["row"])]
        listed = listed.iloc[:0]
    kept, filled = _without_filled(kept, select)
    table = _typed(kept)
    notes += filled + doubts(table)
    return TableData(
        table=table,
        source=source,
        origin=origin,
        format=format,
        n_read=len(raw),
        drops=tuple(drops),
        implausible=listed,
        data_hash=table_hash(table),
        truth=truth,
        notes=notes,
    )


def _select(raw: pd.DataFrame, select: DataSection) -> tuple[pd.DataFrame, list[Drop]]:
    left = pd.Series(True, index=raw.index)
    drops = []
    for reason in REASONS:
        rest = raw[left]
        concerned = reason.applies(rest, select).astype(bool).reindex(raw.index, fill_value=False)
        if concerned.any():
            rows = tuple(int(row) for row in raw.loc[concerned, "row"])
            drops.append(Drop(reason.key, reason.text, rows))
        left &= ~concerned
    return raw[left], drops


def _one_biome_per_profile(raw: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    # A pit stands in one biome. Where its rows name several, most of them decide, then the
    # shallowest: in the compilation of He et al. (2016) five forest profiles of McFarlane_2013
    # run grassland, cropland, shrubland, tundra downward, a spreadsheet series filled down.
    named = raw[raw["biome"].notna() & (raw["profile"] != "")]
    counts = named.groupby(["profile", "biome"], as_index=False).agg(
        n=("row", "size"), top=("top_cm", "min"), row=("row", "min")
    )
    ranked = counts.sort_values(["n", "top", "row"], ascending=[False, True, True])
    first = ranked.drop_duplicates("profile").set_index("profile")["biome"]
    biome = raw["profile"].map(first).astype(float)
    changed = biome.notna() & (biome != raw["biome"])
    if not changed.any():
        return raw, ()
    profiles = sorted(set(raw.loc[changed, "profile"]))
    names = ", ".join(profiles[:10]) + (", ..." if len(profiles) > 10 else "")
    note = (
        f"{int(changed.sum())} rows were given the biome of the other rows of their profile "
        f"(profiles {names})"
    )
    return raw.assign(biome=biome.where(biome.notna(), raw["biome"])), (note,)


def _guessed_biomes(raw: pd.DataFrame) -> tuple[str, ...]:
    # Readers that derive the biome say how; without the covariate grid some are a guess.
    if "biome_source" not in raw:
        return ()
    guessed = int((raw["biome_source"] == "fallback").sum())
    if not guessed:
        return ()
    return (
        f"{guessed} rows have a biome from their vegetation label and a climate estimated without "
        f"the grid of a data folder; grasslands and shrublands may belong to another biome",
    )


def _without_filled(
    kept: pd.DataFrame, select: DataSection
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Empty what compilers filled in; add the columns that a format does not have."""
    kept = kept.copy()
    zeros = int(kept.get("pct_c_zero", pd.Series(False, kept.index)).sum())
    notes = [f"{zeros} values of pct_c are 0 and count as not measured"] if zeros else []
    for name in DENSITY_COLUMNS:
        if name not in kept:
            kept[name] = math.nan
        filled = kept.get(f"{name}_filled", pd.Series(False, kept.index)).astype(bool)
        filled &= kept[name].notna() & (not select.keep_filled)
        if filled.any():
            kept[name] = kept[name].where(~filled)
            notes.append(
                f"{int(filled.sum())} values of {name} were filled in by the compilers and are not "
                "used (keep with data.keep_filled)"
            )
    return kept, tuple(notes)


def _typed(kept: pd.DataFrame) -> pd.DataFrame:
    table = kept.loc[:, list(TABLE_COLUMNS)].reset_index(drop=True)
    table["row"] = table["row"].astype("int64")
    table["biome"] = table["biome"].astype("int64")
    return table

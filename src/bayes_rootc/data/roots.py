"""Reader of root profiles: the depths above which 50 and 95 % of roots lie."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bayes_rootc.data.site_table import (
    Column,
    Exclusion,
    Impossible,
    SiteFormat,
    missing,
    read_sites,
)
from bayes_rootc.data.table_data import TableData
from bayes_rootc.spec.joint import RootsSelect

ZERO_FLAG = "d50_zero"
DEEPEST_CM = 10_000.0
"""Deeper than any root found, cm."""

FORMAT = SiteFormat(
    what="root profiles",
    columns=(
        Column("site", ("site", "id"), is_text=True),
        Column("qc_flags", ("qc_flags",), is_text=True),
        Column("lat", ("lat", "latitude"), required=True),
        Column("lon", ("lon", "longitude"), required=True),
        Column("biome", ("biome",), required=True),
        # Depths differ in how far was dug; the source extrapolates both to full rooting depth.
        Column("d50_cm", ("d50_cm", "d50_extrapolated_m"), required=True, metres=True),
        Column("d95_cm", ("d95_cm", "d95_extrapolated_m"), required=True, metres=True),
        Column("sampled_depth_cm", ("sampled_depth_cm", "sampled_depth_m"), metres=True),
        Column("wetland", ("wetland",), is_flag=True),
        Column("anthropogenic", ("anthropogenic",), is_flag=True),
    ),
    impossible=(
        Impossible(
            "d50_cm",
            lambda raw: (raw["d50_cm"] <= 0) & ~raw["qc_flags"].str.contains(ZERO_FLAG),
            "D50 lies below the surface",
        ),
        Impossible(
            "d95_cm",
            lambda raw: (raw["d95_cm"] <= raw["d50_cm"]) & ~raw["qc_flags"].str.contains(ZERO_FLAG),
            "D95 is deeper than D50",
            beside="d50_cm",
        ),
        Impossible(
            "d95_cm", lambda raw: raw["d95_cm"] > DEEPEST_CM, "a rooting depth is below 100 m"
        ),
    ),
    exclusions=(
        Exclusion("no_depth", "no D50 or D95", missing("d50_cm", "d95_cm")),
        Exclusion("no_place", "no latitude or longitude", missing("lat", "lon")),
        Exclusion("no_biome", "biome unknown", missing("biome")),
        Exclusion(
            "d50_zero",
            "the source gives a D50 of 0",
            lambda raw, _: raw["qc_flags"].str.contains(ZERO_FLAG),
        ),
        Exclusion(
            "wetland",
            "wetland (keep with data.roots.keep_wetland)",
            lambda raw, select: raw["wetland"] & (not select.keep_wetland),
        ),
        Exclusion(
            "anthropogenic",
            "crop, pasture or plantation (keep with data.roots.keep_anthropogenic)",
            lambda raw, select: raw["anthropogenic"] & (not select.keep_anthropogenic),
        ),
    ),
)


def read_roots(path: Path, select: RootsSelect, source: str) -> TableData:
    """Read root profiles, one row a profile.

    Parameters
    ----------
    path : Path
        CSV with lat, lon, biome and D50, D95 in cm (``d50_cm``) or m (``d50_extrapolated_m``).
    select : RootsSelect
    source : str
        ``real``, ``file`` or ``simulated``.

    Returns
    -------
    TableData
        Columns row, site, place, lat, lon, biome, d50_cm, d95_cm, sampled_depth_cm.

    Raises
    ------
    DataError
        If the table cannot be read, or a value is impossible; every such value is named.
    """
    return read_sites(path, FORMAT, select, source, _table)


def _table(raw: pd.DataFrame) -> pd.DataFrame:
    names = ["row", "site", "place", "lat", "lon", "biome", "d50_cm", "d95_cm", "sampled_depth_cm"]
    return raw[names].copy()

"""Reader of site records of net primary production: BNPP is the carbon input by roots."""

from __future__ import annotations

from dataclasses import replace
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
from bayes_rootc.spec.joint import NppSelect
from bayes_rootc.units import MG_PER_HA

BIGGEST = 5000.0
"""Above every record of NPP, g C m-2 yr-1."""

DUPLICATE_FLAGS = ("same_place_year_values_as_other_row", "same_place_and_bnpp_as_other_row")


def _copies(raw: pd.DataFrame) -> pd.Series:
    # The flags stand on every row of a group: the first of each stays.
    flags = raw["qc_flags"].str.split(";")
    flagged = flags.map(lambda words: bool(set(words) & set(DUPLICATE_FLAGS)))
    keys = [raw["lat"].round(2), raw["lon"].round(2), raw["bnpp"]]
    same = pd.concat(keys, axis=1).where(flagged, axis=0)
    return flagged & same.duplicated(keep="first") & same.notna().all(axis=1)


FORMAT = SiteFormat(
    what="records of NPP",
    columns=(
        Column("site", ("site",), is_text=True),
        Column("contributor", ("contributor",), is_text=True),
        Column("qc_flags", ("qc_flags",), is_text=True),
        Column("lat", ("lat", "latitude"), required=True),
        Column("lon", ("lon", "longitude"), required=True),
        Column("biome", ("biome",), required=True),
        Column("bnpp", ("bnpp",), required=True),
        Column("npp", ("npp",)),
    ),
    impossible=(
        Impossible("bnpp", lambda raw: raw["bnpp"] < 0, "BNPP is not below 0 g C m-2 yr-1"),
        Impossible("npp", lambda raw: raw["npp"] < 0, "NPP is not below 0 g C m-2 yr-1"),
        Impossible(
            "bnpp",
            lambda raw: raw["bnpp"] > raw["npp"] * (1.0 + 1e-9),
            "BNPP is a part of NPP and cannot be above it",
            beside="npp",
        ),
        *(
            Impossible(
                name,
                lambda raw, name=name: raw[name] > BIGGEST,  # type: ignore[misc]
                f"{name.upper()} is in g C m-2 yr-1 and not above {BIGGEST:g}",
            )
            for name in ("bnpp", "npp")
        ),
    ),
    exclusions=(
        Exclusion("no_bnpp", "no BNPP", missing("bnpp")),
        Exclusion("no_place", "no latitude or longitude", missing("lat", "lon")),
        Exclusion("no_biome", "biome unknown", missing("biome")),
        Exclusion("bnpp_zero", "BNPP is 0", lambda raw, _: raw["bnpp"] == 0.0),
        Exclusion(
            "duplicate",
            "copy of another record (keep with data.npp.keep_duplicates)",
            lambda raw, select: _copies(raw) & (not select.keep_duplicates),
        ),
    ),
)


def read_npp(path: Path, select: NppSelect, source: str) -> TableData:
    """Read records of NPP, one row a record.

    Parameters
    ----------
    path : Path
        CSV with lat, lon, biome, bnpp and, where known, npp (g C m-2 yr-1), site.
    select : NppSelect
    source : str
        ``real``, ``file`` or ``simulated``.

    Returns
    -------
    TableData
        Columns row, site, contributor, place, lat, lon, biome, bnpp, npp (Mg C ha-1 yr-1).
        A note counts the records whose BNPP is the whole NPP: their share has no logit.

    Raises
    ------
    DataError
        If the table cannot be read, or a value is impossible; every such value is named.
    """
    read = read_sites(path, FORMAT, select, source, _table)
    whole = int((read.table["bnpp"] >= read.table["npp"]).sum())
    if not whole:
        return read
    note = f"{whole} records have a BNPP equal to NPP; their share of NPP, 100 %, does not enter"
    return replace(read, notes=(note,))


def _table(raw: pd.DataFrame) -> pd.DataFrame:
    names = ["row", "site", "contributor", "place", "lat", "lon", "biome"]
    flows = {name: MG_PER_HA * raw[name].to_numpy(float) for name in ("bnpp", "npp")}
    return raw[names].assign(**flows)

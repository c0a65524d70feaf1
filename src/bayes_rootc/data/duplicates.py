"""The same layer entered more than once: one row of each stays."""

from __future__ import annotations

import pandas as pd

IDENTITY = ("profile", "top_cm", "bottom_cm", "sample_year", "delta14c")
"""Rows that agree in all of these are one layer."""


def copies(raw: pd.DataFrame, keys: list[pd.Series]) -> pd.Series:
    """Mark all but one of the rows that agree in every key; a missing key agrees with nothing.

    The row that stays is the most useful one: published before unpublished, mineral before
    organic or peat, with year, biome and reported error before without, then the earlier row.
    The choice depends on the rows, not on the order in which they are given.

    Parameters
    ----------
    raw : DataFrame
        Rows as the readers return them, index without repeats.
    keys : list of Series
        What makes two rows the same layer, aligned with ``raw``.

    Returns
    -------
    Series of bool
        True for the rows to leave out, index of ``raw``.
    """
    table = pd.concat(keys, axis=1, keys=range(len(keys)))
    complete = table.notna().all(axis="columns")
    preference = pd.DataFrame(
        {
            "unpublished": raw["unpublished"],
            "not_mineral": raw["organic"] | raw["peat"],
            "no_year": raw["sample_year"].isna(),
            "no_biome": raw["biome"].isna(),
            "no_error": raw["delta14c_err"].isna(),
            "row": raw["row"],
        }
    )
    order = preference.sort_values(list(preference.columns)).index
    repeated = table.loc[order].duplicated(keep="first")
    return (repeated.reindex(raw.index) & complete).astype(bool)

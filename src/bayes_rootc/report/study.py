"""What the reference study published: a table with its citation, blanks where we know nothing.

Only numbers that could be read are written down. Where the study surely has a number that we
could not read, the row stands with an empty value, so that the gap is seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

CITATION = "preprint rs-65178, Research Square"
"""The full text could not be read; the numbers are those handed down in the project's papers."""

UNKNOWN = "not given in what we could read"


@dataclass(frozen=True)
class Published:
    """One number of the study.

    Attributes
    ----------
    value, low, high : float
        NaN where it is unknown to us, or has no range.
    unit : str
    range_is : str
        What low and high mean.
    where : str
        Where the number was read.
    """

    value: float
    low: float
    high: float
    unit: str
    range_is: str
    where: str

    @property
    def is_known(self) -> bool:
        """Whether we could read the number."""
        return math.isfinite(self.value)


@cache
def _read() -> pd.DataFrame:
    path = files("bayes_rootc.report").joinpath("study.csv")
    with path.open(encoding="utf-8") as file:
        blank = {name: [""] for name in ("value", "low", "high")}
        return pd.read_csv(file, keep_default_na=False, na_values=blank)


def study_table() -> pd.DataFrame:
    """Return all numbers of the study that the comparison asks for.

    Returns
    -------
    DataFrame
        figure (of the study), quantity, biome (key or "all"), layer_cm, statistic, unit, value,
        low, high (NaN: not known to us), range_is, where (the place the number was read).
    """
    return _read().copy()


def published(quantity: str, biome: str = "all", layer_cm: str = "0-200") -> Published:
    """Return one number of the study.

    Parameters
    ----------
    quantity : str
        As in :func:`study_table`, such as ``i_loss`` (Mg C ha-1 yr-1) or ``loss_share`` (0 to 1).
    biome : str
        Key of a biome, or "all".
    layer_cm : str
        Label of a layer.

    Raises
    ------
    KeyError
        If the table has no such row.

    Examples
    --------
    >>> published("i_loss").value
    2.31
    >>> published("i_loss", "tundra").is_known
    False
    """
    table = _read()
    mine = table[
        (table["quantity"] == quantity)
        & (table["biome"] == biome)
        & (table["layer_cm"] == layer_cm)
    ]
    if len(mine) != 1:
        raise KeyError(f"the study's table has {len(mine)} rows of {quantity}, {biome}, {layer_cm}")
    row = mine.iloc[0]
    return Published(
        value=float(row["value"]),
        low=float(row["low"]),
        high=float(row["high"]),
        unit=str(row["unit"]),
        range_is=str(row["range_is"]),
        where=str(row["where"]),
    )

"""Reader of ISRaD, the International Soil Radiocarbon Database, in both published shapes [1]_.

The *flat* layer table is one CSV with the columns of layer, profile, site and metadata joined;
the *list* is a workbook with one sheet per table. Column names and units are those of ISRaD's
template (``ISRaD_Template_Info.xlsx``). Both shapes give the same raw layer table:

* Δ14C is ``lyr_14c`` (‰). Where it is missing, it is computed from ``lyr_fraction_modern`` and the
  year of sampling (``delta14c_origin`` "fraction_modern"). The error is the analytical sigma,
  else the standard deviation of replicates. Filled-in estimates (``lyr_14c_fill_extra``) are not
  measurements and are not read.
* Depths are cm below the top of the mineral soil, negative above it, in ISRaD as here.
* A layer is organic if it lies above the mineral soil, is an O horizon, a buried organic horizon,
  or if the mineral surface was not found (``lyr_all_org_neg``).
* Peat: ``pro_peatland``, or the soil order is Histosols, or the mineral surface was not found.
* ``pro_treatment`` other than "control" or blank goes to the column ``treated``: warmed or
  labelled soil is not in the steady state that the turnover model supposes.
* Percent C, bulk density and coarse fragments: :mod:`bayes_rootc.data.israd_density`.
* The place is that of the profile, else of the site. A profile is entry/site/profile name.

References
----------
.. [1] lawrence2020, Lawrence et al. (2020), Earth System Science Data 12, 61-76.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bayes_rootc.data.csv_text import read_header, read_table
from bayes_rootc.data.israd_density import DENSITY_NUMBERS
from bayes_rootc.data.israd_layers import PROFILE_KEYS, raw_layers
from bayes_rootc.data.israd_list import Columns, read_sheets, sheet_names
from bayes_rootc.data.numbers import Cells, text
from bayes_rootc.errors import DataError

KEYS = {"site": PROFILE_KEYS[:2], "profile": PROFILE_KEYS, "layer": PROFILE_KEYS}
"""Columns that join the tables."""

NUMBERS = {
    "site": ("site_lat", "site_long"),
    "profile": ("pro_lat", "pro_long", "pro_MAT", "pro_MAP"),
    "layer": (
        "lyr_obs_date_y",
        "lyr_top",
        "lyr_bot",
        "lyr_14c",
        "lyr_14c_sigma",
        "lyr_14c_sd",
        "lyr_fraction_modern",
        "lyr_fraction_modern_sigma",
        "lyr_fraction_modern_sd",
        *DENSITY_NUMBERS,
    ),
}
TEXTS = {
    "site": (),
    "profile": ("pro_treatment", "pro_land_cover", "pro_peatland", "pro_usda_soil_order"),
    "layer": ("lyr_hzn", "lyr_all_org_neg", "lyr_org_buried"),
}
"""Columns that are read, by the table they belong to."""

REQUIRED = {
    "site": ("site_lat", "site_long"),
    "profile": (),
    "layer": ("lyr_obs_date_y", "lyr_top", "lyr_bot", "lyr_14c"),
}
"""Columns that must be there; any other may be missing, as in older templates."""

TELLING_FLAT = (*KEYS["layer"], "lyr_top", "lyr_bot")


def matches_flat(path: Path) -> bool:
    """Whether the file looks like ISRaD's flat layer table, by its header."""
    return set(TELLING_FLAT).issubset(read_header(path))


def matches_list(path: Path) -> bool:
    """Whether the file is a workbook with at least two of the sheets of ISRaD's list."""
    return len(sheet_names(path) & {"metadata", *KEYS}) >= 2


def read_flat(path: Path, data_folder: Path | None) -> pd.DataFrame:
    """Raw layer table of ISRaD's flat layer CSV, one row per data row, nothing dropped.

    Parameters
    ----------
    path : Path
        For example ``ISRaD_extra_flat_layer_v2.csv``.
    data_folder : Path or None
        Folder with ``grid/covariates_0p5deg.nc``, for the biomes; see
        :func:`bayes_rootc.data.biomes.assign_biomes`.

    Returns
    -------
    DataFrame
        :data:`bayes_rootc.data.readers.RAW_COLUMNS`, those of
        :func:`bayes_rootc.data.israd_density.densities`, and three more: ``biome_source``;
        ``delta14c_origin`` ("reported", "fraction_modern", "" without Δ14C); ``treated`` (bool).

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or a number is not one or cannot be true.
    """
    table = read_table(path)
    where = str(path)
    columns = {name: table.column(name) for name in table.header}
    _require(columns, KEYS["layer"], where)
    if not table.rows:
        raise DataError(f"{where}: has a header but no rows; it must have one row per layer")
    joined = pd.concat([_typed(columns, sheet, where) for sheet in KEYS], axis="columns").assign(
        **_names(columns, "layer", where)
    )
    joined["row"] = np.arange(1, len(table.rows) + 1)
    return raw_layers(joined, where, data_folder)


def read_list(path: Path, data_folder: Path | None) -> pd.DataFrame:
    """Raw layer table of ISRaD's workbook, one row per row of the sheet ``layer``.

    Parameters and result are those of :func:`read_flat`.

    Raises
    ------
    DataError
        If a sheet or column is missing, a number is not one, a layer has no profile or site, or
        a profile or site occurs twice.
    """
    sheets = read_sheets(path, tuple(KEYS))
    tables = {}
    for sheet, columns in sheets.items():
        where = f"{path}, sheet {sheet}"
        _require(columns, KEYS[sheet], where)
        tables[sheet] = _typed(columns, sheet, where).assign(**_names(columns, sheet, where))
    joined = tables["layer"]
    joined["row"] = np.arange(1, len(joined) + 1)
    for sheet in ("profile", "site"):
        joined = _join(joined, tables[sheet], sheet, str(path))
    return raw_layers(joined, f"{path}, sheet layer", data_folder)


def _typed(columns: Columns, sheet: str, where: str) -> pd.DataFrame:
    """Numbers and texts of one table; a column that may be missing is empty."""
    _require(columns, REQUIRED[sheet], where)
    cells = Cells(where)
    length = len(next(iter(columns.values())))
    typed: dict[str, object] = {
        name: cells.numbers(name, columns.get(name, [""] * length)) for name in NUMBERS[sheet]
    }
    cells.finish()
    return pd.DataFrame(typed | {name: _texts(columns, name) for name in TEXTS[sheet]})


def _names(columns: Columns, sheet: str, where: str) -> dict[str, list[str]]:
    """Names that join the tables; an empty one would throw different profiles together."""
    names = {key: _texts(columns, key) for key in KEYS[sheet]}
    cells = Cells(where)
    for key, column in names.items():
        for row, name in enumerate(column, start=1):
            if not name:
                cells.refuse(row, key, name, "is no name; give each row its entry, site, profile")
    cells.finish()
    return names


def _texts(columns: Columns, name: str) -> list[str]:
    length = len(next(iter(columns.values())))
    return [text(cell) for cell in columns.get(name, [""] * length)]


def _require(columns: Columns, names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        raise DataError(
            f"{where}: missing column: {', '.join(missing)}; ISRaD's template names its columns"
        )


def _join(layers: pd.DataFrame, parents: pd.DataFrame, sheet: str, path: str) -> pd.DataFrame:
    """Give each layer the columns of its profile or site."""
    keys = list(KEYS[sheet])
    twice = parents.duplicated(keys, keep="first").to_numpy()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        name = _full_name(parents, row, keys)
        raise DataError(
            f"{path}, sheet {sheet}: row {row + 1} has {name} for the second time; each {sheet} "
            "must occur once"
        )
    joined = layers.merge(parents, how="left", on=keys, indicator="found")
    lost = (joined["found"] == "left_only").to_numpy()
    if lost.any():
        rows = [int(index) for index in np.flatnonzero(lost)]
        shown = ", ".join(str(row + 1) for row in rows[:10]) + (" ..." if len(rows) > 10 else "")
        name = _full_name(joined, rows[0], keys)
        raise DataError(
            f"{path}, sheet layer: row {shown}: no {sheet} {name} in the sheet {sheet}; names must "
            "match across sheets"
        )
    return joined.drop(columns="found")


def _full_name(table: pd.DataFrame, row: int, keys: list[str]) -> str:
    return "/".join(str(table[key].iloc[row]) for key in keys)

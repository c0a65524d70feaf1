"""Reader of the global compilation of bulk soil radiocarbon, in its original form.

The file (He et al. 2016 [1]_, with Mathieu et al. 2015 [2]_) holds 4136 layers in 99 columns.
What is odd about it, and what is done:

* Line ends are lone carriage returns, two bytes follow no encoding: translated.
* Five United States sites of McFarlane_2013 have a positive longitude: sign corrected.
* Where the thickness of the organic layer was unknown, 999 was put in, so that depths below the
  mineral surface run beyond 999 cm: such a depth is empty, and the layer counts as organic.
* Depths are the compilers' ``Layer_top_norm`` and ``Layer_bottom_norm``: cm below the top of the
  mineral soil, negative above it, whatever the zero of the original study was.
* Δ14C is ``D14C_BulkLayer``. Where ``D14C_BulkLayer_text`` is empty the compilers computed it
  from an age or a fraction modern; where all they had was the word "modern", they wrote 0.
* ``14C_age`` is misplaced against the other columns and is never read; neither is
  ``FractionModern``, which mixes percent, fractions and text and adds no layer.
* Percent C and bulk density are the compilers' ``pct_C`` and ``BulkDensity``, which they
  converted and, where ``pct_C_original`` or ``BulkDensity_original`` is empty, filled in. A zero
  in ``pct_C`` stands for nothing known: it is empty.

References
----------
.. [1] he2016, He et al. (2016), Science, doi:10.1126/science.aad4273.
.. [2] mathieu2015, Mathieu et al. (2015), Global Change Biology 21, 4278-4292.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_rootc.data.biomes import assign_biomes
from bayes_rootc.data.csv_text import read_header
from bayes_rootc.data.duplicates import copies
from bayes_rootc.data.numbers import Cells, text
from bayes_rootc.errors import DataError

TELLING = ("pc_dataset_name", "D14C_BulkLayer", "Layer_top_norm", "ProfileID")
"""Columns by which the format is recognised."""

ODD_BYTES = {0xC8: "ü", 0x90: "'"}
"""Dümig, Rotthalmünster, Amelsbüren; O'Brien, Richard's property."""

NO_THICKNESS = 999.0
"""Thickness of an organic layer that nobody knew, cm."""

MIRRORED_ENTRY = "McFarlane_2013"
UNITED_STATES = ("US", "USA", "United States")

# Horizon of organic matter in the USDA notation: O, Oi, Oe, Oa, O2, "Oh 0-2", but not OLD or OH.
ORGANIC_HORIZON = r"O(?:[a-z]|\d|[\s/+]|$)"

_NUMBERS = (
    "Lat",
    "Lon",
    "MAT",
    "MAP",
    "Layer_top",
    "Layer_bottom",
    "Layer_top_norm",
    "Layer_bottom_norm",
    "D14C_BulkLayer",
    "D14C_err",
    "SampleYear",
)
_TEXTS = (
    "pc_dataset_name",
    "Site",
    "Country",
    "VegTypeCodeStr_Local",
    "Hzn1",
    "HorizonDesignation",
    "ProfileID",
    "D14C_BulkLayer_text",
    "FractionModern",
)
_DENSITY = ("pct_C", "BulkDensity")
_OPTIONAL = (*_DENSITY, *(f"{name}_original" for name in _DENSITY))
"""Turnover needs none of them: a part of the file may lack them."""


def matches(path: Path) -> bool:
    """Whether the file looks like the original compilation, by its header."""
    return set(TELLING).issubset(read_header(path))


def read(path: Path, data_folder: Path | None) -> pd.DataFrame:
    """Raw layer table of the original compilation, one row per data row, nothing dropped.

    Parameters
    ----------
    path : Path
        The file as published, or saved again in UTF-8.
    data_folder : Path or None
        Folder with ``grid/covariates_0p5deg.nc``, for the biomes; see
        :func:`bayes_rootc.data.biomes.assign_biomes`.

    Returns
    -------
    DataFrame
        :data:`bayes_rootc.data.readers.RAW_COLUMNS` (depths in cm below the top of the mineral
        soil, Δ14C in ‰), and more: ``pct_c`` (%), ``bulk_density`` (g cm-3), ``pct_c_filled``,
        ``bulk_density_filled`` (whether the compilers filled it in), ``pct_c_zero`` (whether it
        was 0); ``biome_source``; ``delta14c_origin`` ("reported", "computed" by the compilers,
        "modern" for the bare word, "" without Δ14C); ``repairs``, what was mended
        ("longitude_sign", "depth_999"), separated by semicolons.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or a number is not one.
    """
    table = _read_text(path)
    cells = Cells(str(path))
    number = pd.DataFrame({name: cells.numbers(name, table[name]) for name in _NUMBERS + _DENSITY})
    cells.finish()
    lon, mirrored = _longitude(table, number)
    top, bottom, unknown = _depth(number)
    label = table["VegTypeCodeStr_Local"]
    horizon = table["HorizonDesignation"].str.match(ORGANIC_HORIZON) | (table["Hzn1"] == "O")
    zero_c = number["pct_C"] == 0.0
    pct_c, density = number["pct_C"].mask(zero_c), number["BulkDensity"]
    biomes = assign_biomes(label, number["Lat"], lon, number["MAT"], data_folder)
    raw = pd.DataFrame(
        {
            "row": np.arange(1, len(table) + 1),
            "entry": table["pc_dataset_name"],
            "site": table["Site"],
            "profile": table["ProfileID"],
            "lat": number["Lat"],
            "lon": lon,
            "biome": biomes["biome"],
            "top_cm": top,
            "bottom_cm": bottom,
            "sample_year": number["SampleYear"],
            "delta14c": number["D14C_BulkLayer"],
            "delta14c_err": number["D14C_err"],
            "mat": number["MAT"],
            "map": number["MAP"],
            "organic": ((top < 0) & (bottom <= 0)) | horizon | unknown,
            "peat": label == "peatland",
            "unpublished": table["pc_dataset_name"].str.contains("unpublished", case=False),
            "unmeasured": _origin(table, number) == "modern",
            "duplicate": False,
            "biome_source": biomes["biome_source"],
            "delta14c_origin": _origin(table, number),
            "repairs": _joined({"longitude_sign": mirrored, "depth_999": unknown}),
            "pct_c": pct_c,
            "pct_c_zero": zero_c,
            "bulk_density": density,
            "pct_c_filled": pct_c.notna() & (table["pct_C_original"] == ""),
            "bulk_density_filled": density.notna() & (table["BulkDensity_original"] == ""),
        }
    )
    # Several studies entered the same core against different zero depths: compare as reported.
    reported = [number["Layer_top"], number["Layer_bottom"]]
    raw["duplicate"] = copies(raw, [raw["lat"], raw["lon"], *reported, raw["delta14c"]])
    return raw


def _read_text(path: Path) -> pd.DataFrame:
    """All columns that are used, as stripped text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        written = content.decode("latin-1").translate(ODD_BYTES)
    try:
        lines = [line for line in csv.reader(io.StringIO(written, newline="")) if line]
    except csv.Error as error:
        raise DataError(f"{path}: not a readable table: {error}; check its quotes") from None
    header, rows = lines[0] if lines else [], lines[1:]
    names = _TEXTS + _NUMBERS
    missing = [name for name in names if name not in header]
    if missing:
        raise DataError(f"{path}: missing column: {', '.join(missing)}")
    if not rows:
        raise DataError(f"{path}: has a header but no rows; it must have one row per layer")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise DataError(
                f"{path}: row {number} has {len(row)} cells, the header has {len(header)}; a comma "
                "inside a cell needs quotes"
            )
    place = {name: header.index(name) for name in names + _OPTIONAL if name in header}
    table = pd.DataFrame({name: [text(row[i]) for row in rows] for name, i in place.items()})
    return table.assign(**{name: "" for name in _OPTIONAL if name not in place})


def _longitude(table: pd.DataFrame, number: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Longitude with the sign of the mirrored sites put right, and which rows those are."""
    mirrored = (
        (table["pc_dataset_name"] == MIRRORED_ENTRY)
        & table["Country"].isin(UNITED_STATES)
        & (number["Lon"] > 0)
    )
    return number["Lon"].where(~mirrored, -number["Lon"]), mirrored


def _depth(number: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Top, bottom below the mineral surface, and where the surface is unknown."""
    top, bottom = number["Layer_top_norm"], number["Layer_bottom_norm"]
    unknown = (top - number["Layer_top"] == NO_THICKNESS) | (
        bottom - number["Layer_bottom"] == NO_THICKNESS
    )
    return top.mask(unknown), bottom.mask(unknown), unknown


def _origin(table: pd.DataFrame, number: pd.DataFrame) -> pd.Series:
    """Where Δ14C comes from."""
    has = number["D14C_BulkLayer"].notna()
    reported = table["D14C_BulkLayer_text"] != ""
    word = table["FractionModern"].str.casefold() == "modern"
    names = np.select([~has, reported, word], ["", "reported", "modern"], default="computed")
    return pd.Series(names, index=table.index, dtype=object)


def _joined(flags: dict[str, pd.Series]) -> pd.Series:
    """Names of the flags that are set, separated by semicolons."""
    columns = zip(*(flag.to_numpy() for flag in flags.values()), strict=True)
    names = [";".join(name for name, on in zip(flags, row, strict=True) if on) for row in columns]
    return pd.Series(names, index=next(iter(flags.values())).index, dtype=object)

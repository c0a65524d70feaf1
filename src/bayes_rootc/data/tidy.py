"""Reader of tidy tables: ``radiocarbon_layers.csv``, and a user's own CSV in the same manner."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_rootc.data.csv_text import read_header, read_table
from bayes_rootc.data.duplicates import copies
from bayes_rootc.data.numbers import Cells, text
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOME_KEYS, BIOMES
from bayes_rootc.units import Floats

REQUIRED: dict[str, tuple[str, ...]] = {
    "profile": ("profile", "profile_id"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "longitude"),
    "top_cm": ("top_cm", "layer_top_cm"),
    "bottom_cm": ("bottom_cm", "layer_bottom_cm"),
    "sample_year": ("sample_year",),
    "delta14c": ("delta14c", "d14c"),
    "biome": ("biome",),
}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "entry": ("entry",),
    "site": ("site",),
    "delta14c_err": ("delta14c_err", "d14c_err"),
    "mat": ("mat",),
    "map": ("map",),
    "organic": ("organic_layer", "organic"),
    "peat": ("peatland", "peat"),
    "qc_flags": ("qc_flags",),
    "pct_c": ("pct_c",),
    "bulk_density": ("bulk_density",),
    "coarse": ("coarse", "coarse_percent"),
    "pct_c_origin": ("pct_c_origin",),
    "bulk_density_origin": ("bulk_density_origin",),
    "coarse_origin": ("coarse_origin",),
    "original_top": ("layer_top_orig_cm",),
    "original_bottom": ("layer_bottom_orig_cm",),
}
"""Our name → names in a header, in any case."""

TO_FILL_IN = ("delta14c_err", "pct_c", "bulk_density", "coarse", "mat", "map", "entry", "site")
"""Those of the optional ones that are a user's, not a compiler's."""

NUMBERS = (
    "lat", "lon", "top_cm", "bottom_cm", "sample_year", "delta14c", "delta14c_err", "mat", "map",
    "original_top", "original_bottom", "pct_c", "bulk_density", "coarse",
)  # fmt: skip
COARSE_PERCENT = "coarse_percent"
MOST_COARSE = 99.0
"""Percent of the volume; soil without any fine earth has no carbon density."""

DUPLICATE_FLAG = "same_place_depth_d14c_as_other_row"
FILLED = "filled_by_compilers"
MODERN_FLAG = "fraction_modern_text_modern"
UNPUBLISHED = "npublished"
SYNONYMS = {"percent": "pct", "perc": "pct", "sd": "err", "se": "err", "sigma": "err",
            "error": "err", "bd": "bulk_density", "toc": "c", "soc": "c", "oc": "c",
            "rock": "coarse", "stones": "coarse", "gravel": "coarse"}  # fmt: skip
"""Words of others in headers → ours, to guess what a column that is not read was meant to be."""
N_TOLD = 12
"""Columns that are named in a note."""
TELLING = 4
"""A file with this many of the required columns is meant for this reader, if not complete."""


def matches(path: Path) -> bool:
    """Whether a file's header has most of the required columns."""
    names = {name.lower() for name in read_header(path)}
    return sum(not names.isdisjoint(known) for known in REQUIRED.values()) >= TELLING


def read(path: Path, folder: Path | None = None) -> pd.DataFrame:  # noqa: ARG001
    """Read a tidy table.

    Parameters
    ----------
    path : Path
        CSV in UTF-8; depths in cm below the top of the mineral soil, Δ14C and its error in ‰,
        sample year as calendar year, mat in degC, map in mm yr-1, biome as number 1-9, key or
        name, pct_c in percent, bulk_density in g cm-3, coarse as volume fraction or
        coarse_percent as volume percent; a ``_origin`` of ``filled_by_compilers`` marks estimates.
    folder : Path, optional
        Not used: the table names its biomes.

    Returns
    -------
    DataFrame
        :data:`bayes_rootc.data.readers.RAW_COLUMNS`, one row per data row.

    Raises
    ------
    DataError
        If a required column is missing or two columns mean the same, or a cell is not what its
        column needs.
    """
    table = read_table(path)
    columns = _columns(path, table.header)
    n_rows = len(table.rows)
    empty = [""] * n_rows
    found = {
        name: table.column(columns[name]) if name in columns else empty
        for name in (*REQUIRED, *OPTIONAL)
    }
    cells = Cells(str(path))
    raw = pd.DataFrame({"row": np.arange(1, n_rows + 1)})
    for name in ("entry", "site", "profile"):
        raw[name] = [text(cell) for cell in found[name]]
    for name in NUMBERS:
        raw[name] = cells.numbers(columns.get(name, name), found[name])
    raw["coarse"] = _coarse(cells, columns.get("coarse", ""), raw["coarse"].to_numpy(float))
    raw["biome"] = _biomes(cells, columns["biome"], found["biome"])
    for name in ("organic", "peat"):
        raw[name] = cells.flags(columns.get(name, name), found[name])
    cells.finish()
    raw["unpublished"] = raw["entry"].str.contains(UNPUBLISHED).astype(bool)
    flagged = pd.Series([DUPLICATE_FLAG in flags.split(";") for flags in found["qc_flags"]])
    raw["duplicate"] = _copies(raw, flagged)
    raw["unmeasured"] = [MODERN_FLAG in flags.split(";") for flags in found["qc_flags"]]
    for name in ("pct_c", "bulk_density", "coarse"):
        raw[f"{name}_filled"] = [origin == FILLED for origin in found[f"{name}_origin"]]
    return raw.drop(columns=["original_top", "original_bottom"])


def unused(path: Path) -> tuple[str, ...]:
    """Say which columns of a tidy table are not read, and which of them may have been meant."""
    header = [name for name in read_header(path) if name.strip()]
    known = {name for names in (REQUIRED | OPTIONAL).values() for name in names}
    given = {name.lower() for name in header}
    others = [name for name in header if name.lower() not in known]
    if not others:
        return ()
    missing = {name: key for key in TO_FILL_IN if given.isdisjoint(OPTIONAL[key])
               for name in OPTIONAL[key]}  # fmt: skip
    told = []
    for name in others:
        close = difflib.get_close_matches(_plain(name), missing, n=1, cutoff=0.8)
        told.append(f"{name} (did you mean {missing[close[0]]}?)" if close else name)
    # What may have been meant comes first.
    told.sort(key=lambda text: "(did" not in text)
    more = [f"and {len(told) - N_TOLD} more"] if len(told) > N_TOLD else []
    return (f"columns that are not read: {', '.join(told[:N_TOLD] + more)}",)


def _plain(name: str) -> str:
    """Spell a column's name as ours are: C_percent and percent C are pct_c, d14C_sd is d14c_err."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    words = [SYNONYMS.get(word, word) for word in words if word]
    return "_".join(sorted(words, key=lambda word: word not in {"pct"}))


def biome_number(label: str) -> float:
    """Return the number of a biome given as number, key or name; NaN if there is none such.

    Examples
    --------
    >>> biome_number("tundra"), biome_number("7"), biome_number("Boreal forests")
    (7.0, 7.0, 6.0)
    """
    label = label.strip().lower()
    for biome in BIOMES.values():
        if label in {str(biome.number), f"{biome.number}.0", biome.key, biome.name.lower()}:
            return float(biome.number)
    return math.nan


def _columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for name, known in (REQUIRED | OPTIONAL).items():
        present = [written for written in header if written.lower() in known]
        if len(present) > 1:
            both = " and ".join(present)
            raise DataError(f"{path}: columns {both} mean the same ({name}); keep one of them")
        if present:
            columns[name] = present[0]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        wanted = "; ".join(_wanted(name, header) for name in missing)
        raise DataError(f"{path}: missing column: {wanted}. The header has {', '.join(header)}")
    return columns


def _wanted(name: str, header: Sequence[str]) -> str:
    lower = {written.lower(): written for written in header}
    close = [
        lower[near]
        for known in REQUIRED[name]
        for near in difflib.get_close_matches(known, lower, n=1, cutoff=0.6)
    ]
    hint = f", did you mean {close[0]!r}?" if close else ""
    return f"{' or '.join(REQUIRED[name])}{hint}"


def _biomes(cells: Cells, column: str, labels: Sequence[str]) -> Floats:
    numbers = np.full(len(labels), math.nan)
    for index, label in enumerate(labels):
        if not text(label):
            continue
        numbers[index] = biome_number(label)
        if math.isnan(numbers[index]):
            close = difflib.get_close_matches(label.lower(), BIOME_KEYS, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]}? " if close else ""
            keys = ", ".join(BIOME_KEYS)
            right = f"is not a biome; {hint}It must be a number from 1 to 9 or one of {keys}"
            cells.refuse(index + 1, column, label, right)
    return numbers


def _coarse(cells: Cells, column: str, values: Floats) -> Floats:
    """Turn coarse fragments into a fraction; a percentage is judged as it was written."""
    if column.lower() != COARSE_PERCENT:
        return values
    for index in np.flatnonzero((values < 0.0) | (values > MOST_COARSE)):
        right = f"is no percentage of coarse fragments; it must lie between 0 and {MOST_COARSE:g}"
        cells.refuse(int(index) + 1, column, float(values[index]), right)
    return values / 100.0


def _copies(raw: pd.DataFrame, flagged: pd.Series) -> pd.Series:
    # The flag stands on every row of a group, so one of each group must stay. The groups were
    # made from place, depth as reported and Δ14C, under whichever profile or entry.
    top = raw["original_top"].fillna(raw["top_cm"])
    bottom = raw["original_bottom"].fillna(raw["bottom_cm"])
    keys = [raw["lat"], raw["lon"], top, bottom, raw["delta14c"]]
    return copies(raw, [key.where(flagged) for key in keys])

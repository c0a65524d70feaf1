"""Tables to fill in: what the readers of own data want, with rows that are invented examples."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from bayes_rootc.errors import DataError, WriteError
from bayes_rootc.files import write_text


@dataclass(frozen=True)
class Field:
    """A column: name, units or kind, meaning, whether it must be there."""

    name: str
    units: str
    text: str
    required: bool = True


@dataclass(frozen=True)
class Template:
    """A table to fill in.

    Attributes
    ----------
    text : str
        What a row is.
    path : str
        Where the table goes: within a data folder, or anywhere for layers alone.
    fields : tuple of Field
    examples : tuple of tuple of str
        Rows to be replaced; an empty cell is a value that is unknown.
    """

    text: str
    path: str
    fields: tuple[Field, ...]
    examples: tuple[tuple[str, ...], ...]

    def csv(self) -> str:
        """Header and examples as CSV."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([field.name for field in self.fields])
        writer.writerows(self.examples)
        return buffer.getvalue()


PLACE = (
    Field("lat", "degrees north", "latitude, -90 to 90"),
    Field("lon", "degrees east", "longitude, -180 to 180"),
    Field("biome", "1-9 or name", "as tropical_forests; the README lists the nine"),
)
TEMPLATES: dict[str, Template] = {
    "radiocarbon": Template(
        "one layer of a soil profile",
        "tables/radiocarbon_layers.csv",
        (
            Field("profile", "text", "layers with the same name are one profile"),
            *PLACE,
            Field("top_cm", "cm", "top below the surface of the mineral soil"),
            Field("bottom_cm", "cm", "bottom, below the top, at most 200"),
            Field("sample_year", "year", "when it was sampled, as 1998 or 1998.5"),
            Field("delta14c", "per mil", "Δ14C, not fraction modern: FM 1.05 is about +42 in 2015"),
            Field("delta14c_err", "per mil", "standard error of measurement", required=False),
            Field("pct_c", "%", "organic carbon of fine earth", required=False),
            Field("bulk_density", "g cm-3", "dry bulk density of fine earth", required=False),
            Field("coarse", "0-1", "volume fraction of stones; unknown counts as 0",
                  required=False),
            Field("mat", "degC", "mean annual temperature", required=False),
            Field("map", "mm yr-1", "annual precipitation", required=False),
            Field("entry", "text", "data set or study", required=False),
            Field("site", "text", "name of the site", required=False),
        ),
        (
            ("pit A", "47.5", "8.2", "temperate_forests", "0", "20", "2009", "55.0", "3.0", "3.1",
             "0.95", "0.1", "9.1", "1050", "my study", "site A"),
            ("pit A", "47.5", "8.2", "temperate_forests", "20", "40", "2009", "-40.0", "3.0",
             "1.2", "1.25", "0.2", "9.1", "1050", "my study", "site A"),
            ("pit B", "-3.1", "-60.0", "tropical_forests", "0", "10", "1998.5", "120.0", "", "",
             "", "", "26.7", "2200", "my study", "site B"),
        ),
    ),
    "npp": Template(
        "one record of net primary production at a site",
        "tables/npp_sites.csv",
        (
            Field("site", "text", "name", required=False),
            *PLACE,
            Field("bnpp", "g C m-2 yr-1", "belowground net primary production"),
            Field("npp", "g C m-2 yr-1", "all of it, above and below", required=False),
        ),
        (
            ("site A", "47.5", "8.2", "temperate_forests", "310", "820"),
            ("site C", "44.9", "-93.2", "temperate_grasslands", "250", ""),
        ),
    ),
    "roots": Template(
        "one root profile",
        "tables/root_profiles.csv",
        (
            Field("site", "text", "name", required=False),
            *PLACE,
            Field("d50_cm", "cm", "depth above which half of the roots lie"),
            Field("d95_cm", "cm", "depth above which 95 % of the roots lie"),
        ),
        (
            ("site A", "47.5", "8.2", "temperate_forests", "16", "95"),
            ("site C", "44.9", "-93.2", "temperate_grasslands", "9", "60"),
        ),
    ),
}  # fmt: skip


def find_template(name: str) -> Template:
    """Return a template; an unknown name is a :class:`DataError`."""
    if name not in TEMPLATES:
        raise DataError(f"{name}: no such template; right: {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


def write_template(name: str, path: Path | None, *, overwrite: bool = False) -> Path:
    """Write a table to fill in.

    Parameters
    ----------
    name : str
        ``radiocarbon``, ``npp`` or ``roots``.
    path : Path, optional
        ``NAME.csv`` in the working folder by default.
    overwrite : bool

    Raises
    ------
    DataError
        If there is no such template.
    WriteError
        If the file exists, or cannot be written.
    """
    template = find_template(name)
    path = path or Path(f"{name}.csv")
    if path.exists() and not overwrite:
        raise WriteError(f"{path}: exists; --overwrite replaces it, --to takes another")
    write_text(path, template.csv())
    return path

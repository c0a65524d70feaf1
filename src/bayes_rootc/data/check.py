"""What the program makes of a table: kept, dropped, impossible, implausible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayes_rootc.data.load import read_layers
from bayes_rootc.data.locate import DataLocation, folder_around
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOMES
from bayes_rootc.spec.turnover import DataSection

GAPS = {
    "delta14c_err": "a fit takes likelihood.default_sd of its model file",
    "mat": "as a covariate it is then the mean of the biome",
    "map": "as a covariate it is then the mean of the biome",
}
"""Column → what takes the place of a value that is missing."""

SHOWN = 20
"""Implausible rows in the text; the JSON has all."""


@dataclass(frozen=True)
class CheckReport:
    """Result of checking one table.

    Attributes
    ----------
    path : str
        The table.
    layers : TableData or None
        None where the table was refused.
    problems : tuple of str
        Why it was refused: one line for each impossible value or unreadable cell.
    """

    path: str
    layers: TableData | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether a fit would accept the table."""
        return self.layers is not None and len(self.layers.table) > 0

    def biomes(self) -> list[dict[str, Any]]:
        """Layers and profiles of each biome that has any, in the order of the biomes."""
        if self.layers is None:
            return []
        by_biome = self.layers.table.groupby("biome")["profile"]
        sizes, profiles = by_biome.size(), by_biome.nunique()
        return [
            {"biome": b.key, "layers": int(sizes[b.number]), "profiles": int(profiles[b.number])}
            for b in BIOMES.values()
            if b.number in sizes.index
        ]

    def gaps(self) -> dict[str, int]:
        """Column → kept layers without a value that a fit needs and then takes from elsewhere."""
        if self.layers is None:
            return {}
        missing = {column: int(self.layers.table[column].isna().sum()) for column in GAPS}
        return {column: n for column, n in missing.items() if n}

    def _taken(self, column: str, n: int) -> str:
        assert self.layers is not None
        every = n == len(self.layers.table) and column != "delta14c_err"
        return f"{n}; " + ("it is left out as a covariate" if every else GAPS[column])

    def as_dict(self) -> dict[str, Any]:
        """Everything in the report in plain types, for JSON."""
        report: dict[str, Any] = {
            "path": self.path, "ok": self.ok, "problems": list(self.problems),
        }  # fmt: skip
        if self.layers is None:
            return report
        return report | {
            "format": self.layers.format,
            "source": self.layers.source,
            "n_read": self.layers.n_read,
            "n_kept": len(self.layers.table),
            "n_profiles": int(self.layers.table["profile"].nunique()),
            "drops": [
                {"reason": drop.reason, "text": drop.text, "rows": list(drop.rows)}
                for drop in self.layers.drops
            ],
            "biomes": self.biomes(),
            "gaps": self.gaps(),
            "implausible": self.layers.implausible.to_dict(orient="records"),
            "notes": list(self.layers.notes),
            "data_hash": self.layers.data_hash,
        }

    def text(self) -> str:
        """Report for people."""
        if self.layers is None:
            return "\n".join([f"{self.path}: refused", *(f"  {line}" for line in self.problems)])
        layers = self.layers
        dropped = sum(len(drop.rows) for drop in layers.drops)
        lines = [
            f"{self.path}: format {layers.format}",
            f"rows read {layers.n_read}, kept {len(layers.table)} in "
            f"{layers.table['profile'].nunique()} profiles, dropped {dropped}",
            *(f"  {len(drop.rows):6d}  {drop.text}" for drop in layers.drops),
            *(
                f"kept without {column}: {self._taken(column, n)}"
                for column, n in self.gaps().items()
            ),
        ]
        if self.ok:
            lines += ["", f"{'biome':<24}{'layers':>8}{'profiles':>10}"]
            lines += [
                f"{row['biome']:<24}{row['layers']:>8}{row['profiles']:>10}"
                for row in self.biomes()
            ]
        else:
            lines += ["", "No layer is left: a fit would refuse this table."]
        lines += self._second_looks()
        return "\n".join(lines)

    def _second_looks(self) -> list[str]:
        assert self.layers is not None
        lines = [f"note: {note}" for note in self.layers.notes]
        listed = self.layers.implausible
        if len(listed):
            lines.append(
                f"implausible, kept (drop with data.keep_implausible = false): {len(listed)}"
            )
        for row in listed.head(SHOWN).itertuples():
            lines.append(
                f"  row {row.row}, profile {row.profile}: Δ14C {row.delta14c:g} ‰ in "
                f"{row.sample_year:g}, {row.why}"
            )
        if len(listed) > SHOWN:
            lines.append(f"  and {len(listed) - SHOWN} more (all with --json)")
        return ["", *lines] if lines else []


def check_layers(
    path: Path,
    select: DataSection | None = None,
    format: str | None = None,
    folder: Path | None = None,
    source: str = "file",
) -> CheckReport:
    """Read a table as a fit would and report on it; a refused table is a result, not an error.

    Parameters
    ----------
    path : Path
        A table in any known format.
    select : DataSection, optional
        Which layers enter; the defaults if not given.
    format : str, optional
        Name of a reader; recognised by default.
    folder : Path, optional
        Data folder whose grid gives biomes where the table has none; by default the one around
        the file.
    source : str
        ``file``, or ``real`` for the table of a data folder.

    Returns
    -------
    CheckReport
        With ``ok`` False if the table holds impossible values, cannot be read, or no layer is
        left.
    """
    location = DataLocation(path, folder or folder_around(path), "check", source)
    try:
        layers = read_layers(location, select or DataSection(), format)
    except DataError as error:
        return CheckReport(str(path), None, tuple(str(error).splitlines()))
    return CheckReport(str(path), layers, ())

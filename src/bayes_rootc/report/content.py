"""What a report says, apart from how it is written: banners, facts, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from bayes_rootc.report import numbers
from bayes_rootc.report.columns import TABLES, TableRecord, WithTitle
from bayes_rootc.report.figures.catalogue import FIGURES
from bayes_rootc.report.figures.style import to_png
from bayes_rootc.report.stored import biome_name, group, json_attribute
from bayes_rootc.report.tables import dropped_table, turnover_table

KEY_LAYERS = ("0-20", "100-150")
"""Standard layers on the first screen, cm."""


@dataclass(frozen=True)
class Banner:
    """A warning that a reader must see first: a word, and the sentence that explains it."""

    word: str
    sentence: str


@dataclass(frozen=True)
class Table:
    """One table: all rows for CSV, and the cells shown to people."""

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    @property
    def note(self) -> str:
        """Say so where the page shows fewer rows than the CSV holds."""
        if len(self.cells) == len(self.frame):
            return ""
        return f"{len(self.cells)} of {len(self.frame):,} rows; all in tables/{self.name}.csv."


@dataclass(frozen=True)
class Picture:
    """One rendered figure and the numbers behind it."""

    name: str
    title: str
    caption: str
    png: bytes = field(repr=False)
    frame: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Report:
    """Everything a reader sees, in order."""

    title: str
    lead: str
    banners: tuple[Banner, ...]
    verdict: str
    passed: bool
    facts: tuple[tuple[str, str], ...]
    key_table: Table
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]
    certificate: tuple[tuple[str, str], ...]


def build_report(run: xr.DataTree, diagnostics: Mapping[str, Any]) -> Report:
    """Read a stored run into a report; nothing is fitted.

    Parameters
    ----------
    run : DataTree
        The stored run.
    diagnostics : mapping
        The gate's verdict (``diagnostics.json``); may be empty.

    Raises
    ------
    RunError
        If the run lacks a group or variable.
    """
    attrs = run.attrs
    made = (_table(name, record, run, diagnostics) for name, record in TABLES.items())
    return Report(
        title=f"Soil carbon turnover: {attrs.get('origin', 'a stored run')}",
        lead=_lead(run),
        banners=tuple(_banners(run, diagnostics)),
        verdict=_verdict(diagnostics),
        passed=bool(diagnostics.get("passed", False)),
        facts=tuple(_facts(run, diagnostics)),
        key_table=_key_table(run),
        tables=tuple(table for table in made if table is not None),
        pictures=tuple(
            Picture(name, record.title, record.caption, to_png(record.draw(run)), record.data(run))
            for name, record in FIGURES.items()
        ),
        notes=tuple(str(note) for note in json_attribute(run, "notes", [])),
        certificate=tuple(_certificate(run, diagnostics)),
    )


def _lead(run: xr.DataTree) -> str:
    attrs = run.attrs
    model = json_attribute(run, "spec", {}).get("model", "unknown")
    return (
        "A hierarchical model of the decay rate k of bulk soil carbon (turnover time C_age = 1/k) "
        "by layer, profile and biome, fitted to the Δ14C of soil layers. "
        f"Model: {model}; data: {attrs.get('origin', 'unknown')} "
        f"(format {attrs.get('data_format', 'unknown')}); atmosphere: "
        f"{attrs.get('atmosphere_source', 'unknown')}, initial state "
        f"{attrs.get('initial', 'unknown')}."
    )


def _banners(run: xr.DataTree, diagnostics: Mapping[str, Any]) -> list[Banner]:
    banners = []
    if run.attrs.get("source") == "simulated":
        banners.append(
            Banner(
                "SIMULATED WORLD",
                "Every number here describes an invented soil whose truth is known. "
                "Nothing was measured.",
            )
        )
    if run.attrs.get("status") != "complete":
        sizes = group(run, "posterior").sizes
        planned = run.attrs.get("draws_asked", "unknown")
        banners.append(
            Banner(
                "PARTIAL",
                f"The sampler was stopped: {sizes['draw']} of {planned} draws in each of "
                f"{sizes['chain']} chains. The numbers are provisional.",
            )
        )
    if "passed" not in diagnostics:
        banners.append(
            Banner(
                "NOT CHECKED",
                "The run has no verdict on convergence. Do not use its numbers before it has one.",
            )
        )
    elif not diagnostics["passed"]:
        banners.append(
            Banner(
                "NOT CONVERGED",
                "At least one check of the sampler failed; the verdict below says which. Do not "
                "use these numbers: sample longer, or mend the model.",
            )
        )
    return banners


def _verdict(diagnostics: Mapping[str, Any]) -> str:
    if "passed" not in diagnostics:
        return "Gate: not checked"
    word = "passed" if diagnostics["passed"] else "FAILED"
    said = str(diagnostics.get("verdict", ""))
    return f"Gate {word}. {said[:1].upper()}{said[1:]}".strip()


def _facts(run: xr.DataTree, diagnostics: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes = group(run, "constant_data").sizes
    drops = dropped_table(run)
    posterior = group(run, "posterior").sizes
    return [
        ("layers", numbers.whole(sizes["layer"])),
        ("profiles", numbers.whole(sizes["profile"])),
        ("rows read", numbers.whole(run.attrs.get("n_read"))),
        ("rows dropped", numbers.whole(drops["n_rows"].sum())),
        ("draws", f"{posterior['chain']} chains × {posterior['draw']:,}"),
        ("largest R-hat", numbers.three_decimals(diagnostics.get("r_hat_max"))),
        ("smallest ESS", numbers.whole(_smallest_ess(diagnostics))),
        ("divergences", numbers.whole(diagnostics.get("divergences"))),
    ]


def _smallest_ess(diagnostics: Mapping[str, Any]) -> float:
    values = [diagnostics.get(f"ess_{kind}_min") for kind in ("bulk", "tail")]
    known = [float(value) for value in values if value is not None]
    return min(known, default=float("nan"))


def _key_table(run: xr.DataTree) -> Table:
    turnover = turnover_table(run)
    rows: list[dict[str, object]] = []
    cells = []
    for key, biome in turnover.groupby("biome_key", sort=False):
        by_layer = biome.set_index("standard_layer_cm").to_dict(orient="index")
        row: dict[str, object] = {"biome": biome_name(str(key))}
        row["n_layers"] = int(biome["n_layers"].sum())
        shown = [str(row["biome"]), numbers.whole(row["n_layers"])]
        for depth in KEY_LAYERS:
            names = ("c_age_typical", "c_age_typical_q025", "c_age_typical_q975")
            if depth not in by_layer:
                shown.append(numbers.NOT_AVAILABLE)
                continue
            here = by_layer[depth]
            row |= {f"{name}_{depth}": float(here[name]) for name in names}
            mark = "" if here["basis"] == "data" else f", {here['basis']}"
            shown.append(numbers.with_interval(*(here[name] for name in names)) + mark)
        rows.append(row)
        cells.append(tuple(shown))
    header = ("biome", "layers", *(f"C_age at {depth} cm (yr)" for depth in KEY_LAYERS))
    return Table(
        "key_numbers",
        "Typical turnover time",
        "Typical (median) site of each biome: posterior median and 95 % interval. "
        "“depth trend”: the biome has no layer at that depth; “from the population”: it has none "
        "at all.",
        pd.DataFrame(rows),
        header,
        tuple(cells),
    )


def _table(
    name: str, record: TableRecord, run: xr.DataTree, diagnostics: Mapping[str, Any]
) -> Table | None:
    frame = record.make(run, diagnostics)
    if frame.empty and record.hide_if_empty:
        return None
    columns: list[WithTitle] = [column for column in record.columns if column.applies(frame)]
    shown = frame if record.limit is None else frame.head(record.limit)
    cells = tuple(
        tuple(column.cell(row) for column in columns) for row in shown.to_dict(orient="records")
    )
    header = tuple(column.title for column in columns)
    return Table(name, record.title, record.caption, frame, header, cells)


def _certificate(run: xr.DataTree, diagnostics: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {
        "version": "bayes_rootc version",
        "spec_hash": "spec hash (sha256)",
        "data_hash": "data hash (sha256)",
        "seed": "seed",
        "created": "date of the fit",
        "source": "source",
        "origin": "origin",
        "status": "status",
        "chains": "chains",
        "tune": "tuning draws",
        "draws": "draws per chain",
        "draws_asked": "draws asked for",
        "atmosphere_source": "atmosphere",
        "initial": "initial state",
    }
    rows = [(title, numbers.text(run.attrs.get(name, "unknown"))) for name, title in names.items()]
    engines = json_attribute(run, "engines", {})
    rows += [(f"{name} version", str(version)) for name, version in engines.items()]
    seconds = diagnostics.get("sampling_seconds")
    if seconds is not None:
        rows.append(("sampling time (s)", numbers.three_digits(seconds)))
    return rows

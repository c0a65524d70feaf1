"""Report of a finished map: totals, figures, and what the map is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.mapping.block import CERTIFICATE, store_path
from bayes_rootc.mapping.cells import NO_LAND
from bayes_rootc.mapping.run import BESIDE_NPP, COUNTS, FINISHED
from bayes_rootc.mapping.store import open_store
from bayes_rootc.mapping.totals import Totals
from bayes_rootc.report.figures import maps as figures
from bayes_rootc.report.figures.style import to_small_png
from bayes_rootc.report.map_figures import map_figures
from bayes_rootc.report.map_tables import (
    ENGINES,
    all_totals,
    interval_cell,
    key_table,
    npp_table,
    shares_table,
    totals_of_engine,
    widths_table,
)
from bayes_rootc.report.parts import Banner, Picture, Report, Table
from bayes_rootc.report.text import aligned
from bayes_rootc.report.write import write_pages

CAVEATS = [
    "Biomes without BNPP (deserts, shrublands, tundra, croplands in the public data) have the "
    "I_root of an average biome of like climate: predictions, not measurements. Cells beyond the "
    "data are counted in n_beyond; `grid check` maps dissimilarity.",
    "Medians of the forests are to be read, not their means; for totals take the posterior. Where "
    "both engines differ by more than their intervals, neither is to be trusted alone.",
]
COUNT_NOTES = {NO_LAND: " (mapped, but not in the totals)"}


def write_map_report(folder: Path, target: Path | None = None) -> Path:
    """Write ``report.html``, ``report.md``, ``figures/`` and ``tables/`` of a finished map.

    Parameters
    ----------
    folder : Path
        Of the map.
    target : Path, optional
        Where to write; the map's own folder by default.

    Raises
    ------
    RunError
        If the map is not finished.
    """
    found = read_finished(folder)
    return write_pages(map_report(folder, found.info, found.totals), target or folder)


@dataclass(frozen=True)
class Finished:
    """What a finished map tells of itself: birth certificate; totals and cells by what they are."""

    info: dict[str, Any]
    totals: Totals


def read_finished(folder: Path) -> Finished:
    """Read what a finished map tells of itself.

    Raises
    ------
    RunError
        If the map is not finished.
    """
    try:
        info = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
        totals = pd.read_csv(folder / FINISHED)
        counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
        beside = folder / BESIDE_NPP
        npp = pd.read_csv(beside) if beside.exists() else pd.DataFrame()
    except (OSError, ValueError) as error:
        raise RunError(f"{folder}: is no finished map ({error}); map --resume ends it") from None
    return Finished(info, Totals(totals, npp, counts))


def map_report(folder: Path, info: Mapping[str, Any], totals: Totals) -> Report:
    """Lay out the report of a map."""
    engines = info["spec"]["engines"]
    flows = totals.flows
    maps = {name: figures.thin(open_store(store_path(folder, name))) for name in engines}
    banners = [Banner(*text.split(": ", maxsplit=1)) for text in warnings_of(info)]
    lead, note = forest_words(info) if "forest" in info else ("", "")
    tables = map_tables(info, totals, maps)
    counts = [
        f"cells {name}: {n:,}{COUNT_NOTES.get(name, '')}" for name, n in totals.counts.items()
    ]
    return Report(
        title="Maps of root carbon input, uptake and loss",
        lead="I_loss = I_root - I_bulk in every draw and cell. "
        + lead
        + "Intervals of the posterior hold the residuals of a site as it is, not of a typical one.",
        banners=tuple(banners),
        verdict="; ".join(_verdict(flows, engine) for engine in engines),
        passed=not banners,
        facts=tuple((ENGINES[engine], _share(flows, engine)) for engine in engines),
        key_table=tables[0],
        tables=tuple(tables[1:]),
        pictures=tuple(p for name, one in maps.items() for p in _pictures(one, name)),
        notes=(*counts, *CAVEATS, *([note] if note else [])),
        certificate=(
            *((key, str(info[key])) for key in ("version", "spec_hash", "grid_hash", "seed")),
            *((f"{name} {key}", str(value)) for name, key, value in _origins(info)),
            ("grid", Path(info["grid"]).name),  # reports go to others, whom our folders do not help
        ),
    )


def _origins(info: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Hashes of the runs that the maps are made of."""
    run, learning = info.get("run", {}), info.get("learning", {})
    yield from (("joint run's", key, run[key]) for key in ("spec_hash", "data_hash") if key in run)
    for target, value in learning.get("table_hashes", {}).items():
        yield "learners' table of", target, value


def map_tables(
    info: Mapping[str, Any], totals: Totals, maps: Mapping[str, xr.Dataset]
) -> list[Table]:
    """Totals by biome first; widths of intervals, engines side by side, NPP, totals by layer."""
    flows, engines = totals.flows, info["spec"]["engines"]
    return [
        key_table(flows, info["spec"]["forest"]["block_degrees"]),
        *([widths_table(maps)] if maps else []),
        *([shares_table(flows)] if len(engines) > 1 else []),
        *([npp_table(totals.npp)] if len(totals.npp) else []),
        all_totals(flows),
    ]


def warnings_of(info: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know before the numbers."""
    found = []
    run, learning = info.get("run", {}), info.get("learning", {})
    if "simulated" in (run.get("source"), learning.get("source")):
        found.append("SIMULATED WORLD: Every number here describes an invented soil.")
    if run and not run["converged"]:
        found.append("NOT CONVERGED: The joint run did not pass its gate; do not use these maps.")
    return found


def totals_text(totals: pd.DataFrame, block_degrees: float) -> str:
    """Totals of 0-200 cm by engine and biome, as text."""
    table = key_table(totals, block_degrees)
    return aligned(table.header, table.cells)


def forest_words(info: Mapping[str, Any]) -> tuple[str, str]:
    """Say where the intervals of the forests come from: for the lead, and as a note."""
    section = info["spec"]["forest"]
    degrees = f"blocks of {section['block_degrees']:g}°"
    held = degrees if section["held_out"] == "block" else "profiles"
    taus = "; ".join(
        f"{name}: {facts['rows']} rows in {facts['groups']} groups, τ95 {_taus(facts)}"
        for name, facts in info["forest"].items()
    )
    many = section["tau"] == "bootstrap"
    unit = f"each of {section['repeats']} forests" if many else "each stand of the forest's trees"
    note = (
        f"Tau of the forests: {unit} was grown on {section['inside']:.0%} of the {held}, and its "
        "error on the others was divided by the spread over its own trees. The maps multiply tau "
        "by the spread over all trees of the forest, which holds the differences between stands "
        "too, so that intervals are rather too wide than too narrow. In sums over cells errors are "
        f"shared within {degrees}, whatever was held out."
    )
    return f"Forests: intervals from errors on {held} held out ({taus}). ", note


def _taus(facts: Mapping[str, Any]) -> str:
    """Tau in use, and the other one where both were found."""
    named = {"oob": "out of bag", "bootstrap": "bootstrap"}
    found = [f"{facts[f'tau95_{key}']:.2f} ({text})" for key, text in named.items()
             if f"tau95_{key}" in facts]  # fmt: skip
    return ", ".join(found)


def _verdict(totals: pd.DataFrame, engine: str) -> str:
    loss = totals_of_engine(totals, engine).loc["i_loss"]
    return f"{ENGINES[engine]}: {interval_cell(loss, share=False)} Pg C lost per year"


def _share(totals: pd.DataFrame, engine: str) -> str:
    share = totals_of_engine(totals, engine).loc["loss_share"]
    return f"{interval_cell(share, share=True)} of I_root lost"


def _pictures(maps: xr.Dataset, engine: str) -> Iterator[Picture]:
    for figure in map_figures(maps, engine):
        png = to_small_png(figure.draw())
        yield Picture(figure.name, figure.title, figure.caption, png, figure.data())

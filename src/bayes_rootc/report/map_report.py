"""Report of a finished map: totals, figures, and what the map is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.layers import BIOMES
from bayes_rootc.mapping.block import CERTIFICATE, store_path
from bayes_rootc.mapping.run import COUNTS, FINISHED
from bayes_rootc.mapping.statistics import P_NEGATIVE
from bayes_rootc.mapping.store import CELL, PROFILE_LAYER, open_store
from bayes_rootc.report import numbers
from bayes_rootc.report.figures import maps as figures
from bayes_rootc.report.parts import Banner, Picture, Report, Table
from bayes_rootc.report.text import aligned
from bayes_rootc.report.write import write_pages

ENGINES = {
    "forest": "random forests (the study's way)",
    "posterior": "posterior of the joint model",
}
FLOWS = {**figures.NAMES, "loss_share": "I_loss / I_root"}
BIOME_NAMES = {"all": "All land", **{biome.key: biome.name for biome in BIOMES.values()}}
CAVEATS = [
    "Biomes without BNPP (deserts, shrublands, tundra, croplands in the public data) have the "
    "I_root of an average biome of like climate: predictions, not measurements. Cells beyond the "
    "data are counted in n_beyond; `grid check` maps dissimilarity.",
    "Medians of the forests are to be read, not their means; for totals take the posterior. Where "
    "both engines differ by more than their intervals, neither is to be trusted alone.",
]
NEGATIVE_NOTE = "Red: median below 0. White: not mapped."


def write_map_report(folder: Path) -> Path:
    """Write ``report.html``, ``report.md``, ``figures/`` and ``tables/`` into the map's folder.

    Raises
    ------
    RunError
        If the map is not finished.
    """
    try:
        info = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
        totals = pd.read_csv(folder / FINISHED)
        counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder}: is no finished map ({error}); map --resume ends it") from None
    return write_pages(map_report(folder, info, totals, counts), folder)


def map_report(
    folder: Path, info: Mapping[str, Any], totals: pd.DataFrame, counts: Mapping[str, int]
) -> Report:
    """Lay out the report of a map."""
    engines = info["spec"]["engines"]
    banners = [Banner("NOTE", text) for text in warnings_of(info)]
    taus = "; ".join(
        f"{name}: {facts['rows']} rows in {facts['groups']} groups, τ95 {_taus(facts)}"
        for name, facts in info.get("forest", {}).items()
    )
    notes = [f"cells {name}: {n:,}" for name, n in counts.items()] + CAVEATS
    return Report(
        title="Maps of root carbon input, uptake and loss",
        lead="I_loss = I_root - I_bulk in every draw and cell. "
        + (f"Forests: intervals from held-out errors ({taus}). " if taus else "")
        + "Intervals of the posterior hold the residuals of a site as it is, not of a typical one.",
        banners=tuple(banners),
        verdict="; ".join(_verdict(totals, engine) for engine in engines),
        passed=not banners,
        facts=tuple((ENGINES[engine], _share(totals, engine)) for engine in engines),
        key_table=_key_table(totals),
        tables=(_widths(folder, engines), _all_totals(totals)),
        pictures=tuple(p for engine in engines for p in _pictures(folder, engine)),
        notes=tuple(notes),
        certificate=tuple(
            (key, str(info[key])) for key in ("version", "spec_hash", "grid_hash", "seed", "grid")
        ),
    )


def warnings_of(info: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know before the numbers."""
    found = []
    run, learning = info.get("run", {}), info.get("learning", {})
    if "simulated" in (run.get("source"), learning.get("source")):
        found.append("SIMULATED WORLD: every number describes an invented soil")
    if run and not run["converged"]:
        found.append("NOT CONVERGED: the joint run did not pass its gate; do not use these maps")
    return found


def totals_text(totals: pd.DataFrame) -> str:
    """Totals of 0-200 cm by engine and biome, as text."""
    table = _key_table(totals)
    return aligned(table.header, table.cells)


def _rows(totals: pd.DataFrame) -> pd.DataFrame:
    return totals[totals["layer"] == PROFILE_LAYER]


def _key_table(totals: pd.DataFrame) -> Table:
    frame = _rows(totals)
    cells: list[tuple[str, ...]] = []
    for (engine, biome), part in frame.groupby(["engine", "biome"], sort=False):
        of = part.set_index("flow")
        cells.append((str(engine), BIOME_NAMES[str(biome)], *(_cell(of, flow) for flow in FLOWS)))
    header = ("engine", "biome", *FLOWS.values())
    caption = (
        "Pg C yr⁻¹ over 0-200 cm, area-weighted: median (95 % interval of the total). Errors of "
        "the forests are shared within blocks of 5°; the posterior shares its parameters."
    )
    return Table("totals", "Totals", caption, frame, header, tuple(cells))


def _cell(of: pd.DataFrame, flow: str) -> str:
    row = of.loc[flow]
    if flow == "loss_share":
        return f"{row['q50']:.0%} ({row['q025']:.0%} to {row['q975']:.0%})"
    return f"{row['q50']:.3g} ({row['q025']:.3g} to {row['q975']:.3g})"


def _taus(facts: Mapping[str, Any]) -> str:
    """Tau in use, and the other one where both were found."""
    named = {"oob": "out of bag", "bootstrap": "bootstrap"}
    found = [f"{facts[f'tau95_{key}']:.2f} ({text})" for key, text in named.items()
             if f"tau95_{key}" in facts]  # fmt: skip
    return ", ".join(found)


def _widths(folder: Path, engines: Iterable[str]) -> Table:
    """Compare how wide the intervals of cells are, engine by engine."""
    rows = []
    for engine in engines:
        maps = figures.thin(open_store(store_path(folder, engine)))
        for flow in ("i_root", "i_bulk"):
            of = maps[f"{flow}_quantile"].load()
            ratio = of.isel(quantile=-1, drop=True) / of.isel(quantile=0, drop=True)
            for layer, value in ratio.median(("lat", "lon")).to_series().items():
                rows.append((flow, str(layer), engine, float(value)))
    frame = pd.DataFrame(rows, columns=["flow", "layer_cm", "engine", "upper_over_lower"])
    wide = frame.pivot_table("upper_over_lower", ["flow", "layer_cm"], "engine", sort=False)
    cells = [
        (FLOWS[flow], layer, *(f"× {value:,.1f}" for value in row))
        for (flow, layer), row in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    caption = (
        "Upper over lower end of the interval of a cell (outer quantiles; 95 % by default), median "
        "over the cells shown. Wider means less is known, if both cover as they should."
    )
    header = ("flow", "layer, cm", *(ENGINES[str(name)] for name in wide.columns))
    return Table(
        "widths", "Widths of intervals, side by side", caption, frame, header, tuple(cells)
    )


def _all_totals(totals: pd.DataFrame) -> Table:
    shown = totals[totals["biome"] == "all"]
    cells = tuple(
        (
            str(row["engine"]), str(row["layer"]), FLOWS[str(row["flow"])],
            numbers.with_interval(*(row[name] for name in ("q50", "q025", "q975"))),
        )
        for row in shown.to_dict(orient="records")
    )  # fmt: skip
    text = "All land: median and 95 % interval of the per-draw sums, Pg C yr⁻¹ (shares: 1)."
    header = ("engine", "layer, cm", "flow", "total")
    return Table("totals_by_layer", "Totals by layer", text, totals, header, cells)


def _verdict(totals: pd.DataFrame, engine: str) -> str:
    rows = _rows(totals)
    own = rows[(rows["engine"] == engine) & (rows["biome"] == "all")].set_index("flow")
    return f"{ENGINES[engine]}: {_cell(own, 'i_loss')} Pg C lost per year"


def _share(totals: pd.DataFrame, engine: str) -> str:
    rows = _rows(totals)
    own = rows[(rows["engine"] == engine) & (rows["biome"] == "all")].set_index("flow")
    return f"{_cell(own, 'loss_share')} of I_root lost"


def _pictures(folder: Path, engine: str) -> Iterator[Picture]:
    maps = figures.thin(open_store(store_path(folder, engine)))
    by_latitude = figures.latitude_table(maps, PROFILE_LAYER)
    of = ENGINES[engine]
    study = "corresponds to the study's Fig. 4"
    yield Picture(
        f"{engine}_profile", f"0-200 cm, {of}",
        f"Median, uncertainty and latitude profile (mean of the cells' medians in bands of 5°, and "
        f"10 to 90 % of them); {study}. "
        + NEGATIVE_NOTE,
        figures.to_small_png(figures.profile(maps, PROFILE_LAYER)), by_latitude,
    )  # fmt: skip
    yield Picture(
        f"{engine}_share", f"Share lost, {of}", "0-200 cm: I_loss/I_root and its uncertainty.",
        figures.to_small_png(figures.share(maps)), _share_by_latitude(maps),
    )  # fmt: skip
    yield Picture(
        f"{engine}_trust", f"How far to trust, {of}",
        "Probability that I_loss over 0-200 cm is below 0, and covariates of the cell that are "
        "missing; of the posterior also components of its covariates beyond those of the data.",
        figures.to_small_png(figures.trust(maps)), _layer_means(maps),
    )  # fmt: skip
    for flow, name in figures.NAMES.items():
        for uncertain in (False, True):
            what = "uncertainty" if uncertain else "median"
            yield Picture(
                f"{engine}_{flow}_{what}", f"{name} by layer, {what}, {of}",
                f"Corresponds to the study's Extended Data Figs. 4 to 7. {NEGATIVE_NOTE}",
                figures.to_small_png(figures.layers(maps, flow, uncertain=uncertain)),
                _layer_quantiles(maps, flow, uncertain=uncertain),
            )  # fmt: skip


def _share_by_latitude(maps: xr.Dataset) -> pd.DataFrame:
    share = figures.median(maps.isel(standard_layer=-1, drop=True), "loss_share")
    cells = share.rename("loss_share").to_dataframe().dropna().reset_index()
    return cells.groupby("lat")["loss_share"].median().to_frame().reset_index()


def _layer_means(maps: xr.Dataset) -> pd.DataFrame:
    """Mean over the cells of what says how far to trust them."""
    layers = maps[P_NEGATIVE].load().mean(("lat", "lon")).to_series()
    rows = [(P_NEGATIVE, str(layer), float(value)) for layer, value in layers.items()]
    rows += [(name, "", float(maps[name].load().mean())) for name in CELL]
    return pd.DataFrame(rows, columns=["variable", "layer_cm", "mean"])


def _layer_quantiles(maps: xr.Dataset, flow: str, *, uncertain: bool) -> pd.DataFrame:
    """Quantiles over the cells of each layer, the numbers behind a figure of maps."""
    values = figures.uncertainty(maps, flow) if uncertain else figures.median(maps, flow)
    of = values.load().quantile([0.05, 0.25, 0.5, 0.75, 0.95], dim=("lat", "lon"))
    return pd.DataFrame(of.to_numpy().T, maps["standard_layer"].to_numpy()).reset_index()

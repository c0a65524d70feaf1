"""Tables of the report of a map: totals, both engines side by side, widths of intervals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOMES
from bayes_rootc.mapping.store import PROFILE_LAYER
from bayes_rootc.report import numbers
from bayes_rootc.report.figures import maps as figures
from bayes_rootc.report.figures.map_scales import UNIT
from bayes_rootc.report.parts import Table

ENGINES = {
    "forest": "random forests (the study's way)",
    "posterior": "posterior of the joint model",
}
FLOWS = {**figures.NAMES, "loss_share": "I_loss / I_root"}
BIOME_NAMES = {"all": "All land", **{biome.key: biome.name for biome in BIOMES.values()}}
SHARE = "loss_share"
APART, CROSSED = "intervals apart", "each median outside the other's interval"
PG = "Pg C yr-1"
TITLES = {
    "engine": "engine", "biome": "biome", "layer": "layer (cm)",
    "flow": "flow (Pg C yr-1; of loss_share 1)", "mean": "mean over draws",
    "q025": "lower end of the 95 % interval", "q50": "median", "q975": "upper end of the interval",
    "gridded_npp": f"net primary production of the grid ({PG})",
    "p_above": "share of draws above it (–)",
    "area_above": "area whose median is above it (–)",
    "i_root_elsewhere": f"I_root where there is none ({PG})",
    "upper_over_lower": "upper over lower end (–)",
    "upper_minus_lower": "upper less lower end (Mg C ha⁻¹ yr⁻¹)", "layer_cm": "layer (cm)",
}  # fmt: skip
"""Columns of the tables of maps → what they are."""
TOTALS, NPP = ("totals.csv",), ("npp.csv",)
"""Files beside the maps that tables are made of: sums of draws, over the blocks of a map."""
ABOVE, REACHES = "above NPP", "interval reaches above NPP"


def of_profile(totals: pd.DataFrame) -> pd.DataFrame:
    """Rows of 0-200 cm."""
    return totals[totals["layer"] == PROFILE_LAYER]


def interval_cell(row: Any, *, share: bool) -> str:
    """Write a median with its interval; a share in percent."""
    middle, low, high = (row[name] for name in ("q50", "q025", "q975"))
    if share:
        return f"{middle:.0%} ({low:.0%} to {high:.0%})"
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def key_table(totals: pd.DataFrame, block_degrees: float) -> Table:
    """Totals of 0-200 cm by engine and biome."""
    frame = of_profile(totals)
    cells: list[tuple[str, ...]] = []
    for (engine, biome), part in frame.groupby(["engine", "biome"], sort=False):
        of = part.set_index("flow")
        values = (interval_cell(of.loc[flow], share=flow == SHARE) for flow in FLOWS)
        cells.append((str(engine), BIOME_NAMES[str(biome)], *values))
    flows = (name if flow == SHARE else f"{name} (Pg C yr⁻¹)" for flow, name in FLOWS.items())
    header = ("engine", "biome", *flows)
    caption = (
        "Pg C yr⁻¹ over 0-200 cm, area-weighted: median (95 % interval of the total). Errors of "
        f"the forests are shared within blocks of {block_degrees:g}° and independent between them; "
        "the posterior shares its parameters."
    )
    return Table("totals", "Totals", caption, frame, header, tuple(cells), TOTALS, TITLES)


def shares_table(totals: pd.DataFrame) -> Table:
    """Share lost by biome, engines side by side, and whether they agree."""
    rows = of_profile(totals)
    frame = rows[rows["flow"] == SHARE][["biome", "engine", "q50", "q025", "q975"]]
    engines = [str(name) for name in dict.fromkeys(frame["engine"])]
    cells: list[tuple[str, ...]] = []
    for biome in [name for name in BIOME_NAMES if name in set(frame["biome"])]:
        own = frame[frame["biome"] == biome].set_index("engine")
        shares = (interval_cell(own.loc[name], share=True) for name in engines)
        cells.append((BIOME_NAMES[biome], *shares, _agreement(own)))
    lists = [
        ", ".join(row[0] for row in cells if row[-1] == words) or "nowhere"
        for words in (APART, CROSSED)
    ]
    caption = (
        "I_loss/I_root of the totals over 0-200 cm: median (95 % interval). The engines disagree "
        f"beyond their intervals, which lie apart: {lists[0]}. Each median lies outside the "
        f"other's interval: {lists[1]}. There neither engine is to be trusted alone."
    )
    wide = frame.pivot_table(index="biome", columns="engine", sort=False)
    wide.columns = [f"{column[1]}_{column[0]}" for column in wide.columns.to_flat_index()]
    header = ("biome", *(ENGINES[name] for name in engines), "do they agree?")
    title = "Share lost, engine by engine"
    return Table(
        "share_by_biome", title, caption, wide.reset_index(), header, tuple(cells), TOTALS, TITLES
    )


def _agreement(of: pd.DataFrame) -> str:
    """Words for how the intervals of engines lie to each other."""
    for (_, one), (_, other) in combinations(of.iterrows(), 2):
        if max(one["q025"], other["q025"]) > min(one["q975"], other["q975"]):
            return APART
        outside = [not a["q025"] <= b["q50"] <= a["q975"] for a, b in ((one, other), (other, one))]
        if all(outside):
            return CROSSED
        if any(outside):
            return "one median outside the other's interval"
    return "yes"


def npp_table(npp: pd.DataFrame) -> Table:
    """I_root by biome beside the net primary production of the grid, on the same cells."""
    reaches = np.where(npp["q975"] > npp["gridded_npp"], REACHES, "")
    frame = npp.assign(note=np.where(npp["q50"] > npp["gridded_npp"], ABOVE, reaches))
    cells = tuple(
        (str(row["engine"]), BIOME_NAMES[str(row["biome"])], f"{row['gridded_npp']:.3g}",
         interval_cell(row, share=False), f"{row['p_above']:.0%}", f"{row['area_above']:.0%}",
         f"{row['i_root_elsewhere']:.3g}", str(row["note"]))
        for row in frame.to_dict(orient="records")
    )  # fmt: skip
    caption = (
        "Pg C yr⁻¹ over 0-200 cm, on the cells that have gridded NPP: roots cannot bring in more "
        "than plants fix. The area is that of cells whose median is above their NPP. Elsewhere "
        f"there is no NPP to compare with, as on bare ground. {_above(frame)}"
    )
    header = ("engine", "biome", "gridded NPP", "I_root", "draws above NPP", "area above NPP",
              "I_root elsewhere", "")  # fmt: skip
    title = "I_root beside gridded NPP"
    return Table("npp", title, caption, frame, header, cells, NPP, TITLES)


def _above(frame: pd.DataFrame) -> str:
    flagged = frame[(frame["note"] == ABOVE) & (frame["biome"] != "all")]
    if flagged.empty:
        return "In no biome does the median of I_root exceed NPP."
    parts = [
        f"{', '.join(BIOME_NAMES[str(biome)] for biome in own['biome'])} ({engine})"
        for engine, own in flagged.groupby("engine", sort=False)
    ]
    return f"The median of I_root exceeds NPP, and is not to be used: {'; '.join(parts)}."


def widths_table(maps: Mapping[str, xr.Dataset]) -> Table:
    """Compare how wide the intervals of cells are, engine by engine."""
    rows = []
    for engine, one in maps.items():
        for flow in figures.NAMES:
            of = one[f"{flow}_quantile"].load()
            low, high = of.isel(quantile=0, drop=True), of.isel(quantile=-1, drop=True)
            for layer in of["standard_layer"].to_numpy():
                below, above = (end.sel(standard_layer=layer) for end in (low, high))
                # I_loss may be negative: it has no ratio.
                ratio = np.nan if flow == "i_loss" else float((above / below).median())
                width = float((above - below).median())
                rows.append((flow, str(layer), engine, ratio, width))
    columns = ["flow", "layer_cm", "engine", "upper_over_lower", "upper_minus_lower"]
    frame = pd.DataFrame(rows, columns=columns)
    cells = tuple(
        (FLOWS[str(flow)], str(layer), *(_width(row) for row in part.to_dict(orient="records")))
        for (flow, layer), part in frame.groupby(["flow", "layer_cm"], sort=False)
    )
    level = figures.level(next(iter(maps.values())))
    caption = (
        f"Of the {level} interval of a cell, median over the cells shown: upper over lower end "
        f"(×); of I_loss, which may be negative, upper less lower end ({UNIT}). Wider "
        "means less is known, if both cover as they should."
    )
    header = ("flow", "layer, cm", *(ENGINES[engine] for engine in maps))
    title = "Widths of intervals, side by side"
    source = tuple(f"{engine}.zarr/{flow}_quantile" for engine in maps for flow in figures.NAMES)
    return Table("widths", title, caption, frame, header, cells, source, TITLES)


def _width(row: Mapping[Any, Any]) -> str:
    if row["flow"] == "i_loss":
        return f"{row['upper_minus_lower']:.3g}"
    return f"× {row['upper_over_lower']:,.1f}"


def all_totals(totals: pd.DataFrame) -> Table:
    """Totals of all land, layer by layer."""
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
    hidden = len(totals) - len(shown)
    return Table(
        "totals_by_layer", "Totals by layer", text, totals, header, cells, TOTALS, TITLES, hidden
    )


def totals_of_engine(totals: pd.DataFrame, engine: str) -> pd.DataFrame:
    """Rows of an engine for all land and 0-200 cm, by flow."""
    rows = of_profile(totals)
    return rows[(rows["engine"] == engine) & (rows["biome"] == "all")].set_index("flow")

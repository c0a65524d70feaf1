"""Tables of losses as the report shows them, with names for people."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bayes_rootc.loss.estimates import ESTIMATES, MEAN_OF_ALL, PROFILE_LABEL
from bayes_rootc.loss.tables import contrast_table, letter_table
from bayes_rootc.report.answer import MEAN
from bayes_rootc.report.flow_tables import AVERAGES, flows_table
from bayes_rootc.report.losses import lacking_blocks, losses
from bayes_rootc.report.stored import biome_name, json_attribute
from bayes_rootc.report.tables import dropped_table


def flows_with_letters(run: xr.DataTree) -> pd.DataFrame:
    """Flows of the biomes with the letters of I_loss, where the run has all blocks."""
    table = flows_table(run)
    if not lacking_blocks(run):
        for average in AVERAGES:
            letters = letter_table(run, average).set_index("biome")["letters"]
            table[f"letters_{average}"] = table["biome_key"].map(letters)
    return table


def estimates_table(run: xr.DataTree) -> pd.DataFrame:
    """Six estimates and their mean over all sites and 0-200 cm, with where their parts are from."""
    table = losses(run)
    whole = (table["biome"] == "all") & (table["layer_cm"] == PROFILE_LABEL)
    table = table[whole].drop(columns=["biome", "layer_cm"]).reset_index(drop=True)
    words = {estimate.label: estimate for estimate in ESTIMATES}
    for place, name in enumerate(("i_root", "depth_share", "i_bulk")):
        found = [getattr(words.get(str(label)), name, "") for label in table["estimate"]]
        table.insert(4 + place, f"{name}_from", found)
    return table


def ordered_losses(run: xr.DataTree) -> pd.DataFrame:
    """Return all losses, the mean of six over 0-200 cm first, with names of biomes."""
    table = losses(run)
    names = ["all sites" if key == "all" else biome_name(str(key)) for key in table["biome"]]
    table.insert(3, "biome_name", names)
    order = pd.DataFrame(
        {
            "six": table["estimate"] != MEAN_OF_ALL,
            "layer": table["layer_cm"] != PROFILE_LABEL,
            "mean": table["statistic"] != MEAN,
        }
    )
    rows = order.sort_values(["six", "layer", "mean"], kind="stable").index
    return table.loc[rows].reset_index(drop=True)


def contrasts(run: xr.DataTree) -> pd.DataFrame:
    """Differences of I_loss between biomes, for the means over sites, then the typical sites."""
    parts = []
    for average, statistic in AVERAGES.items():
        part = contrast_table(run, average)
        part.insert(2, "name_1", [biome_name(str(key)) for key in part["biome_1"]])
        part.insert(3, "name_2", [biome_name(str(key)) for key in part["biome_2"]])
        part.insert(4, "statistic", statistic)
        parts.append(part.rename(columns={"q025": "difference_q025", "q975": "difference_q975"}))
    return pd.concat(parts, ignore_index=True)


def dropped_by_table(run: xr.DataTree) -> pd.DataFrame:
    """Rows left out of each table, by reason: number and the row numbers."""
    drops = json_attribute(run, "drops", [])
    table_of = {
        (str(drop["reason"]), str(drop.get("text", drop["reason"]))): str(drop.get("table", ""))
        for drop in drops
    }
    table = dropped_table(run)
    pairs = zip(table["reason"], table["text"], strict=True)
    table.insert(0, "table", [table_of[pair] for pair in pairs])
    return table.sort_values("table", kind="stable", ignore_index=True)

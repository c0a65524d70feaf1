"""What the report of a turnover run says."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bayes_rootc.report import numbers
from bayes_rootc.report.parts import Diagnostics, Pairs, Table
from bayes_rootc.report.sources import TURNOVER_KEY, found_in
from bayes_rootc.report.stored import biome_name, group, json_attribute, origin_of
from bayes_rootc.report.tables import dropped_table, smallest_ess, turnover_table

KEY_LAYERS = ("0-20", "100-150")
"""Standard layers on the first screen, cm."""


def lead(run: xr.DataTree) -> str:
    """What was fitted to which data."""
    attrs = run.attrs
    model = json_attribute(run, "spec", {}).get("model", "unknown")
    return (
        "A hierarchical model of the decay rate k of bulk soil carbon (turnover time C_age = 1/k) "
        "by layer, profile and biome, fitted to the Δ14C of soil layers. "
        f"Model: {model}; data: {origin_of(attrs)} "
        f"(format {attrs.get('data_format', 'unknown')}); atmosphere: "
        f"{attrs.get('atmosphere_source', 'unknown')}, initial state "
        f"{attrs.get('initial', 'unknown')}."
    )


def facts(run: xr.DataTree, diagnostics: Diagnostics) -> Pairs:
    """Size of the data and quality of the draws."""
    sizes = group(run, "constant_data").sizes
    drops = dropped_table(run)
    posterior = group(run, "posterior").sizes
    return (
        ("layers", numbers.whole(sizes["layer"])),
        ("profiles", numbers.whole(sizes["profile"])),
        ("rows read", numbers.whole(run.attrs.get("n_read"))),
        ("rows dropped", numbers.whole(drops["n_rows"].sum())),
        ("draws", f"{posterior['chain']} chains × {posterior['draw']:,}"),
        ("largest R-hat", numbers.three_decimals(diagnostics.get("r_hat_max"))),
        ("smallest ESS", numbers.whole(smallest_ess(diagnostics))),
        ("divergences", numbers.whole(diagnostics.get("divergences"))),
    )


def key_table(run: xr.DataTree) -> Table:
    """Typical turnover time of each biome near the surface and at depth."""
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
        found_in(run, TURNOVER_KEY),
    )

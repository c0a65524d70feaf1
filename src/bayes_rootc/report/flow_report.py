"""What the report of a run of the flow models says: the joint model, and its blocks alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.report import numbers
from bayes_rootc.report.answer import answer_table, distance_sentence, parts_sentence
from bayes_rootc.report.comparison import COMPARED
from bayes_rootc.report.flow_tables import COUNTS, counts_table, site_components
from bayes_rootc.report.parts import Diagnostics, Pairs, Table
from bayes_rootc.report.sources import ANSWER, TYPICAL_LEVELS, found_in
from bayes_rootc.report.stored import (
    Floats,
    biome_name,
    draws_first,
    group,
    has,
    labels,
    origin_of,
)
from bayes_rootc.report.tables import dropped_table, smallest_ess
from bayes_rootc.variables import EFFECTS

_SIZES = {
    "layer": "layers",
    "profile": "soil profiles",
    "npp_site": "NPP sites",
    "root_profile": "root profiles",
    "place": "places",
    "component": "components",
}


@dataclass(frozen=True)
class Natural:
    """An effect of a biome on its natural scale."""

    title: str
    back: Callable[[Floats], Floats]


def _logistic(value: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-value)))


NATURAL = {
    "k": Natural("decay rate k at 20 cm (yr⁻¹)", np.exp),
    "rho": Natural("carbon density at 20 cm (Mg C ha⁻¹ cm⁻¹)", np.exp),
    "bnpp": Natural("BNPP (Mg C ha⁻¹ yr⁻¹)", np.exp),
    "f_bnpp": Natural("BNPP / NPP (–)", _logistic),
    "d50": Natural("D50 of roots (cm)", np.exp),
}


def lead(sentence: str) -> Callable[[xr.DataTree], str]:
    """Make the lead of a kind of run: what it is, and what data it was fitted to."""

    def say(run: xr.DataTree) -> str:
        return f"{sentence} Data: {origin_of(run.attrs)}."

    return say


def joint_lead(run: xr.DataTree) -> str:
    """Say what was fitted, and how the share that is lost compares with the study's."""
    what = lead(
        "One hierarchical model of turnover, carbon density, root input and root depth, whose "
        "biome effects share one covariance: what roots bring (I_root), what of it enters the bulk "
        "soil (I_bulk) and what is lost before (I_loss = I_root - I_bulk)."
    )(run)
    why = f"{parts_sentence(run)} {COMPARED['loss_share'].why}"
    return f"{what} {distance_sentence(run)} Why they may differ: {why}"


def facts(run: xr.DataTree, diagnostics: Diagnostics) -> Pairs:
    """Size of the data and quality of the draws."""
    sizes = group(run, "constant_data").sizes
    posterior = group(run, "posterior").sizes
    return (
        *((title, numbers.whole(sizes[dim])) for dim, title in _SIZES.items() if dim in sizes),
        ("rows read", numbers.whole(run.attrs.get("n_read"))),
        ("rows dropped", numbers.whole(dropped_table(run)["n_rows"].sum())),
        ("draws", f"{posterior['chain']} chains × {posterior['draw']:,}"),
        ("largest R-hat", numbers.three_decimals(diagnostics.get("r_hat_max"))),
        ("smallest ESS", numbers.whole(smallest_ess(diagnostics))),
        ("divergences", numbers.whole(diagnostics.get("divergences"))),
    )


def answer_key_table(run: xr.DataTree) -> Table:
    """I_root, I_bulk, I_loss and their ratios over all sites, beside the study's."""
    frame = answer_table(run)
    shown = ["name", "meaning", "mean_text", "typical_text", "study_text"]
    return Table(
        "key_numbers",
        "What roots bring and what is lost",
        "0-200 cm, all sites, mean of the six estimates: posterior median and 95 % interval. The "
        "study reports means over sites. I_root and I_bulk are log-normal, I_bulk with far more "
        "scatter: a typical (median) site has much less of it and loses a larger share. Medians "
        "are taken quantity by quantity and do not add up.",
        frame,
        ("", "what it is", "mean over sites", "typical (median) site", "study (range)"),
        tuple(tuple(str(cell) for cell in row) for row in frame[shown].to_numpy()),
        found_in(run, ANSWER),
    )


def typical_key_table(run: xr.DataTree) -> Table:
    """Typical value of each modelled quantity by biome, on its natural scale."""
    names = [name for name in EFFECTS if has(run, f"posterior/a_{name}")]
    counts = counts_table(run).set_index("biome_key")
    rows, cells = [], []
    for b, biome in enumerate(labels(group(run, "posterior"), "biome")):
        row: dict[str, object] = {"biome": biome_name(biome)}
        shown = [biome_name(biome)]
        for name in names:
            draws = NATURAL[name].back(_typical_level(run, name)[:, b])
            middle, low, high = (float(v) for v in np.quantile(draws, (0.5, 0.025, 0.975)))
            n = counts[COUNTS[name]][biome] if COUNTS[name] in counts else 1
            row |= {name: middle, f"{name}_q025": low, f"{name}_q975": high}
            mark = "" if n else ", from the population"
            shown.append(numbers.with_interval(middle, low, high) + mark)
        rows.append(row)
        cells.append(tuple(shown))
    return Table(
        "key_numbers",
        "Typical site of each biome",
        "Posterior median and 95 % interval at the mean components of the biome's sites. “from "
        "the population”: the biome has no data.",
        pd.DataFrame(rows),
        ("biome", *(NATURAL[name].title for name in names)),
        tuple(cells),
        found_in(run, TYPICAL_LEVELS),
    )


def _typical_level(run: xr.DataTree, name: str) -> Floats:
    level = draws_first(run, "posterior", f"a_{name}", "biome")
    if not has(run, f"posterior/slopes_{name}", "constant_data/components"):
        return level
    slopes = draws_first(run, "posterior", f"slopes_{name}", "biome", "component")
    return np.asarray(level + np.einsum("sbc,bc->sb", slopes, site_components(run)))

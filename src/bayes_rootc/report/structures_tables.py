"""Tables of the report of a comparison of structures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bayes_rootc.inference.structures_folder import Compared
from bayes_rootc.report import numbers
from bayes_rootc.report.columns import Column, Interval, WithError, WithTitle
from bayes_rootc.report.figures.structures import BIOME_NAMES, CRITERIA, label
from bayes_rootc.report.parts import Table, table_of
from bayes_rootc.report.sources import AGES, COMPARED, HELD_OUT, SHAPES, SURVIVAL, TIMES
from bayes_rootc.report.structures_text import studies_of_best
from bayes_rootc.spec.structures import REFERENCE
from bayes_rootc.variables import VARIABLES

N_SHOWN = 8
"""Studies shown at either end."""

AGES_SHOWN = ("0-20", "40-60", "100-150")
"""Layers whose ages are shown."""

LEFT_OUT = Column("criterion", "left out", lambda name: CRITERIA[str(name)])
STRUCTURE = Column("structure", "structure", lambda name: label(str(name)))
BIOME = Column("biome", "biome", lambda name: BIOME_NAMES[str(name)])
LAYER = Column("layer_cm", "layer (cm)")
LAYERS = Column("n_layers", "layers", numbers.whole)
PER_LAYER = Column("per_layer", "per layer", lambda value: f"{float(value):+.3f}")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Consequences:
    """What follows of the structures: shapes, ages, and flows where the joint model was fitted."""

    shapes: pd.DataFrame
    ages: pd.DataFrame
    flows: pd.DataFrame | None
    survival: pd.DataFrame | None


def structures_tables(compared: Compared, found: Consequences) -> list[Table]:
    """Tables of the report, the comparison first."""
    flows = []
    if found.flows is not None and found.survival is not None:
        flows = [_survival(found.survival), _flows(found.flows)]
    return [
        _comparison(compared.comparison), _shapes(found.shapes), *flows,
        _gains(compared.gains[compared.gains["by"] != "study"]), *_studies(compared),
        _ages(found.ages), *_times(compared),
    ]  # fmt: skip


def _survival(frame: pd.DataFrame) -> Table:
    caption = (
        "I_loss of 0-200 cm, mean of six estimates over all sites, over that of one pool: "
        "posterior median and 95 % interval, draws of two fits paired at random."
    )
    columns = (
        STRUCTURE, Column("statistic", "statistic"),
        Interval("survives", "I_loss over that of one pool (–)", middle="_q50"),
        Column("p_no_less", "P(no less than all)", numbers.two_decimals),
    )  # fmt: skip
    words = ("What of the one-pool loss survives", caption)
    return table_of("survival", words, frame, columns, SURVIVAL)


def _times(compared: Compared) -> list[Table]:
    """Seconds of sampling; nothing of a stopped fit that `report` made a run of."""
    seconds: dict[str, float | None] = compared.info.get("seconds", {})
    rows = []
    for key, value in seconds.items():
        model, structure = key.split("/")
        if value is not None:
            one = seconds[f"{model}/{REFERENCE}"] or math.nan
            rows.append((structure, model, value, value / one))
    if not rows:
        return []
    frame = pd.DataFrame(rows, columns=["structure", "model", "seconds", "over_one_pool"])
    columns = (
        STRUCTURE, Column("model", "model"), Column("seconds", "sampling (s)", numbers.whole),
        Column("over_one_pool", "times one pool (–)", numbers.three_digits),
    )  # fmt: skip
    caption = "Both attempts of fits that diverged; seconds depend on what else the machine did."
    return [table_of("times", ("Time of sampling", caption), frame, columns, TIMES)]


def _comparison(frame: pd.DataFrame) -> Table:
    caption = (
        "Best first. elpd: sum over layers of the log predictive density of Δ14C, per ‰. PIT "
        "distance: largest distance of the distribution of PIT values from the uniform one; of "
        "fits that never saw the layer. Pareto k above 0.7: PSIS-LOO of that layer is not to be "
        "trusted."
    )
    columns = (
        LEFT_OUT, STRUCTURE, LAYERS, WithError("elpd", "elpd ± SE"),
        WithError("difference", "less one pool ± SE"), WithError("behind", "less the best ± SE"),
        Column("weight", "stacking weight", numbers.two_decimals),
        Column("coverage_90", "90 % intervals hold", numbers.percent),
        Column("pit_distance", "PIT distance", numbers.three_decimals),
        Column("crps", "CRPS (‰)", numbers.three_digits),
        Column("n_high_k", "layers with Pareto k > 0.7", lambda n: "n/a" if n == -1 else str(n)),
    )  # fmt: skip
    return table_of("comparison", ("Structures compared", caption), frame, columns, COMPARED)


def _shapes(frame: pd.DataFrame) -> Table:
    caption = (
        "Posterior median and 95 % interval. Gamma: shape a, one pool as a grows; log-normal: "
        "standard deviation of ln k; two pools: ratio of the rates. A shape that changes with "
        "depth is that at the reference depth."
    )
    columns = (
        STRUCTURE, Column("parameter", "parameter", lambda name: VARIABLES[str(name)].long_name),
        Interval("value", "value (–)", middle="_q50"),
    )  # fmt: skip
    return table_of("shapes", ("How widely rates are spread", caption), frame, columns, SHAPES)


def _gains(frame: pd.DataFrame) -> Table:
    words = (
        "Where a structure predicts better",
        "Difference of elpd from one pool, by depth (cm), biome and year of sampling.",
    )
    columns = (
        LEFT_OUT, STRUCTURE, Column("group", "where"), LAYERS,
        WithError("difference", "less one pool ± SE"), PER_LAYER,
    )  # fmt: skip
    return table_of("gains", words, frame, columns, COMPARED)


def _studies(compared: Compared) -> list[Table]:
    """Which studies the evidence comes from; none where no structure beats one pool."""
    frame = studies_of_best(compared.comparison, compared.gains)
    if frame.empty:
        return []
    frame = frame.sort_values("difference", ascending=False)
    shown = pd.concat([frame.head(N_SHOWN), frame.iloc[N_SHOWN:].tail(N_SHOWN)])
    caption = (
        f"Difference of elpd from one pool of {label(str(frame['structure'].iloc[0]))}, "
        f"{CRITERIA[str(frame['criterion'].iloc[0])]}: the {N_SHOWN} studies that gain most and "
        f"the {N_SHOWN} that lose most of {len(frame)}."
    )
    columns = (
        Column("group", "study"), LAYERS,
        Column("difference", "less one pool", lambda value: f"{value:+.1f}"), PER_LAYER,
    )  # fmt: skip
    words = ("Which studies say so", caption)
    return [table_of("studies", words, frame, columns, HELD_OUT, shown=shown)]


def _ages(frame: pd.DataFrame) -> Table:
    caption = (
        "Typical (median) site of the population at the middle of the layer, posterior median and "
        "95 % interval; ∞: so many of the rates are near zero that the stock has no mean age."
    )
    columns = (
        STRUCTURE, BIOME, LAYER,
        Interval("transit_time", "mean transit time = turnover time (yr)", middle="_q50"),
        Interval("stock_age", "mean age of the stock (yr)", middle="_q50"),
        Column("p_no_age", "draws without a mean age", numbers.percent),
    )  # fmt: skip
    shown = frame[frame["layer_cm"].isin(AGES_SHOWN)]
    words = ("Ages under each structure", caption)
    return table_of("ages", words, frame, columns, AGES, shown=shown)


def _flows(frame: pd.DataFrame) -> Table:
    caption = (
        "Mean of six estimates, mean over sites, posterior median and 95 % interval: all sites by "
        "layer, biomes over 0-200 cm."
    )
    unit = "(Mg C ha⁻¹ yr⁻¹)"
    columns: tuple[WithTitle, ...] = (
        STRUCTURE, BIOME, LAYER,
        *(Interval(key, f"{name} {unit}", middle="_q50")
          for key, name in (("i_root", "I_root"), ("i_bulk", "I_bulk"), ("i_loss", "I_loss"))),
        Interval("loss_share", "I_loss / I_root (–)", middle="_q50"),
    )  # fmt: skip
    whole = (frame["layer_cm"] == "0-200") | (frame["biome"] == "all")
    shown = frame[(frame["statistic"] == "mean over sites") & whole]
    words = ("Flows under each structure", caption)
    return table_of("flows", words, frame, columns, SURVIVAL, shown=shown)

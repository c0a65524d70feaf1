"""Tables of the report of a comparison of structures."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bayes_rootc.inference.structures_folder import Compared
from bayes_rootc.report import numbers
from bayes_rootc.report.figures import structures as figures
from bayes_rootc.report.figures.structures import CRITERIA, label
from bayes_rootc.report.parts import Table
from bayes_rootc.report.structures_text import studies_of_best
from bayes_rootc.variables import VARIABLES

N_SHOWN = 8
"""Studies shown at either end."""


@dataclass(frozen=True)
class Consequences:
    """What follows of the structures: shapes, ages, and flows where the joint model was fitted."""

    shapes: pd.DataFrame
    ages: pd.DataFrame
    flows: pd.DataFrame | None


def structures_tables(compared: Compared, found: Consequences) -> list[Table]:
    """Tables of the report, the comparison first."""
    flows = [] if found.flows is None else [_flows(found.flows)]
    return [
        _comparison(compared.comparison), _shapes(found.shapes), *flows,
        _gains(compared.gains[compared.gains["by"] != "study"]), *_studies(compared),
        _ages(found.ages),
    ]  # fmt: skip


def _comparison(frame: pd.DataFrame) -> Table:
    cells = tuple(
        (
            CRITERIA[str(row["criterion"])],
            label(str(row["structure"])),
            f"{row['elpd']:,.0f} ± {row['elpd_se']:.0f}",
            _with_error(row, "difference"),
            _with_error(row, "behind"),
            f"{row['weight']:.2f}",
            numbers.percent(row["coverage_90"]),
            numbers.three_decimals(row["pit_distance"]),
            numbers.three_digits(row["crps"]),
            "n/a" if row["n_high_k"] < 0 else str(row["n_high_k"]),
        )
        for _, row in frame.iterrows()
    )
    header = (
        "left out", "structure", "elpd ± SE", "less one pool ± SE", "less the best ± SE",
        "stacking weight", "90 % intervals hold", "PIT distance", "CRPS (‰)", "layers with k > 0.7",
    )  # fmt: skip
    caption = (
        "Best first. PIT distance: largest distance of the distribution of PIT values from the "
        "uniform one; of fits that never saw the layer. Pareto k above 0.7: PSIS-LOO of that layer "
        "is not to be trusted."
    )
    return Table("comparison", "Structures compared", caption, frame, header, cells)


def _shapes(frame: pd.DataFrame) -> Table:
    cells = tuple(
        (label(str(row["structure"])), VARIABLES[str(row["parameter"])].long_name,
         _interval(row, "value"))
        for _, row in frame.iterrows()
    )  # fmt: skip
    header = ("structure", "parameter", "posterior median and 95 % interval")
    caption = (
        "Gamma: shape a, one pool as a grows; log-normal: standard deviation of ln k; two pools: "
        "ratio of the rates. A shape that changes with depth is that at the reference depth."
    )
    return Table("shapes", "How widely rates are spread", caption, frame, header, cells)


def _gains(frame: pd.DataFrame) -> Table:
    cells = tuple(
        (
            CRITERIA[str(row["criterion"])], label(str(row["structure"])), str(row["group"]),
            str(row["n_layers"]), _with_error(row, "difference"),
            f"{row['per_layer']:+.3f}",
        )
        for _, row in frame.iterrows()
    )  # fmt: skip
    header = ("left out", "structure", "where", "layers", "less one pool ± SE", "per layer")
    caption = "Difference of elpd from one pool, by depth (cm), biome and year of sampling."
    return Table("gains", "Where a structure predicts better", caption, frame, header, cells)


def _studies(compared: Compared) -> list[Table]:
    """Which studies the evidence comes from; none where no structure beats one pool."""
    frame = studies_of_best(compared.comparison, compared.gains)
    if frame.empty:
        return []
    frame = frame.sort_values("difference", ascending=False)
    shown = pd.concat([frame.head(N_SHOWN), frame.iloc[N_SHOWN:].tail(N_SHOWN)])
    cells = tuple(
        (str(row["group"]), str(row["n_layers"]), f"{row['difference']:+.1f}",
         f"{row['per_layer']:+.3f}")
        for _, row in shown.iterrows()
    )  # fmt: skip
    header = ("study", "layers", "less one pool", "per layer")
    caption = (
        f"Difference of elpd from one pool of {label(str(frame['structure'].iloc[0]))}, "
        f"{CRITERIA[str(frame['criterion'].iloc[0])]}: the {N_SHOWN} studies that gain most and "
        f"the {N_SHOWN} that lose most of {len(frame)}; all of them in the CSV."
    )
    return [Table("studies", "Which studies say so", caption, frame, header, cells)]


def _ages(frame: pd.DataFrame) -> Table:
    cells = tuple(
        (
            label(str(row["structure"])), figures.BIOME_NAMES[str(row["biome"])],
            str(row["layer_cm"]), _interval(row, "transit_time"), _interval(row, "stock_age"),
            numbers.percent(row["p_no_age"]),
        )
        for _, row in frame.iterrows()
    )  # fmt: skip
    header = ("structure", "biome", "depth (cm)", "mean transit time = turnover time (years)",
              "mean age of the stock (years)", "draws without a mean age")  # fmt: skip
    caption = (
        "Typical (median) site of the population at the middle of the layer; ∞: so many of the "
        "rates are near zero that the stock has no mean age."
    )
    return Table("ages", "Ages under each structure", caption, frame, header, cells)


def _flows(frame: pd.DataFrame) -> Table:
    mine = frame[frame["statistic"] == "mean over sites"]
    cells = tuple(
        (
            label(str(row["structure"])), figures.BIOME_NAMES[str(row["biome"])],
            str(row["layer_cm"]),
            *(_interval(row, name) for name in ("i_root", "i_bulk", "i_loss", "loss_share")),
        )
        for _, row in mine.iterrows()
    )  # fmt: skip
    header = ("structure", "biome", "depth (cm)", "I_root", "I_bulk", "I_loss", "I_loss / I_root")
    caption = (
        "Mean of six estimates, mean over sites, Mg C ha⁻¹ yr⁻¹; typical sites are in the CSV."
    )
    return Table("flows", "Flows under each structure", caption, frame, header, cells)


def _with_error(row: pd.Series, name: str) -> str:
    error = row[f"{name}_se"]
    return f"{row[name]:+.1f}" + ("" if pd.isna(error) else f" ± {error:.1f}")


def _interval(row: pd.Series, name: str) -> str:
    return numbers.with_interval(*(row[f"{name}{end}"] for end in ("_q50", "_q025", "_q975")))

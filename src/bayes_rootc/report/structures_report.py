"""Report of a comparison of structures: what the data prefer, and what of the loss survives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_rootc.inference.store import load_run
from bayes_rootc.inference.structures_folder import Compared
from bayes_rootc.layers import VARIABLES
from bayes_rootc.loss.structures import structure_ages, structure_flows, structure_shapes
from bayes_rootc.report import numbers
from bayes_rootc.report.figures import structures as figures
from bayes_rootc.report.figures.structures import CRITERIA, label
from bayes_rootc.report.parts import Banner, Report, Table, drawn
from bayes_rootc.report.stored import origin_of
from bayes_rootc.report.structures_text import (
    evidence_sentence,
    stacking,
    surface_sentence,
    survival_sentence,
)

LEAD = (
    "One pool per layer is an assumption. Where decay rates are spread within a layer, the flux "
    "that keeps its stock, stock times the mean rate, is larger than stock over mean age, and what "
    "is lost of the root input is smaller. The same layers are fitted under each structure; judged "
    "by single layers left out and by whole profiles and studies held out; and stacked."
)
WORDS = (
    "Turnover time is stock over flux; at steady state the mean transit time (mean age of the "
    "carbon that leaves) equals it. Mean age is that of the carbon that is there. All three are "
    "1/k for one pool only (Bolin & Rodhe 1973; Sierra et al. 2017).",
    "elpd is the log predictive density of Δ14C (per ‰), summed over layers; standard errors count "
    "places, for layers of one place are alike. Weights are those of stacking (Yao et al. 2018).",
)


IDENTITY = ("version", "spec_hash", "turnover_hash", "data_hash", "seed")


@dataclass(frozen=True)
class Drawing:
    """A figure of the report: its words, the numbers behind it, and how it is drawn from them."""

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


@dataclass(frozen=True)
class Consequences:
    """What follows of the structures: shapes, ages, and flows where the joint model was fitted."""

    shapes: pd.DataFrame
    ages: pd.DataFrame
    flows: pd.DataFrame | None


def consequences(compared: Compared) -> Consequences:
    """Compute what follows under each structure, and stacked, from the stored runs.

    Raises
    ------
    RunError
        If a run of the comparison cannot be read.
    """
    weights = stacking(compared.comparison)
    runs = _runs(compared, "turnover")
    shapes, ages = structure_shapes(runs), structure_ages(runs, weights)
    if not compared.info["joint"]:
        return Consequences(shapes, ages, None)
    return Consequences(shapes, ages, structure_flows(_runs(compared, "joint"), weights))


def structures_report(compared: Compared) -> Report:
    """Lay out the report of a comparison; nothing is fitted anew.

    Raises
    ------
    RunError
        If a run of the comparison cannot be read.
    """
    found = consequences(compared)
    evidence = evidence_sentence(compared.comparison)
    verdict = f"{evidence} {surface_sentence(compared.comparison, compared.gains)}".rstrip()
    if found.flows is not None:
        verdict = f"{survival_sentence(found.flows)} {verdict}"
    key, *others = structures_tables(compared, found)
    return Report(
        title="Structure of soil carbon and the loss of root carbon",
        lead=LEAD,
        banners=tuple(_banners(compared)),
        verdict=verdict,
        passed=not _failed(compared),
        facts=tuple(
            (label(name), f"stacking weight {weight:.2f}")
            for name, weight in stacking(compared.comparison).items()
        ),
        key_table=key,
        tables=tuple(others),
        pictures=tuple(
            drawn(one.name, (one.title, one.caption), one.draw(one.frame), one.frame)
            for one in structures_figures(compared, found)
        ),
        notes=WORDS,
        certificate=(
            *((key, str(compared.info[key])) for key in IDENTITY),
            ("origin", origin_of(compared.info)),
        ),
    )


def structures_tables(compared: Compared, found: Consequences) -> list[Table]:
    """Tables of the report, the comparison first."""
    flows = [] if found.flows is None else [_flows(found.flows)]
    return [
        _comparison(compared.comparison), _shapes(found.shapes), *flows, _gains(compared.gains),
        _ages(found.ages),
    ]  # fmt: skip


def structures_figures(compared: Compared, found: Consequences) -> list[Drawing]:
    """Figures of the report."""
    shown = [
        Drawing(
            "evidence",
            "What predicts better",
            "Difference of the log predictive density from one pool; w: stacking weight.",
            compared.comparison,
            figures.evidence,
        )
    ]
    if found.flows is not None:
        shown.append(
            Drawing(
                "consequences",
                "What follows",
                "Mean over sites of the mean of six estimates, posterior median and 95 % interval, "
                "under each structure and stacked.",
                found.flows,
                figures.consequences,
            )
        )
        shown.append(
            Drawing(
                "loss_by_depth",
                "Where in the profile",
                "Share of I_root that is lost in each layer, mean over sites of the mean of six "
                "estimates, posterior median and 95 % interval.",
                found.flows,
                figures.loss_by_depth,
            )
        )
    ages = (
        "Posterior medians. Solid: mean transit time, which is turnover time; dotted: mean age of "
        "the stored carbon, which ends where most draws have no mean age. One curve where both "
        "are the same (one pool)."
    )
    return [*shown, Drawing("ages", "Ages", ages, found.ages, figures.ages)]


def _runs(compared: Compared, model: str) -> dict[str, xr.DataTree]:
    names = compared.info["structures"]
    return {name: load_run(compared.folder / model / name)[0] for name in names}


def _failed(compared: Compared) -> list[str]:
    return [
        f"{label(name)}: {state[gate]}"
        for name, state in compared.info["structures"].items()
        for gate, passed in (("gate", "passed"), ("joint_gate", "joint_passed"))
        if not state.get(passed, True)
    ]


def _banners(compared: Compared) -> Iterable[Banner]:
    if compared.info["source"] == "simulated":
        text = "Every number here describes an invented soil. Nothing was measured."
        yield Banner("SIMULATED WORLD", text)
    failed = _failed(compared)
    if failed:
        yield Banner("NOT CONVERGED", "; ".join(failed))


def _comparison(frame: pd.DataFrame) -> Table:
    cells = tuple(
        (
            CRITERIA[str(row["criterion"])],
            label(str(row["structure"])),
            f"{row['elpd']:,.0f} ± {row['elpd_se']:.0f}",
            f"{row['difference']:+.1f} ± {row['difference_se']:.1f}",
            f"{row['weight']:.2f}",
            numbers.percent(row["coverage_90"]),
            numbers.three_decimals(row["pit_distance"]),
            numbers.three_digits(row["crps"]),
            "n/a" if row["n_high_k"] < 0 else str(row["n_high_k"]),
        )
        for _, row in frame.iterrows()
    )
    header = (
        "left out", "structure", "elpd ± SE", "less one pool ± SE", "stacking weight",
        "90 % intervals hold", "PIT distance", "CRPS (‰)", "layers with k > 0.7",
    )  # fmt: skip
    caption = (
        "Best first. PIT distance: largest distance of the distribution of PIT values from the "
        "uniform one. Pareto k above 0.7: PSIS-LOO of that layer is not to be trusted."
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
            str(row["n_layers"]), f"{row['difference']:+.1f} ± {row['difference_se']:.1f}",
            f"{row['per_layer']:+.3f}",
        )
        for _, row in frame.iterrows()
    )  # fmt: skip
    header = ("left out", "structure", "where", "layers", "less one pool ± SE", "per layer")
    caption = "Difference of elpd from one pool, by depth (cm), biome and year of sampling."
    return Table("gains", "Where a structure predicts better", caption, frame, header, cells)


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


def _interval(row: pd.Series, name: str) -> str:
    return numbers.with_interval(*(row[f"{name}{end}"] for end in ("_q50", "_q025", "_q975")))

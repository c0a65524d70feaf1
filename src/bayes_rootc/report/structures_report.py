"""Report of a comparison of structures: what the data prefer, and what of the loss survives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_rootc.inference.store import load_run
from bayes_rootc.inference.structures_folder import Compared
from bayes_rootc.loss.structures import structure_ages, structure_flows, structure_shapes
from bayes_rootc.report.figures import structures as figures
from bayes_rootc.report.figures.structures import CRITERIA, label
from bayes_rootc.report.parts import Banner, Report, drawn
from bayes_rootc.report.stored import origin_of
from bayes_rootc.report.structures_tables import Consequences, structures_tables
from bayes_rootc.report.structures_text import (
    concentration_sentence,
    evidence_sentence,
    stacking,
    surface_sentence,
    survival_sentence,
)

LEAD = (
    "One pool per layer is an assumption. Where decay rates are spread within a layer, the flux "
    "that keeps its stock, stock times the mean rate, is larger than stock over mean age, and what "
    "is lost of the root input is smaller. The same layers are fitted under each structure, judged "
    "by what was left out, and stacked."
)
WORDS = (
    "Turnover time is stock over flux; at steady state the mean transit time (mean age of the "
    "carbon that leaves) equals it. Mean age is that of the carbon that is there. All three are "
    "1/k for one pool only (Bolin & Rodhe 1973; Sierra et al. 2017).",
    "elpd is the log predictive density of Δ14C (per ‰), summed over layers; standard errors count "
    "studies, for layers of one study are alike (places, where there are fewer than ten studies). "
    "Weights are those of stacking (Yao et al. 2018), by the strictest criterion of the comparison "
    "(studies, else places, profiles, single layers) in the turnover model: the mixture that "
    "predicts Δ14C best, not the probability that a structure is true. Stacked results are draws "
    "of the structures in proportion to them; how uncertain weights are is not in the intervals.",
    "Where profiles or studies are held out, each of their layers is predicted by itself: a "
    "profile of many thin layers counts as many times.",
    "A structure also bends the relation of Δ14C to ln k, so that it gains where ln k is not a "
    "straight line of the depth basis, or scatters more at some depths: what is gained below the "
    "surface is no proof of many rates within a layer.",
)


FOLD_R_HAT = 1.05
"""R-hat of two chains of 500 draws, above which a fold's scores are not to be trusted."""

FOLD_DIVERGENCES = 10
"""Of 1,000 draws a fold, all folds together."""

IDENTITY = ("version", "spec_hash", "turnover_hash", "data_hash", "seed")


@dataclass(frozen=True)
class Drawing:
    """A figure of the report: its words, the numbers behind it, and how it is drawn from them."""

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


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
        return Consequences(shapes, ages, None, None)
    return Consequences(shapes, ages, *structure_flows(_runs(compared, "joint"), weights))


def structures_report(compared: Compared) -> Report:
    """Lay out the report of a comparison; nothing is fitted anew.

    Raises
    ------
    RunError
        If a run of the comparison cannot be read.
    """
    found = consequences(compared)
    evidence = evidence_sentence(compared.comparison)
    where = (surface_sentence, concentration_sentence)
    said = (sentence(compared.comparison, compared.gains) for sentence in where)
    verdict = " ".join([evidence, *filter(None, said)])
    if found.flows is not None and found.survival is not None:
        verdict = f"{survival_sentence(found.flows, found.survival)} {verdict}"
    key, *others = structures_tables(compared, found)
    return Report(
        title="Structure of soil carbon and the loss of root carbon",
        lead=LEAD,
        banners=tuple(_banners(compared)),
        verdict=verdict,
        passed=not (_failed(compared) or _unsettled(compared)),
        facts=tuple(
            (label(name), f"stacking weight {weight:.2f}{_given(compared, name)}")
            for name, weight in stacking(compared.comparison).items()
        ),
        key_table=key,
        tables=tuple(others),
        pictures=tuple(
            drawn(one.name, (one.title, one.caption), one.draw(one.frame), one.frame)
            for one in structures_figures(compared, found)
        ),
        notes=(*WORDS, *_fractions(compared), *compared.info.get("notes", ())),
        certificate=(
            *((key, str(compared.info[key])) for key in IDENTITY),
            ("origin", origin_of(compared.info)),
        ),
    )


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


def _given(compared: Compared, name: str) -> str:
    """What the file fixes of a structure."""
    section = compared.info["structures"][name].get("structure", {})
    if section.get("shape") is None:
        return ""
    return f"; {section['name']} of fixed shape {section['shape']:g}"


def _fractions(compared: Compared) -> list[str]:
    """Say which share of the stock is fast in two pools, for it is given, not inferred."""
    sections = {name: state.get("structure", {}) for name, state in
                compared.info["structures"].items()}  # fmt: skip
    return [
        f"{label(name)}: {section['fraction']:.0%} of the stock are in the fast pool, by the file"
        for name, section in sections.items()
        if section.get("fraction") is not None
    ]


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


def _unsettled(compared: Compared) -> list[str]:
    """Fits to parts of the data, from which the scores of what was held out come."""
    return [
        f"{label(name)}, {CRITERIA[key.removeprefix('folds_')]}: R-hat up to "
        f"{fold['r_hat_max']:.3f}, {fold['divergences']} divergences"
        for name, state in compared.info["structures"].items()
        for key, fold in state.items()
        if key.startswith("folds_")
        and (fold["r_hat_max"] > FOLD_R_HAT or fold["divergences"] > FOLD_DIVERGENCES)
    ]


def _banners(compared: Compared) -> Iterable[Banner]:
    if compared.info["source"] == "simulated":
        text = "Every number here describes an invented soil. Nothing was measured."
        yield Banner("SIMULATED WORLD", text)
    failed = [*_failed(compared), *_unsettled(compared)]
    if failed:
        yield Banner("NOT CONVERGED", "; ".join(failed))

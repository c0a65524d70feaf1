"""Report of a learning run, from its stored tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_rootc.report import numbers
from bayes_rootc.report.columns import Column
from bayes_rootc.report.figures import learning as figures
from bayes_rootc.report.figures.learning import ENSEMBLE, RULE_TEXT, UNITS, Tables, targets_of
from bayes_rootc.report.parts import Banner, Report, Table, drawn, table_of


@dataclass(frozen=True)
class LearningFigure:
    """A figure, the table behind it, and what it shows."""

    title: str
    caption: str
    table: str
    draw: Callable[[Tables], Figure]


FIGURES = {
    "observed_predicted": LearningFigure(
        "Observed and predicted",
        "Corresponds to the study's Extended Data Figs. 2, 3 and 9. Above: rows held out, as in "
        "the study; below: whole profiles and blocks of places held out, as a map needs.",
        "predictions", figures.observed_predicted,
    ),
    "skill": LearningFigure(
        "Skill of the learners",
        "R² on the scale of the learners. What is lost between the two rules is what neighbours in "
        "the same profile or place gave away.", "scores", figures.skill,
    ),
    "importance": LearningFigure(
        "What matters", "Rise of the error if a predictor is shuffled, on places held out.",
        "importance", figures.importance,
    ),
    "dependence": LearningFigure(
        "Partial dependence",
        "Mean prediction of the fit to all rows where one predictor is set to a value; flat where "
        "that fit left it out, for it is too alike another one (importance is of other rows).",
        "dependence", figures.dependence,
    ),
    "curve": LearningFigure(
        "Learning curve", "Whether more rows would help.", "curve", figures.curve
    ),
    "harmonised": LearningFigure(
        "Harmonised uptake",
        "The study interpolated I_bulk to standard layers with a learner of layer depths; the "
        "model has a level of each profile and the depth slope of its biome.",
        "harmonised", figures.harmonised,
    ),
}  # fmt: skip


COLUMNS = (
    Column("target", "target", lambda name: UNITS.get(str(name), (str(name),))[0]),
    Column("rule", "validation", lambda name: RULE_TEXT.get(str(name), str(name))),
    Column("fold", "fold", numbers.whole),
    Column("learner", "learner"),
    Column("n", "rows", numbers.whole),
    *(
        Column(f"{key}{ending}", f"{title}{where}", numbers.three_digits)
        for ending, where in (("", ""), ("_natural", " (natural units)"))
        for key, title in (
            ("r2", "R²"), ("rmse", "RMSE"), ("mae", "mean absolute error"), ("bias", "bias"),
            ("concordance", "concordance"),
        )
    ),
    Column("weight", "weight", numbers.three_digits),
    Column("settings", "settings"),
    Column("parameters", "settings"),
    Column("inner_rmse", "RMSE in inner folds", numbers.three_digits),
    Column("layer_cm", "layer (cm)"),
    Column("n_profiles", "profiles", numbers.whole),
    Column("learner_median", "median by learner (Mg C ha⁻¹ yr⁻¹)", numbers.three_digits),
    Column("model_median", "median by model (Mg C ha⁻¹ yr⁻¹)", numbers.three_digits),
    Column("ratio", "learner over model (–)", numbers.three_digits),
    Column("correlation_of_logs", "correlation of logarithms (–)", numbers.three_digits),
)  # fmt: skip
"""Columns of all tables of a learning run, in their order."""


def learning_report(tables: Tables, info: Mapping[str, Any]) -> Report:
    """Lay out the report of a learning run; nothing is learned anew.

    Parameters
    ----------
    tables, info
        As of :class:`bayes_rootc.inference.learned_folder.Learned`.
    """
    banners = []
    if info["source"] == "simulated":
        text = "Every number here describes an invented soil. Nothing was measured."
        banners.append(Banner("SIMULATED WORLD", text))
    if not info["run"]["passed"]:
        text = f"The targets are of a run that did not pass its gate: {info['run']['verdict']}"
        banners.append(Banner("NOT CONVERGED", text))
    shown = learning_tables(tables)
    absent = [f"learner {name} was absent: {why}" for name, why in info["absent"].items()]
    return Report(
        title="Learners of root input, uptake and turnover",
        lead="Learners and their ensemble, validated out of fold by rows and by places. Targets of "
        "layers are posterior medians of the joint run: they scatter less than measurements, and "
        "lean to what that run predicts from the same covariates, so that their scores are "
        "flattered. `learn crossval` scores measurements, everything fitted anew in each fold.",
        banners=tuple(banners),
        verdict=_verdict(tables["scores"]),
        passed=bool(info["run"]["passed"]),
        facts=tuple(
            (UNITS[t][0], _fact(tables["scores"], t)) for t in targets_of(tables["scores"])
        ),
        key_table=shown[0],
        tables=tuple(shown[1:]),
        pictures=tuple(
            drawn(name, (f.title, f.caption), f.draw(tables), tables[f.table])
            for name, f in FIGURES.items()
            if f.table in tables
        ),
        notes=tuple(absent),
        certificate=tuple(
            (key, str(info[key]))
            for key in ("version", "spec_hash", "data_hash", "seed", "source", "seconds")
        ),
    )


def _verdict(scores: pd.DataFrame) -> str:
    """How the ensemble compares with the best single learner where places are held out."""
    parts = []
    for target in targets_of(scores):
        part = scores[(scores["target"] == target) & (scores["rule"] == "grouped")]
        rmse = part.set_index("learner")["rmse"]
        best = str(rmse.drop(ENSEMBLE).idxmin())
        change = 100.0 * (rmse[ENSEMBLE] / rmse[best] - 1.0)
        parts.append(f"{UNITS[target][0]} {change:+.1f} % of {best}")
    return f"RMSE of the ensemble beside the best learner, places held out: {'; '.join(parts)}."


def _fact(scores: pd.DataFrame, target: str) -> str:
    part = scores[(scores["target"] == target) & (scores["learner"] == ENSEMBLE)]
    r2 = part.set_index("rule")["r2"]
    return ", ".join(f"R² {r2[rule]:.2f} ({text})" for rule, text in RULE_TEXT.items())


def learning_tables(tables: Tables) -> list[Table]:
    """Scores, weights of the ensemble, chosen settings, two ways to standard layers."""
    caption = (
        "Out of fold, weighted as in learning; first on the scale of the learners, then in natural "
        "units. Concordance: Lin's coefficient. A learner that extrapolates without bounds (MARS) "
        "may err by powers of ten in natural units; the ensemble leaves it out there."
    )
    found = [_table("scores", ("Scores", caption), tables["scores"])]
    weights = tables["weights"].groupby(["target", "rule", "learner"], sort=False)["weight"]
    text = (
        "Mean over outer folds of what each learner counts in the ensemble; 0: not among the best."
    )
    words = ("Weights of the ensemble", text)
    found.append(_table("weights", words, weights.mean().reset_index()))
    words = ("Chosen settings", "By outer fold, with the error in the inner folds.")
    found.append(_table("parameters", words, tables["parameters"], limit=30))
    if "harmonised" in tables:
        text = "I_bulk of the standard layers of all profiles by learner and by model."
        summary = harmonised_summary(tables["harmonised"])
        found.append(_table("harmonised", ("Two ways to standard layers", text), summary))
    return found


def harmonised_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Medians by layer, their ratio, and the correlation of the logarithms."""
    rows = []
    for layer, part in frame.groupby("layer", sort=False):
        logs = np.log(part[["learner", "model"]].to_numpy(float))
        rows.append(
            {
                "layer_cm": layer,
                "n_profiles": len(part),
                "learner_median": part["learner"].median(),
                "model_median": part["model"].median(),
                "ratio": float(np.exp(np.median(logs[:, 0] - logs[:, 1]))),
                "correlation_of_logs": float(np.corrcoef(logs.T)[0, 1]),
            }
        )
    return pd.DataFrame(rows)


def _table(
    name: str, words: tuple[str, str], frame: pd.DataFrame, limit: int | None = None
) -> Table:
    shown = None if limit is None else frame.head(limit)
    return table_of(name, words, frame, COLUMNS, (f"{name}.csv",), shown=shown)

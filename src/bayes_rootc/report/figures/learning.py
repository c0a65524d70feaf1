"""Figures of a learning run: predictions, scores, what matters, how much data it takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_rootc.report.figures.style import (
    COLOURS,
    GREY,
    INK,
    line_of,
    new_figure,
    points_of,
    short,
    styled,
)

Tables = Mapping[str, pd.DataFrame]

UNITS = {
    "i_root": ("I_root", "ln (Mg C ha⁻¹ yr⁻¹)"),
    "i_bulk": ("I_bulk of a layer", "ln (Mg C ha⁻¹ yr⁻¹)"),
    "f_bnpp": ("BNPP/NPP", "logit"),
    "ln_k": ("decay rate k", "ln (yr⁻¹)"),
    "ln_rho": ("carbon density", "ln (Mg C ha⁻¹ cm⁻¹)"),
}
"""Target → its name, and the unit of the scale it is learned on."""

PREDICTOR_UNITS = {
    **dict.fromkeys((f"bio{i:02d}" for i in (1, 2, *range(4, 12))), "°C"),
    **dict.fromkeys(("bio03", "bio15", "soil_clay", "soil_organic_carbon"), "%"),
    "bio12": "mm yr⁻¹", "bio13": "mm month⁻¹", "bio14": "mm month⁻¹",
    **dict.fromkeys(("bio16", "bio17", "bio18", "bio19"), "mm quarter⁻¹"),
    "vpd": "kPa", "npp": "g C m⁻² yr⁻¹", "soil_bulk_density": "g cm⁻³", "slope": "°",
    **dict.fromkeys(("soil_ph_cacl2", "soil_cn"), "–"),
    **dict.fromkeys(("whc_top", "whc_sub"), "mm"),
    **dict.fromkeys(("elevation", "roughness", "tpi"), "m"),
    **dict.fromkeys(("top_cm", "bottom_cm", "thickness_cm"), "cm"),
}  # fmt: skip
"""Covariate of the packaged model files → its unit; another one is drawn without."""

LEAST_R2 = -0.5
"""Axes of R² end here; what is worse stands at the edge, with its number."""

RULE_TEXT = {"random": "rows held out", "grouped": "places held out"}
ENSEMBLE = "ensemble"
MOST_IMPORTANT = 10
PANEL_NAME = 22  # longest name beside a panel


def targets_of(frame: pd.DataFrame) -> list[str]:
    """Targets that a table has, in the order of :data:`UNITS`."""
    return [name for name in UNITS if name in set(frame["target"])]


@styled
def observed_predicted(tables: Tables) -> Figure:
    """Draw observed against out-of-fold predicted values of the ensemble, by target and rule."""
    frame = tables["predictions"]
    targets, rules = targets_of(frame), list(RULE_TEXT)
    figure = new_figure(2.35 * len(targets), 5.0)
    axes = figure.subplots(len(rules), len(targets), squeeze=False)
    for (i, rule), (j, target) in [(a, b) for a in enumerate(rules) for b in enumerate(targets)]:
        ax = axes[i, j]
        part = frame[(frame["target"] == target) & (frame["rule"] == rule)]
        x, y = part[ENSEMBLE].to_numpy(float), part["y"].to_numpy(float)
        ax.plot(x, y, ".", ms=2.5, alpha=0.35, color=COLOURS[i], rasterized=True)
        both = np.concatenate([x, y])
        ends = np.quantile(both, [0.0, 1.0])
        ax.plot(ends, ends, color=INK, lw=0.8)
        score = _score(tables["scores"], target, rule)
        ax.text(0.04, 0.96, f"R² {score['r2']:.2f}\nRMSE {score['rmse']:.2f}", va="top",
                transform=ax.transAxes, fontsize=8)  # fmt: skip
        name, unit = UNITS[target]
        if i == 0:
            ax.set_title(name)
        ax.set_xlabel(f"predicted,\n{unit}" if i == len(rules) - 1 else "")
        ax.set_ylabel((f"{RULE_TEXT[rule]}\n" if j == 0 else "") + f"observed, {unit}", fontsize=8)
    figure.suptitle("Out-of-fold predictions of the ensemble; line: 1 : 1", color=INK)
    return figure


def _score(scores: pd.DataFrame, target: str, rule: str) -> pd.Series:
    keys = (scores["target"] == target) & (scores["rule"] == rule)
    return scores[keys & (scores["learner"] == ENSEMBLE)].iloc[0]


@styled
def skill(tables: Tables) -> Figure:
    """Draw R² of every learner under both rules, one panel a target."""
    frame = tables["scores"]
    targets = targets_of(frame)
    learners = list(dict.fromkeys(frame["learner"]))
    figure = new_figure(2.2 * len(targets), 2.8)
    axes = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
    for ax, target in zip(axes, targets, strict=True):
        for i, rule in enumerate(RULE_TEXT):
            part = frame[(frame["target"] == target) & (frame["rule"] == rule)]
            value = part.set_index("learner")["r2"].reindex(learners)
            ax.plot(value.clip(lower=LEAST_R2), range(len(learners)), ls="", **points_of(i),
                    ms=6 - i, label=RULE_TEXT[rule], clip_on=False)  # fmt: skip
            for y, r2 in enumerate(value):
                if r2 < LEAST_R2:
                    ax.text(LEAST_R2, y + 0.35, f"← {r2:.1f}", ha="left", va="center", fontsize=7)
        ax.set_title(UNITS[target][0])
        ax.set_xlabel("R² out of fold (–)")
        ax.axvline(0.0, color=GREY, lw=0.6)
        ax.grid(axis="y", lw=0.3)
    axes[0].set_yticks(range(len(learners)), [short(name, PANEL_NAME) for name in learners])
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def importance(tables: Tables) -> Figure:
    """Draw the most important predictors of each target."""
    frame = tables["importance"]
    targets = targets_of(frame)
    figure = new_figure(2.7 * len(targets), 3.0)
    axes = figure.subplots(1, len(targets), squeeze=False)[0]
    for ax, target in zip(axes, targets, strict=True):
        part = frame[frame["target"] == target].nlargest(MOST_IMPORTANT, "importance")
        names = [short(name, PANEL_NAME) for name in part["feature"]]
        ax.barh(names, part["importance"], xerr=part["sd"], color=COLOURS[0],
                error_kw={"lw": 0.8, "ecolor": INK})  # fmt: skip
        ax.invert_yaxis()
        ax.set_title(UNITS[target][0])
        ax.set_xlabel(f"rise of RMSE,\n{UNITS[target][1]}")
    figure.suptitle(
        "Rise of the error where a predictor is shuffled, places held out (± standard deviation)",
        color=INK,
    )
    return figure


@styled
def dependence(tables: Tables) -> Figure:
    """Draw the partial dependence of each target on its most important predictors."""
    frame = tables["dependence"]
    targets = targets_of(frame)
    width = int(frame.groupby("target")["feature"].nunique().max())
    figure = new_figure(1.9 * width, 1.9 * len(targets))
    axes = figure.subplots(len(targets), width, squeeze=False)
    for row, target in zip(axes, targets, strict=True):
        part = frame[frame["target"] == target]
        for ax, (feature, curve) in zip(row, part.groupby("feature", sort=False), strict=False):
            number = pd.to_numeric(curve["value"], errors="coerce")
            if number.notna().all():
                ax.plot(number, curve["prediction"], color=COLOURS[0])
            else:
                ax.plot(range(len(curve)), curve["prediction"], "o", color=COLOURS[0], ms=3)
                names = [short(one, PANEL_NAME) for one in curve["value"]]
                ax.set_xticks(range(len(curve)), names, rotation=90, fontsize=5.5)
            unit = PREDICTOR_UNITS.get(str(feature))
            name = short(feature, PANEL_NAME)
            ax.set_xlabel(f"{name} ({unit})" if unit else name, fontsize=8)
        for ax in row[part["feature"].nunique() :]:
            ax.set_visible(False)
        row[0].set_ylabel(f"{UNITS[target][0]}\n{UNITS[target][1]}", fontsize=8)
    figure.suptitle("Partial dependence of the ensemble", color=INK)
    return figure


@styled
def curve(tables: Tables) -> Figure:
    """Draw how the error falls with the number of rows learned from."""
    frame = tables["curve"]
    targets = targets_of(frame)
    figure = new_figure(2.3 * len(targets), 2.6)
    axes = figure.subplots(1, len(targets), squeeze=False)[0]
    for ax, target in zip(axes, targets, strict=True):
        for i, rule in enumerate(RULE_TEXT):
            part = frame[(frame["target"] == target) & (frame["rule"] == rule)].sort_values("n")
            ax.plot(part["n"], part["rmse"], ms=4, **line_of(i) | points_of(i),
                    label=RULE_TEXT[rule])  # fmt: skip
        ax.set_title(UNITS[target][0])
        ax.set_xlabel("rows learned from (number)")
        ax.set_ylabel(f"RMSE, {UNITS[target][1]}")
    figure.suptitle(f"Error of {short(frame['learner'].iloc[0])}, out of fold", color=INK)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def harmonised(tables: Tables) -> Figure:
    """Draw uptake of the standard layers: by the learner against by the model."""
    frame = tables["harmonised"]
    layers = list(dict.fromkeys(frame["layer"]))
    figure = new_figure(1.75 * len(layers), 2.6)
    axes = figure.subplots(1, len(layers), sharex=True, sharey=True, squeeze=False)[0]
    logs = np.log10(frame[["learner", "model"]].to_numpy(float))
    ends = np.quantile(logs, [0.001, 0.999])
    for ax, layer in zip(axes, layers, strict=True):
        part = logs[(frame["layer"] == layer).to_numpy()]
        ax.plot(part[:, 1], part[:, 0], ".", ms=2.5, alpha=0.4, color=COLOURS[0])
        ax.plot(ends, ends, color=INK, lw=0.8)
        ax.set_xlim(*ends)
        ax.set_ylim(*ends)
        ax.set_aspect("equal")
        ax.set_title(f"{layer} cm")
    axes[0].set_ylabel("learner of layer depths,\nlog₁₀ (Mg C ha⁻¹ yr⁻¹)")
    figure.supxlabel("the model's own profile, log₁₀ (Mg C ha⁻¹ yr⁻¹)", fontsize=9)
    figure.suptitle("I_bulk of the standard layers of every profile, two ways", color=INK)
    return figure

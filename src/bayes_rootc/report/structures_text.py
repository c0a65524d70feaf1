"""What a comparison of structures says, in plain words."""

from __future__ import annotations

import pandas as pd

from bayes_rootc.inference.structure_scores import LEAST_STUDIES
from bayes_rootc.layers import STANDARD_LAYERS
from bayes_rootc.report import numbers
from bayes_rootc.report.figures.structures import CRITERIA, label
from bayes_rootc.spec.structures import REFERENCE
from bayes_rootc.variables import STACKED

MEAN = "mean over sites"

N_TOLD = 5
"""Studies named in the text."""


def stacking(comparison: pd.DataFrame) -> dict[str, float]:
    """Weights of the strictest criterion that was asked for: studies, else profiles or places."""
    part = _strictest(comparison).set_index("structure")["weight"]
    return {str(name): float(weight) for name, weight in part.items()}


def _strictest(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the strictest criterion that was asked for."""
    order = ("study", "place", "profile", "layer")
    chosen = next(name for name in order if (frame["criterion"] == name).any())
    return frame[frame["criterion"] == chosen]


def evidence_sentence(comparison: pd.DataFrame) -> str:
    """Say what each criterion prefers, and by how much."""
    found = []
    for criterion, part in comparison.groupby("criterion", sort=False):
        best = part.iloc[0]
        words = CRITERIA[str(criterion)]
        high = part["n_high_k"].max()
        if high > 0:
            words += f" (up to {high} layers have Pareto k > 0.7: read the next ones)"
        if best["structure"] == REFERENCE:
            other = part.iloc[1]
            found.append(
                f"{words}: one pool predicts best, {-other['behind']:+.0f} ± "
                f"{other['behind_se']:.0f} from {label(other['structure'])}"
            )
            continue
        second = part.iloc[1]
        found.append(
            f"{words}: {label(best['structure'])} predicts best, {best['difference']:+.0f} ± "
            f"{best['difference_se']:.0f} from one pool"
            + (
                f" and {-second['behind']:+.0f} ± {second['behind_se']:.0f} from "
                f"{label(second['structure'])}"
                if second["structure"] != REFERENCE
                else ""
            )
        )
    return f"Log predictive density, {'; '.join(found)}."


def surface_sentence(comparison: pd.DataFrame, gains: pd.DataFrame) -> str:
    """Say what the uppermost layer adds to the evidence."""
    best = _strictest(comparison).iloc[0]["structure"]
    mine = _strictest(gains)
    mine = mine[(mine["by"] == "standard_layer") & (mine["structure"] == best)]
    top = mine[mine["group"] == STANDARD_LAYERS[0]]
    if top.empty:
        return ""
    row, rest = top.iloc[0], mine["difference"].sum() - top.iloc[0]["difference"]
    return (
        f"Of the difference of {label(str(best))}, layers of {STANDARD_LAYERS[0]} cm "
        f"make {row['difference']:+.0f} ± {row['difference_se']:.0f}, deeper "
        f"ones {rest:+.0f}."
    )


def concentration_sentence(comparison: pd.DataFrame, gains: pd.DataFrame) -> str:
    """Say on how many studies, and which, the evidence rests; nothing where there are few."""
    studies = studies_of_best(comparison, gains)
    if len(studies) < LEAST_STUDIES:
        return ""
    top = studies.nlargest(N_TOLD, "difference")
    total, layers = studies["difference"].sum(), studies["n_layers"].sum()
    return (
        f"It predicts {(studies['difference'] > 0).sum()} of {len(studies)} studies better than "
        f"one pool; the {N_TOLD} that add most ({', '.join(top['group'].astype(str))}; "
        f"{top['n_layers'].sum():,} of {layers:,} layers) make {top['difference'].sum():+.0f} of "
        f"the {total:+.0f}."
    )


def studies_of_best(comparison: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """Differences from one pool by study, of the best structure by the strictest criterion."""
    best = _strictest(comparison).iloc[0]["structure"]
    mine = _strictest(gains)
    found: pd.DataFrame = mine[(mine["by"] == "study") & (mine["structure"] == best)]
    return found


def survival_sentence(flows: pd.DataFrame, survival: pd.DataFrame) -> str:
    """Say in plain words what part of the one-pool I_loss survives."""
    whole = flows[(flows["biome"] == "all") & (flows["layer_cm"] == "0-200")]
    share = whole[whole["statistic"] == MEAN].set_index("structure")["loss_share_q50"]
    loss = whole[whole["statistic"] == MEAN].set_index("structure")["i_loss_q50"]
    kept = survival[survival["statistic"] == MEAN].set_index("structure")
    if kept["survives_q50"].isna().all():
        return (
            "With one pool a layer I_loss over all sites is not clearly above 0, so that no part "
            "of it can be said to survive."
        )
    mixed, single = kept.loc[STACKED], kept["survives_q50"].drop(index=[REFERENCE, STACKED])
    low, high = (numbers.percent(mixed[f"survives{end}"]) for end in ("_q025", "_q975"))
    return (
        f"With one pool a layer, {numbers.percent(share[REFERENCE])} of the root input is lost "
        f"(I_loss {numbers.three_digits(loss[REFERENCE])} Mg C ha⁻¹ yr⁻¹, mean over sites). Of "
        f"that I_loss {numbers.percent(mixed['survives_q50'])} survives when structures are "
        f"stacked (95 % interval {low} to {high}); the medians of the single structures are "
        f"{numbers.percent(single.min())} to {numbers.percent(single.max())}. The share lost is "
        f"then {numbers.percent(share[STACKED])}."
    )

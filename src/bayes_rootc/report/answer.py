"""The short answer: what roots bring, what enters the soil, what is lost; and the study's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.loss.estimates import MEAN_OF_ALL, PROFILE_LABEL
from bayes_rootc.report import numbers
from bayes_rootc.report.losses import losses
from bayes_rootc.report.study import published

MEAN, TYPICAL = "mean over sites", "typical (median) site"

ANSWERS = {
    "i_root": ("I_root", "carbon input by roots"),
    "i_bulk": ("I_bulk", "what enters the bulk soil"),
    "i_loss": ("I_loss", "what is lost before"),
    "loss_share": ("I_loss / I_root", "share that is lost"),
    "turnover_bias": ("I_root / I_bulk", "how much too fast bulk soil looks without the loss"),
}
"""Quantity → its name and what it is."""

UNIT = "Mg C ha⁻¹ yr⁻¹"
UNITS = {"loss_share": "", "turnover_bias": ""}


def global_losses(run: xr.DataTree, statistic: str = MEAN) -> dict[Any, Any]:
    """Return the row of the mean of six estimates, all sites, 0-200 cm."""
    table = losses(run)
    mine = (
        (table["estimate"] == MEAN_OF_ALL)
        & (table["biome"] == "all")
        & (table["layer_cm"] == PROFILE_LABEL)
        & (table["statistic"] == statistic)
    )
    return dict(table[mine].iloc[0])


def written(row: Mapping[Any, Any], name: str) -> str:
    """Posterior median and 95 % interval of a quantity of a row, shares in percent."""
    ends = [row[name + end] for end in ("_q50", "_q025", "_q975")]
    if name != "loss_share":
        return numbers.with_interval(*ends)
    middle, low, high = (numbers.percent(end) for end in ends)
    return f"{middle} ({low} to {high})"


def answer_table(run: xr.DataTree) -> pd.DataFrame:
    """Return the answer over all sites, mean and typical site, beside the study's number.

    Returns
    -------
    DataFrame
        quantity, name, meaning, unit; mean and typical with _q025, _q975; mean_text, typical_text;
        study, study_text.
    """
    both = {"mean": global_losses(run), "typical": global_losses(run, TYPICAL)}
    rows = []
    for quantity, (name, meaning) in ANSWERS.items():
        unit = UNITS.get(quantity, UNIT)
        row: dict[str, object] = {"quantity": quantity, "name": name, "meaning": meaning}
        row["unit"] = unit or "1"
        for key, source in both.items():
            row |= {key: float(source[f"{quantity}_q50"])}
            row |= {f"{key}{end}": float(source[quantity + end]) for end in ("_q025", "_q975")}
            row[f"{key}_text"] = f"{written(source, quantity)} {unit}".strip()
        row["study"] = published(quantity).value
        row["study_text"] = study_text(quantity)
        rows.append(row)
    return pd.DataFrame(rows)


def study_text(quantity: str) -> str:
    """Write the study's global number, with its range where it has one."""
    study = published(quantity)
    write = numbers.percent if quantity == "loss_share" else numbers.three_digits
    if not np.isfinite(study.low):
        return write(study.value)
    return f"{write(study.value)} ({write(study.low)} to {write(study.high)})"


def distance_sentence(run: xr.DataTree) -> str:
    """Say how far the share that is lost is from the study's, and whether it is within reach."""
    row, study = global_losses(run), published("loss_share")
    middle, low, high = (float(row[f"loss_share{end}"]) for end in ("_q50", "_q025", "_q975"))
    away = 100.0 * (middle - study.value)
    side = "above" if away > 0 else "below"
    if low <= study.value <= high:
        reach = "the study's number lies inside our 95 % interval"
    elif low <= study.high and high >= study.low:
        reach = "the study's number lies outside our 95 % interval, which overlaps its range"
    else:
        reach = "our 95 % interval and the study's range do not overlap"
    typical = global_losses(run, TYPICAL)
    ends = (float(typical[f"loss_share{end}"]) for end in ("_q025", "_q975"))
    holds = "holds" if next(ends) <= study.value <= next(ends) else "does not hold"
    return (
        f"Of the root input {written(row, 'loss_share')} is lost (mean over sites): "
        f"{abs(away):.1f} percentage points {side} the study's {study_text('loss_share')}; "
        f"{reach}. At the typical site it is {written(typical, 'loss_share')}, which {holds} the "
        "study's."
    )


def parts_sentence(run: xr.DataTree) -> str:
    """Say where a difference of the shares comes from: I_root and I_bulk, ours and theirs."""
    row = global_losses(run)
    found = (
        f"{ANSWERS[name][0]} is {written(row, name)} here and {study_text(name)} there"
        for name in ("i_root", "i_bulk")
    )
    return f"{', '.join(found)} ({UNIT})."

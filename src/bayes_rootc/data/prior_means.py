"""Prior means of the levels of places, as a learning run predicted them from other places."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.data.inputs import Inputs, data_hash_of
from bayes_rootc.errors import DataError, RunError
from bayes_rootc.spec.joint import PriorMeansSection
from bayes_rootc.variables import EFFECTS

TABLE, CERTIFICATE = "prior_means.csv", "learning.json"
"""Files of a learning run: predictions by place, and what they were learned from."""


def prior_column(effect: str) -> str:
    """Column of the places that holds the prior mean of a quantity, on the scale of the model."""
    return f"prior_{effect}"


def learning_info(folder: Path) -> dict[str, Any]:
    """Read the birth certificate of a learning run.

    Raises
    ------
    RunError
        If the folder is none; one of another kind is named.
    """
    try:
        found: dict[str, Any] = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        is_fitted = (folder / "run.json").exists()
        reason = "it is one of a fitted model" if is_fitted else why(error)
        raise RunError(
            f"{folder}: is no finished learning run ({reason}); make one with: learn "
            "models/learning.toml"
        ) from None
    return found


def why(error: OSError | ValueError) -> str:
    """Words of an error, without numbers and paths that the message has already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def add_prior_means(inputs: Inputs, section: PriorMeansSection | None) -> Inputs:
    """Add to the places what a learning run predicts for them.

    Parameters
    ----------
    inputs : Inputs
    section : PriorMeansSection or None
        Names the folder of the learning run; None adds nothing.

    Raises
    ------
    DataError
        If the folder is none of a learning run, or it learned from other data.
    """
    if section is None:
        return inputs
    folder = Path(section.run)
    try:
        about = learning_info(folder)
    except RunError as error:
        raise DataError(f"prior_means.run = {error}") from None
    try:
        table = pd.read_csv(folder / TABLE, dtype={"place": str})
    except (OSError, ValueError) as error:
        raise DataError(
            f"prior_means.run = {section.run}: its {TABLE} cannot be read ({why(error)}); "
            "learn again"
        ) from None
    if about.get("data_hash") != inputs.data_hash:
        raise DataError(
            f"prior_means.run = {section.run}: learned from data {about.get('data_hash')}, but "
            f"these are {inputs.data_hash}; learn again from a run of the data to be fitted"
        )
    columns = [prior_column(effect) for effect in EFFECTS if prior_column(effect) in table]
    places = inputs.places.merge(
        table[["place", *columns]], on="place", how="left", validate="one_to_one"
    )
    missing = int(places[columns].isna().any(axis=1).sum())
    note = f"prior means of {', '.join(columns)} from {section.run}; {missing} places have none"
    return replace(
        inputs,
        places=places,
        data_hash=data_hash_of(inputs.tables, places),
        notes=(*inputs.notes, note),
    )

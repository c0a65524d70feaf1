"""Climate of the profiles as standardised covariates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_rootc.units import Floats

TRANSFORMS: dict[str, Callable[[Floats], Floats]] = {
    "mat": lambda celsius: celsius,
    "map": lambda mm: np.log(np.maximum(mm, 1.0)),  # rain acts by its ratio
}
"""Covariate → the scale on which it enters."""


@dataclass(frozen=True)
class Covariates:
    """Covariates of P profiles.

    Attributes
    ----------
    names : tuple of str
        Those that vary between profiles; a column that is empty or constant is left out.
    values : ndarray, shape (P, C)
        Mean 0 and standard deviation 1 over the profiles that have a value.
    notes : tuple of str
        What was filled or left out.
    """

    names: tuple[str, ...]
    values: Floats
    notes: tuple[str, ...]


def profile_covariates(profiles: pd.DataFrame, wanted: tuple[str, ...]) -> Covariates:
    """Standardise covariates; a missing value takes the mean of its biome, else of all.

    Parameters
    ----------
    profiles : DataFrame
        One row a profile with ``biome`` and the covariates in their own units.
    wanted : tuple of str
        Names, from :data:`TRANSFORMS`.
    """
    names, columns, notes = [], [], []
    for name in wanted:
        raw = pd.Series(TRANSFORMS[name](profiles[name].to_numpy(float)), index=profiles.index)
        spread = raw.std(ddof=0)
        if not spread > 0:
            notes.append(f"covariate {name} is left out: it has no two different values")
            continue
        missing = int(raw.isna().sum())
        if missing:
            notes.append(
                f"covariate {name}: {missing} profiles without a value take their biome's mean"
            )
        by_biome = raw.groupby(profiles["biome"]).transform("mean")
        filled = raw.fillna(by_biome).fillna(raw.mean())
        columns.append(((filled - raw.mean()) / spread).to_numpy(float))
        names.append(name)
    values = np.column_stack([np.empty((len(profiles), 0)), *columns])
    return Covariates(tuple(names), values, tuple(notes))

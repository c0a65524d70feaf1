"""One target of learning: predictors, values, weights, and what must not be parted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.errors import DataError
from bayes_rootc.units import Floats


@dataclass(frozen=True)
class LearningTable:
    """N rows of predictors and one target.

    Attributes
    ----------
    name : str
        Such as ``ln_k``.
    features : DataFrame
        Numbers (NaN: missing) and categories (text).
    y : ndarray, shape (N,)
        On the scale of the learners, a logarithm or a logit.
    weight : ndarray, shape (N,)
        Above 0.
    group : ndarray of str, shape (N,)
        Profile or site; its rows stay together where places are held out.
    lat, lon : ndarray, shape (N,)
        Degrees.
    natural : str
        ``exp`` or ``expit``: the way back to the natural scale.

    Raises
    ------
    DataError
        If lengths differ, the target is constant or not finite, a weight is not above 0, or a
        column holds nothing.
    """

    name: str
    features: pd.DataFrame
    y: Floats
    weight: Floats
    group: NDArray[np.str_]
    lat: Floats
    lon: Floats
    natural: str

    def __post_init__(self) -> None:
        columns = (self.y, self.weight, self.group, self.lat, self.lon)
        lengths = {len(self.features), *(len(one) for one in columns)}
        if len(lengths) > 1:
            raise DataError(f"{self.name}: columns have {sorted(lengths)} rows; right: one number")
        wrong = np.flatnonzero(~np.isfinite(self.y))
        if len(wrong):
            raise DataError(
                f"{self.name}: the target is {self.y[wrong[0]]} in row {wrong[0]}; right: finite"
            )
        if len(self.y) < 2 or np.ptp(self.y) == 0.0:
            shown = f"{self.y[0]:g} in all {len(self.y)} rows" if len(self.y) else "empty"
            raise DataError(
                f"{self.name}: the target is {shown}; there is nothing to learn, it must vary"
            )
        light = np.flatnonzero(~(self.weight > 0.0))
        if len(light):
            raise DataError(
                f"{self.name}: weight {self.weight[light[0]]:g} in row {light[0]} must be above 0"
            )
        empty = [str(name) for name in self.features if self.features[name].isna().all()]
        if empty:
            raise DataError(
                f"{self.name}: column {empty[0]} has no value in any of {len(self.y)} rows; leave "
                "it out of the covariates, or give it values"
            )

    def rows(self, mask: NDArray[np.bool_]) -> LearningTable:
        """Some of the rows."""
        return LearningTable(
            name=self.name, features=self.features[mask].reset_index(drop=True), y=self.y[mask],
            weight=self.weight[mask], group=self.group[mask], lat=self.lat[mask],
            lon=self.lon[mask], natural=self.natural,
        )  # fmt: skip

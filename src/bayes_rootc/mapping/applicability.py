"""Area of applicability: where cells resemble what was learned from.

References
----------
meyer_pebesma2021, Meyer & Pebesma (2021), Methods in Ecology and Evolution 12, 1620-1633,
doi:10.1111/2041-210X.13650.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from bayes_rootc.errors import DataError
from bayes_rootc.units import Floats

WHISKER = 1.5


@dataclass(frozen=True)
class Applicability:
    """Dissimilarity to training rows [meyer_pebesma2021]_.

    Attributes
    ----------
    mean, scale : ndarray, shape (F,)
        Predictors are centred by one and multiplied by the other (weight over spread).
    tree : cKDTree
        Training rows.
    mean_distance : float
        Between two training rows.
    threshold : float
        Dissimilarity beyond which a cell lies outside.
    """

    mean: Floats
    scale: Floats
    tree: cKDTree
    mean_distance: float
    threshold: float

    def dissimilarity(self, x: Floats) -> Floats:
        """Distance to the nearest training row over the mean distance of two of them.

        Parameters
        ----------
        x : ndarray, shape (n, F)
            NaN counts as the training mean.
        """
        return np.asarray(self.tree.query(self._scaled(x))[0] / self.mean_distance)

    def _scaled(self, x: Floats) -> Floats:
        return np.nan_to_num((x - self.mean) * self.scale, nan=0.0)


def learn_applicability(x: Floats, fold: NDArray[np.intp], weight: Floats) -> Applicability:
    """Learn what is like the training rows.

    Parameters
    ----------
    x : ndarray, shape (N, F)
        Predictors of the training rows.
    fold : ndarray of int, shape (N,)
        Folds of a cross-validation: the threshold is the largest dissimilarity, outliers left
        out, between a row and the rows of other folds.
    weight : ndarray, shape (F,)
        Importance of each predictor, 0 or more.

    Raises
    ------
    DataError
        If all rows are alike, or stand in one fold.
    """
    mean, sd = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    varies = sd > 1e-9 * np.maximum(np.abs(mean), 1e-9)
    weight = np.maximum(np.asarray(weight, float), 0.0)
    share = weight / weight.mean() if weight.any() else np.ones_like(weight)
    scale = np.where(varies, share / np.where(varies, sd, 1.0), 0.0)
    rows = np.nan_to_num((x - mean) * scale, nan=0.0)
    between = float(pdist(rows).mean()) if len(rows) > 1 else 0.0
    if not between > 0.0 or len(np.unique(fold)) < 2:
        raise DataError(
            f"{len(rows)} rows in {len(np.unique(fold))} folds: the area of applicability needs "
            "rows that differ, in two folds or more"
        )
    found = np.empty(len(rows))
    for number in np.unique(fold):
        held = fold == number
        found[held] = cKDTree(rows[~held]).query(rows[held])[0] / between
    low, high = np.quantile(found, [0.25, 0.75])
    threshold = float(found[found <= high + WHISKER * (high - low)].max())
    return Applicability(mean, scale, cKDTree(rows), between, threshold)

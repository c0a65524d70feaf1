"""One prediction from several: regression on the principal components of the best."""

from __future__ import annotations

import numpy as np

from bayes_rootc.units import Floats

LEAST_VARIANCE = 0.01
"""A component with less of the variance than this part says nothing that is sure."""


class PrincipalEnsemble:
    """Principal-component regression on the learners with the smallest errors.

    Parameters
    ----------
    n_best : int
        Learners that take part.

    Attributes
    ----------
    weights : ndarray, shape (L,)
        What each learner counts; 0 for those that take no part.
    intercept : float
    """

    def __init__(self, n_best: int = 3) -> None:
        self.n_best = n_best
        self.weights: Floats = np.zeros(0)
        self.intercept = 0.0

    def fit(self, predictions: Floats, y: Floats, weight: Floats) -> PrincipalEnsemble:
        """Choose the best learners and regress on their components.

        Parameters
        ----------
        predictions : ndarray, shape (N, L)
            Out of fold.
        y, weight : ndarray, shape (N,)
        """
        share = weight / weight.sum()
        errors = share @ (predictions - y[:, None]) ** 2
        best = np.sort(np.argsort(errors, kind="stable")[: self.n_best])
        mean, middle = share @ predictions[:, best], float(share @ y)
        centred = predictions[:, best] - mean
        covariance = (centred * share[:, None]).T @ centred
        variance, axes = np.linalg.eigh(covariance)
        kept = variance >= LEAST_VARIANCE * variance.sum()
        kept[-1] = True  # the largest, even where all are alike
        scores = centred @ axes[:, kept]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.nan_to_num((share * (y - middle)) @ scores / variance[kept], posinf=0.0)
        self.weights = np.zeros(predictions.shape[1])
        self.weights[best] = axes[:, kept] @ slopes
        self.intercept = middle - float(self.weights[best] @ mean)
        return self

    def predict(self, predictions: Floats) -> Floats:
        """Predict from learners' predictions of shape (N, L)."""
        return np.asarray(self.intercept + predictions @ self.weights)

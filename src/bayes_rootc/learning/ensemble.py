"""One prediction from several: regression on the principal components of the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.units import Floats

TOLERANCE = 1.01
"""The fewest components whose error, folds held out, is at most so many times the smallest."""

LEAST_VARIANCE = 1e-9
"""Part of the variance below which a component is rounding."""


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
    n_components : int
        Chosen by the error on held-out folds; where several do about as well, the fewest: the
        first is close to the mean of the learners, later ones are their differences.
    """

    def __init__(self, n_best: int = 3) -> None:
        self.n_best = n_best
        self.weights: Floats = np.zeros(0)
        self.intercept = 0.0
        self.n_components = 0

    def fit(
        self, predictions: Floats, y: Floats, weight: Floats, fold: NDArray[np.intp]
    ) -> PrincipalEnsemble:
        """Choose the best learners and regress on their components.

        Parameters
        ----------
        predictions : ndarray, shape (N, L)
            Out of fold.
        y, weight : ndarray, shape (N,)
        fold : ndarray of int, shape (N,)
            Folds of the predictions.
        """
        share = weight / weight.sum()
        errors = share @ (predictions - y[:, None]) ** 2
        best = np.sort(np.argsort(errors, kind="stable")[: self.n_best])
        x = predictions[:, best]
        missed = np.zeros((len(best), len(y)))
        for number in np.unique(fold):
            held = fold == number
            for n in range(1, len(best) + 1):
                slopes, intercept = _regress(x[~held], y[~held], weight[~held], n)
                missed[n - 1, held] = y[held] - intercept - x[held] @ slopes
        error = np.sqrt(missed**2 @ share)
        self.n_components = int(np.argmax(error <= TOLERANCE * error.min())) + 1
        slopes, self.intercept = _regress(x, y, weight, self.n_components)
        self.weights = np.zeros(predictions.shape[1])
        self.weights[best] = slopes
        return self

    def predict(self, predictions: Floats) -> Floats:
        """Predict from learners' predictions of shape (N, L)."""
        return np.asarray(self.intercept + predictions @ self.weights)


def _regress(x: Floats, y: Floats, weight: Floats, n: int) -> tuple[Floats, float]:
    """Slopes and intercept of the regression on the first n principal components.

    Predictions are scaled to one spread first: the one that scatters most is not the best.
    """
    share = weight / weight.sum()
    mean, middle = share @ x, float(share @ y)
    spread = np.sqrt(share @ (x - mean) ** 2)
    spread = np.where(spread > 0.0, spread, 1.0)
    scaled = (x - mean) / spread
    variance, axes = np.linalg.eigh((scaled * share[:, None]).T @ scaled)
    first = np.argsort(-variance)[:n]
    first = first[variance[first] > LEAST_VARIANCE * variance.sum()]
    scores = scaled @ axes[:, first]
    slopes = axes[:, first] @ ((share * (y - middle)) @ scores / variance[first]) / spread
    return slopes, middle - float(slopes @ mean)

"""Nested cross-prediction: tuning, learners and ensemble never see the rows they predict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.learning.ensemble import PrincipalEnsemble
from bayes_rootc.learning.folds import folds_of
from bayes_rootc.learning.learners import LEARNERS, available, predict
from bayes_rootc.learning.preparation import Preparation
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.units import Floats

ENSEMBLE = "ensemble"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Elsewhere:
    """Further rows to predict: each by the learners of one fold, or (-1) by those of all rows."""

    features: pd.DataFrame
    fold: NDArray[np.intp]


@dataclass(frozen=True)
class CrossPrediction:
    """Out-of-fold predictions.

    Attributes
    ----------
    learners : tuple of str, length L + 1
        The ensemble last.
    prediction : ndarray, shape (L + 1, N)
    fold : ndarray of int, shape (N,)
    parameters : DataFrame
        fold, learner, settings (JSON), inner_rmse.
    weights : DataFrame
        fold, learner, weight in the ensemble.
    elsewhere : ndarray or None, shape (L + 1, M)
    """

    learners: tuple[str, ...]
    prediction: Floats
    fold: NDArray[np.intp]
    parameters: pd.DataFrame
    weights: pd.DataFrame
    elsewhere: Floats | None


class FinalModel:
    """Learners tuned on and fitted to all rows of a table, and their ensemble."""

    def __init__(self, table: LearningTable, spec: LearningSpec, rule: str, seed: int) -> None:
        self.learners, _ = available(spec.learners)
        self.chosen, inner = _tune(table, spec, rule, seed)
        self.ensemble = PrincipalEnsemble(spec.ensemble.n_best).fit(inner, table.y, table.weight)
        # A rare category may be in no training row: it then is none of the known ones.
        self.preparation = Preparation(spec.preparation.max_correlation, unseen="zero")
        x = self.preparation.fit(table.features).transform(table.features)
        self.models = [
            LEARNERS[name].fitted(self.chosen[name][0], seed, (x, table.y, table.weight))
            for name in self.learners
        ]

    def predict(self, features: pd.DataFrame) -> Floats:
        """Predictions of the learners and, last, of the ensemble: shape (N, L + 1)."""
        x = self.preparation.transform(features)
        single = np.column_stack([predict(model, x) for model in self.models])
        return np.column_stack([single, self.ensemble.predict(single)])

    def predict_ensemble(self, features: pd.DataFrame) -> Floats:
        """Predictions of the ensemble alone, shape (N,): learners that do not count are spared."""
        x = self.preparation.transform(features)
        single = np.zeros((len(x), len(self.models)))
        for i in np.flatnonzero(self.ensemble.weights):
            single[:, i] = predict(self.models[i], x)
        return self.ensemble.predict(single)


def cross_predict(
    table: LearningTable,
    spec: LearningSpec,
    rule: str,
    *,
    seed: int,
    n_jobs: int = 1,
    say: Say = lambda _: None,
    elsewhere: Elsewhere | None = None,
) -> CrossPrediction:
    """Predict every row by learners and an ensemble that were made without its fold.

    Inner folds of each training part, by the same rule, choose the settings; their out-of-fold
    predictions train the ensemble. Predictors are prepared in every part anew.

    Parameters
    ----------
    table : LearningTable
    spec : LearningSpec
    rule : str
        ``random`` or ``grouped``, see :func:`.folds.folds_of`.
    seed : int
    n_jobs : int
        Folds at a time, one process each.
    say : callable
        Receives a line about each fold.
    elsewhere : Elsewhere, optional
        Further rows to predict.

    Raises
    ------
    DataError
        If rows or places are too few for the folds.
    """
    from joblib import Parallel, delayed

    section = spec.validation
    fold = folds_of(table, rule, section.n_folds, seed, section.block_degrees)
    names, _ = available(spec.learners)
    numbers = [*range(section.n_folds)]
    if elsewhere is not None and (elsewhere.fold < 0).any():
        numbers.append(-1)
    jobs = (
        delayed(_one_fold)(table, spec, rule, fold=fold, number=k, seed=seed, elsewhere=elsewhere)
        for k in numbers
    )
    results = []
    for number, result in zip(
        numbers, Parallel(n_jobs=n_jobs, return_as="generator")(jobs), strict=True
    ):
        results.append(result)
        what = f"fold {number + 1} of {section.n_folds}" if number >= 0 else "all rows"
        say(f"{table.name}, {rule}: {what} done")
    prediction = np.full((len(names) + 1, len(table.y)), np.nan)
    away = None if elsewhere is None else np.full((len(names) + 1, len(elsewhere.fold)), np.nan)
    parameters, weights = [], []
    for number, (own, other, chosen, weight) in zip(numbers, results, strict=True):
        if away is not None and elsewhere is not None:
            away[:, elsewhere.fold == number] = other.T
        if number < 0:
            continue
        prediction[:, fold == number] = own.T
        parameters += [
            (number + 1, name, json.dumps(settings), error)
            for name, (settings, error) in chosen.items()
        ]
        weights += [(number + 1, *pair) for pair in zip(names, weight, strict=True)]
    return CrossPrediction(
        learners=(*names, ENSEMBLE),
        prediction=prediction,
        fold=fold,
        parameters=pd.DataFrame(parameters, columns=["fold", "learner", "settings", "inner_rmse"]),
        weights=pd.DataFrame(weights, columns=["fold", "learner", "weight"]),
        elsewhere=away,
    )


def fit_final(
    table: LearningTable, spec: LearningSpec, *, seed: int, rule: str = "grouped"
) -> FinalModel:
    """Tune on all rows and fit to them; the same table, specification and seed give the same."""
    return FinalModel(table, spec, rule, seed)


def _one_fold(
    table: LearningTable, spec: LearningSpec, rule: str, *, fold: NDArray[np.intp], number: int,
    seed: int, elsewhere: Elsewhere | None,
) -> tuple[Floats, Floats, Mapping[str, Any], Floats]:  # fmt: skip
    """Predictions of a fold, those of rows elsewhere, settings, and weights of the ensemble."""
    held = fold == number
    model = FinalModel(table.rows(~held), spec, rule, seed + 1 + number)
    width = len(model.learners) + 1
    own, other = np.empty((0, width)), np.empty((0, width))
    if held.any():
        own = model.predict(table.features[held])
    if elsewhere is not None and (elsewhere.fold == number).any():
        other = model.predict(elsewhere.features[elsewhere.fold == number])
    return own, other, model.chosen, model.ensemble.weights


def _tune(
    table: LearningTable, spec: LearningSpec, rule: str, seed: int
) -> tuple[dict[str, tuple[dict[str, Any], float]], Floats]:
    """Settings of each learner with their inner error, and the inner predictions, shape (N, L)."""
    section = spec.validation
    inner = folds_of(table, rule, section.inner_folds, seed, section.block_degrees)
    names, _ = available(spec.learners)
    found = {name: np.empty((len(LEARNERS[name].grid), len(table.y))) for name in names}
    for number in range(section.inner_folds):
        held = inner == number
        preparation = Preparation(spec.preparation.max_correlation, unseen="zero")
        training = table.features[~held]
        x = preparation.fit(training).transform(training)
        new = preparation.transform(table.features[held])
        data = (x, table.y[~held], table.weight[~held])
        for name in names:
            learner = LEARNERS[name]
            for g, settings in enumerate(learner.grid):
                model = learner.fitted({**settings, **learner.quick}, seed, data)
                found[name][g, held] = predict(model, new)
    chosen: dict[str, tuple[dict[str, Any], float]] = {}
    columns = []
    for name in names:
        error = np.sqrt(np.average((found[name] - table.y) ** 2, axis=1, weights=table.weight))
        best = int(np.argmin(error))
        chosen[name] = (LEARNERS[name].grid[best], float(error[best]))
        columns.append(found[name][best])
    return chosen, np.column_stack(columns)

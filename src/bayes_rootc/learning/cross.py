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
from bayes_rootc.learning.folds import block_names, folds_of
from bayes_rootc.learning.learners import LEARNERS, available, predict
from bayes_rootc.learning.preparation import Preparation
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.units import Floats

ENSEMBLE = "ensemble"
ALL_ROWS = -1
"""Number of the fold that holds nothing out."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Elsewhere:
    """Further rows to predict, each by learners that never saw its block.

    Attributes
    ----------
    features : DataFrame
        M rows.
    block : ndarray of str, shape (M,)
        As of :func:`.folds.block_names`; rows of a block that the table does not have are
        predicted by learners of all rows.
    """

    features: pd.DataFrame
    block: NDArray[np.str_]

    def __post_init__(self) -> None:
        if len(self.features) != len(self.block):
            raise ValueError(f"{len(self.features)} rows, but {len(self.block)} blocks")


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
    final : FinalModel or None
        Learners of all rows; made where rows elsewhere were asked for.
    """

    learners: tuple[str, ...]
    prediction: Floats
    fold: NDArray[np.intp]
    parameters: pd.DataFrame
    weights: pd.DataFrame
    elsewhere: Floats | None
    final: FinalModel | None


class FinalModel:
    """Learners tuned on and fitted to all rows of a table, and their ensemble.

    With ``like``, settings and weights are those of another model: nothing is tuned.
    """

    def __init__(
        self, table: LearningTable, spec: LearningSpec, rule: str, seed: int,
        like: FinalModel | None = None,
    ) -> None:  # fmt: skip
        self.learners, _ = available(spec.learners, spec.plugins)
        self.chosen: Mapping[str, tuple[dict[str, Any], float]] = {}
        self.ensemble = PrincipalEnsemble(spec.ensemble.n_best)
        if like is not None:
            self.chosen, self.ensemble = like.chosen, like.ensemble
        else:
            section = spec.validation
            fold = folds_of(table, rule, section.inner(rule), seed, section.block_degrees)
            self.chosen, inner = _tune(table, spec, fold, seed)
            self.ensemble.fit(inner, table.y, table.weight, fold)
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
    names, _ = available(spec.learners, spec.plugins)
    numbers = [*range(section.n_folds)]
    common: dict[str, Any] = {"fold": fold, "seed": seed}
    fold_away = np.empty(0, int)
    if elsewhere is not None:
        numbers.append(ALL_ROWS)
        fold_away = _folds_of_blocks(table, fold, elsewhere.block, section.block_degrees)
        common |= {"features": elsewhere.features, "fold_away": fold_away}
    jobs = (delayed(_one_fold)(table, spec, rule, number=k, **common) for k in numbers)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    prediction = np.full((len(names) + 1, len(table.y)), np.nan)
    away = np.full((len(names) + 1, len(fold_away)), np.nan)
    parameters, weights, final = [], [], None
    for number, (own, other, model) in zip(numbers, results, strict=True):
        what = "all rows" if number == ALL_ROWS else f"fold {number + 1} of {section.n_folds}"
        say(f"{table.name}, {rule}: {what} done")
        away[:, fold_away == number] = other.T
        if isinstance(model, FinalModel):
            final = model
            continue
        prediction[:, fold == number] = own.T
        parameters += [
            (number + 1, name, json.dumps(settings), error)
            for name, (settings, error) in model.chosen.items()
        ]
        weights += [(number + 1, *pair) for pair in zip(names, model.weights, strict=True)]
    return CrossPrediction(
        learners=(*names, ENSEMBLE),
        prediction=prediction,
        fold=fold,
        parameters=pd.DataFrame(parameters, columns=["fold", "learner", "settings", "inner_rmse"]),
        weights=pd.DataFrame(weights, columns=["fold", "learner", "weight"]),
        elsewhere=None if elsewhere is None else away,
        final=final,
    )


def _folds_of_blocks(
    table: LearningTable, fold: NDArray[np.intp], block: NDArray[np.str_], degrees: float
) -> NDArray[np.intp]:
    """Fold of each block's rows; :data:`ALL_ROWS` where the table has none of the block."""
    known = dict(zip(block_names(table.lat, table.lon, degrees), fold, strict=True))
    return np.array([known.get(name, ALL_ROWS) for name in block])


def fit_final(
    table: LearningTable, spec: LearningSpec, *, seed: int, rule: str = "grouped"
) -> FinalModel:
    """Tune on all rows and fit to them; the same table, specification and seed give the same."""
    return FinalModel(table, spec, rule, seed)


@dataclass(frozen=True)
class _Told:
    """What a fold tells of its model, which stays in the fold's process."""

    chosen: Mapping[str, tuple[dict[str, Any], float]]
    weights: Floats


def _one_fold(
    table: LearningTable, spec: LearningSpec, rule: str, *, fold: NDArray[np.intp], number: int,
    seed: int, features: pd.DataFrame | None = None, fold_away: NDArray[np.intp] | None = None,
) -> tuple[Floats, Floats, FinalModel | _Told]:  # fmt: skip
    """Predictions of a fold, those of its rows elsewhere, and what was chosen."""
    held = fold == number
    model = FinalModel(table.rows(~held), spec, rule, seed + 1 + number)
    width = len(model.learners) + 1
    own, other = np.empty((0, width)), np.empty((0, width))
    if held.any():
        own = model.predict(table.features[held])
    if features is not None and fold_away is not None and (fold_away == number).any():
        other = model.predict(features[fold_away == number])
    told = _Told(model.chosen, model.ensemble.weights)
    return own, other, model if number == ALL_ROWS else told


def _tune(
    table: LearningTable, spec: LearningSpec, inner: NDArray[np.intp], seed: int
) -> tuple[dict[str, tuple[dict[str, Any], float]], Floats]:
    """Settings of each learner with their inner error, and the inner predictions, shape (N, L)."""
    names, _ = available(spec.learners, spec.plugins)
    found = {name: np.empty((len(LEARNERS[name].grid), len(table.y))) for name in names}
    for number in np.unique(inner):
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

"""How good predictions are, what they rest on, and how many rows they take.

References
----------
lin1989, Lin (1989), Biometrics 45, 255-268: the concordance correlation coefficient.
breiman2001, Breiman (2001), Machine Learning 45, 5-32: importance by permutation.
friedman2001, Friedman (2001), Annals of Statistics 29, 1189-1232: partial dependence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from bayes_rootc.learning.cross import FinalModel
from bayes_rootc.learning.folds import folds_of
from bayes_rootc.learning.learners import LEARNERS, available, predict
from bayes_rootc.learning.preparation import Preparation
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.spec.learning import RULES, LearningSpec
from bayes_rootc.units import Floats

BACK = {"exp": np.exp, "expit": expit}
REPEATS = 3
POINTS = 12
SHARES = (0.25, 0.5, 1.0)
ROWS_FOR_DEPENDENCE = 300


def scores(y: Floats, prediction: Floats, weight: Floats, natural: str) -> dict[str, float]:
    """Score predictions on the scale of the learners and on the natural scale.

    Parameters
    ----------
    y, prediction, weight : ndarray, shape (N,)
    natural : str
        ``exp`` or ``expit``.

    Returns
    -------
    dict
        ``n``; ``r2`` (1 - SSE/SST), ``rmse``, ``mae``, ``bias`` (prediction less observation) and
        ``concordance`` [lin1989]_, and the same ending in ``_natural``.
    """
    back = BACK[natural]
    found: dict[str, float] = {"n": len(y)}
    for ending, a, b in (("", y, prediction), ("_natural", back(y), back(prediction))):
        share = weight / weight.sum()
        mean, middle = float(share @ a), float(share @ b)
        error = b - a
        total, spread = float(share @ (a - mean) ** 2), float(share @ (b - middle) ** 2)
        together = float(share @ ((a - mean) * (b - middle)))
        squares = float(share @ error**2)
        found |= {
            f"r2{ending}": 1.0 - squares / total,
            f"rmse{ending}": squares**0.5,
            f"mae{ending}": float(share @ np.abs(error)),
            f"bias{ending}": float(share @ error),
            f"concordance{ending}": 2.0 * together / (total + spread + (mean - middle) ** 2),
        }
    return found


def permutation_importance(
    table: LearningTable, spec: LearningSpec, seed: int, like: FinalModel | None = None
) -> pd.DataFrame:
    """Rise of the ensemble's error where a predictor is shuffled [breiman2001]_.

    On rows that were held out (the first grouped fold): on training rows a forest finds
    everything important. Settings and weights of the ensemble may be those of a model of all rows.

    Returns
    -------
    DataFrame
        feature, importance (rise of RMSE), sd over repeats.
    """
    section = spec.validation
    held = folds_of(table, "grouped", section.n_folds, seed, section.block_degrees) == 0
    model = FinalModel(table.rows(~held), spec, "grouped", seed, like)
    new, rng = table.rows(held), np.random.default_rng(seed)

    def error(features: pd.DataFrame) -> float:
        miss = model.predict_ensemble(features) - new.y
        return float(np.sqrt(np.average(miss**2, weights=new.weight)))

    base, rows = error(new.features), []
    for name in new.features:
        rises = []
        for _ in range(REPEATS):
            order = rng.permutation(len(new.y))
            shuffled = new.features[name].iloc[order].reset_index(drop=True)
            rises.append(error(new.features.assign(**{str(name): shuffled})) - base)
        rows.append((str(name), float(np.mean(rises)), float(np.std(rises, ddof=1))))
    return pd.DataFrame(rows, columns=["feature", "importance", "sd"])


def partial_dependence(
    model: FinalModel, table: LearningTable, features: Sequence[str], seed: int
) -> pd.DataFrame:
    """Mean prediction of the ensemble where one predictor is set to a value [friedman2001]_.

    Returns
    -------
    DataFrame
        feature, value (quantiles of a number, or each category), prediction.
    """
    n = min(len(table.y), ROWS_FOR_DEPENDENCE)
    some = np.sort(np.random.default_rng(seed).permutation(len(table.y))[:n])
    frame = table.features.iloc[some].reset_index(drop=True)
    rows = []
    for name in features:
        own = frame[name].copy()
        column = table.features[name].dropna()
        if pd.api.types.is_numeric_dtype(column):
            values: list[object] = [
                *np.unique(np.quantile(column, np.linspace(0.02, 0.98, POINTS)))
            ]
        else:
            values = [*sorted(column.astype(str).unique())]
        for value in values:
            frame[name] = np.full(n, value)
            mean = float(model.predict_ensemble(frame).mean())
            rows.append((name, value, mean))
        frame[name] = own
    return pd.DataFrame(rows, columns=["feature", "value", "prediction"])


def learning_curve(table: LearningTable, spec: LearningSpec, seed: int) -> pd.DataFrame:
    """Out-of-fold error of the first learner with part of the training data, by both rules.

    Under ``random`` part of the rows, under ``grouped`` part of the profiles or sites.

    Returns
    -------
    DataFrame
        rule, learner, share, n (training rows, mean over folds), rmse.
    """
    name = available(spec.learners, spec.plugins)[0][0]
    learner, rng, rows = LEARNERS[name], np.random.default_rng(seed), []
    settings = {**learner.grid[-1], **learner.quick}
    section = spec.validation
    for rule in RULES:
        fold = folds_of(table, rule, section.n_folds, seed, section.block_degrees)
        for share in SHARES:
            prediction, sizes = np.empty(len(table.y)), []
            for number in range(section.n_folds):
                some = _part(table, fold != number, share, rule=rule, rng=rng)
                preparation = Preparation(spec.preparation.max_correlation, unseen="zero")
                features = table.features.iloc[some]
                x = preparation.fit(features).transform(features)
                model = learner.fitted(settings, seed, (x, table.y[some], table.weight[some]))
                held = fold == number
                prediction[held] = predict(model, preparation.transform(table.features[held]))
                sizes.append(len(some))
            miss = (prediction - table.y) ** 2
            rmse = float(np.sqrt(np.average(miss, weights=table.weight)))
            rows.append((rule, name, share, float(np.mean(sizes)), rmse))
    return pd.DataFrame(rows, columns=["rule", "learner", "share", "n", "rmse"])


def _part(
    table: LearningTable, training: NDArray[np.bool_], share: float, *, rule: str,
    rng: np.random.Generator,
) -> NDArray[np.intp]:  # fmt: skip
    """Some of the training rows: of single rows, or whole groups."""
    rows = np.flatnonzero(training)
    unit = rows if rule == "random" else np.unique(table.group[rows], return_inverse=True)[1]
    units = np.unique(unit)
    chosen = rng.permutation(units)[: max(2, round(share * len(units)))]
    return rows[np.isin(unit, chosen)]

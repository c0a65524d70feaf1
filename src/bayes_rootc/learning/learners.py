"""The learners: one record each, of the same shape; a new one is a new entry of the table."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes_rootc.errors import SpecError
from bayes_rootc.plugins import import_plugins
from bayes_rootc.units import Floats

N_TREES, TREES_TO_TUNE = 500, 100
MIN_LEAF = 5
"""Of the forest, as in R's randomForest for regression."""


@dataclass(frozen=True)
class Learner:
    """A learner.

    Attributes
    ----------
    text : str
        For people.
    package : str
        Module that must be there.
    make : callable
        Settings and seed → estimator with ``fit`` and ``predict``; one thread.
    grid : tuple of dict
        Settings to choose from, few on purpose.
    takes_weight : bool
        ``fit`` knows ``sample_weight``.
    quick : dict
        Settings that replace others while tuning, because they cost time and no order of merit.
    """

    text: str
    package: str
    make: Callable[[Mapping[str, Any], int], Any]
    grid: tuple[dict[str, Any], ...]
    takes_weight: bool
    quick: Mapping[str, Any]

    def fitted(self, settings: Mapping[str, Any], seed: int, data: tuple[Any, ...]) -> Any:
        """Fit to ``data``, which is X, y and weight."""
        # Copies: pyearth refuses arrays that are read-only, as those of pandas and joblib are.
        x, y, weight = (np.array(part, float) for part in data)
        model = self.make(settings, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of learners about names of columns, and the like
            return model.fit(x, y, sample_weight=weight) if self.takes_weight else model.fit(x, y)


def predict(model: Any, x: Floats) -> Floats:
    """Predictions of a fitted learner, shape (N,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.predict(x), float).reshape(len(x))


def _forest(settings: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(min_samples_leaf=MIN_LEAF, random_state=seed, n_jobs=1, **settings)


def _xgboost(settings: Mapping[str, Any], seed: int) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(
        random_state=seed, n_jobs=1, tree_method="hist", max_bin=64, subsample=0.8,
        colsample_bytree=0.5, learning_rate=0.05, **settings,
    )  # fmt: skip


def _cubist(settings: Mapping[str, Any], seed: int) -> Any:
    from cubist import Cubist

    return Cubist(random_state=seed, **settings)


def _svm(settings: Mapping[str, Any], seed: int) -> Any:
    from sklearn.svm import SVR

    del seed  # nothing is drawn
    return _Scaled(SVR(kernel="rbf", gamma="scale", cache_size=500, **settings))


def _mars(settings: Mapping[str, Any], seed: int) -> Any:
    from pyearth import Earth

    del seed  # nothing is drawn
    return Earth(max_terms=21, **settings)


class _Scaled:
    """A learner of the standardised target."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, x: Floats, y: Floats, sample_weight: Floats | None = None) -> _Scaled:
        """Fit to (y - mean)/sd."""
        self.mean, self.sd = float(y.mean()), float(y.std())
        self.model.fit(x, (y - self.mean) / self.sd, sample_weight=sample_weight)
        return self

    def predict(self, x: Floats) -> Floats:
        """On the scale of the target."""
        return np.asarray(self.mean + self.sd * self.model.predict(x))


LEARNERS: dict[str, Learner] = {
    "forest": Learner(
        f"random forest, {N_TREES} trees, leaves of {MIN_LEAF} or more", "sklearn", _forest,
        ({"n_estimators": N_TREES, "max_features": 0.2},
         {"n_estimators": N_TREES, "max_features": 0.4}),
        takes_weight=True, quick={"n_estimators": TREES_TO_TUNE},
    ),
    "xgboost": Learner(
        "boosted trees (XGBoost)", "xgboost", _xgboost,
        ({"n_estimators": 60, "max_depth": 3}, {"n_estimators": 150, "max_depth": 3},
         {"n_estimators": 250, "max_depth": 5}),
        takes_weight=True, quick={},
    ),
    "cubist": Learner(
        "rules with linear models (Cubist)", "cubist", _cubist,
        ({"n_committees": 3}, {"n_committees": 10}),
        takes_weight=True, quick={},
    ),
    "svm": Learner(
        "support vector machine, radial basis", "sklearn", _svm,
        ({"C": 0.25}, {"C": 1.0}),
        takes_weight=True, quick={},
    ),
    "mars": Learner(
        "adaptive regression splines (MARS)", "pyearth", _mars,
        ({"max_degree": 1}, {"max_degree": 2}),
        takes_weight=True, quick={},
    ),
}  # fmt: skip
"""Name in a learning file → learner."""


def register_learner(name: str, learner: Learner) -> None:
    """Add a learner from outside the package.

    A learning file then names it among its ``learners``, and the module that registers it among
    its ``plugins``, so that every process that learns imports it.

    Parameters
    ----------
    name : str
    learner : Learner

    Raises
    ------
    SpecError
        If another learner has the name.
    """
    if LEARNERS.get(name, learner) != learner:
        raise SpecError(f"learner {name}: there is one of this name already; take another")
    LEARNERS[name] = learner


def available(
    names: Sequence[str], plugins: Sequence[str] = ()
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Which learners can be used, and why others can not.

    Parameters
    ----------
    names : sequence of str
    plugins : sequence of str
        Modules that register learners; imported first.

    Raises
    ------
    SpecError
        If a module cannot be imported, a name is no learner, or none is left.
    """
    import_plugins(plugins)
    unknown = [name for name in names if name not in LEARNERS]
    if unknown:
        raise SpecError(
            f"learners names {', '.join(unknown)}, which is none; right: {', '.join(LEARNERS)}"
        )
    absent = {
        name: f"the package {LEARNERS[name].package} is not installed (extra `learners`)"
        for name in names
        if importlib.util.find_spec(LEARNERS[name].package) is None
    }
    present = tuple(name for name in names if name not in absent)
    if not present:
        raise SpecError(f"learners: none of {', '.join(names)} is installed")
    return present, absent

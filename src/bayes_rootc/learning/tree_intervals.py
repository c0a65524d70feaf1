"""Forests whose trees leave out whole groups, and tau: how far errors exceed the trees' spread.

The study's uncertainty of a forest: tau = |y - yhat|/sd(yhat) on held-out rows (eq. 9), and the
interval yhat ± tau95 · sd (eq. 10). It drew 500 times 80 % of the profiles and grew a forest on
each. One forest gives the same at a five-hundredth of the work if its trees stand in a few stands,
each grown on its own 80 % of the groups: a stand is a small forest that never saw the others. Were
every tree to leave out groups of its own, what one tree missed its neighbours would have seen, and
tau would come out too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import DataError
from bayes_rootc.units import Floats

STANDS = 20
"""Parts of a forest that see the same groups; four partitions into fifths, with 80 % inside."""

TREES_OF_STAND = 50
"""Fewer would make the predictions of a stand a matter of chance."""

COVERAGE = 0.95


@dataclass(frozen=True)
class ForestSettings:
    """Trees of the forest, smallest leaf, part of the predictors tried at a split, of groups seen.

    Trees for tau are grown in stands and are more: see :func:`grow`.
    """

    n_trees: int = 500
    min_leaf: int = 5
    max_features: float = 1.0 / 3.0
    inside: float = 0.8


@dataclass(frozen=True)
class Tau:
    """Ratio of error to spread on held-out rows.

    Attributes
    ----------
    values : ndarray
        One a held-out row.
    rows : ndarray of int
        Rows of the values; a row may come several times.
    prediction, sd : ndarray
        Of the values.
    """

    values: Floats
    rows: NDArray[np.intp]
    prediction: Floats
    sd: Floats

    @property
    def tau95(self) -> float:
        """95 % of the errors are at most so many standard deviations over trees."""
        return float(np.quantile(self.values, COVERAGE))


def grow(
    x: Floats, y: Floats, group: NDArray[Any], settings: ForestSettings, seed: int
) -> tuple[list[Any], NDArray[np.bool_]]:
    """Grow trees in stands, each stand a random forest on the groups that it sees.

    Parameters
    ----------
    x : ndarray, shape (N, F)
    y : ndarray, shape (N,)
    group : ndarray, shape (N,)
        Rows of a group are seen or left out together.
    settings : ForestSettings
    seed : int

    Returns
    -------
    trees : list of DecisionTreeRegressor
        STANDS * TREES_OF_STAND, one stand after the other.
    unseen : ndarray of bool, shape (STANDS, N)
        Rows that a stand left out.

    Raises
    ------
    DataError
        If there are fewer than five groups.
    """
    code, n_groups, n_inside = _groups(group, settings.inside)
    streams = np.random.SeedSequence(seed).spawn(STANDS + 1)
    left_out = _left_out(n_groups, n_groups - n_inside, np.random.default_rng(streams[-1]))
    trees, unseen = [], np.empty((STANDS, len(y)), dtype=bool)
    for stand, stream in enumerate(streams[:-1]):
        unseen[stand] = np.isin(code, left_out[stand])
        seen = ~unseen[stand]
        trees += _forest(x[seen], y[seen], settings, TREES_OF_STAND, stream)
    return trees, unseen


def _forest(
    x: Floats, y: Floats, settings: ForestSettings, n_trees: int, stream: np.random.SeedSequence
) -> list[Any]:
    """Trees of a random forest."""
    from sklearn.ensemble import RandomForestRegressor

    found = RandomForestRegressor(
        n_trees, min_samples_leaf=settings.min_leaf, max_features=settings.max_features,
        random_state=int(stream.generate_state(1)[0] >> 1), n_jobs=1,
    )  # fmt: skip
    return list(found.fit(x, y).estimators_)


def _groups(group: NDArray[Any], inside: float) -> tuple[NDArray[np.intp], int, int]:
    """Number of each row's group, of groups, and of those inside."""
    names, code = np.unique(group, return_inverse=True)
    if len(names) < 5:
        raise DataError(f"{len(names)} groups of rows; a forest with intervals needs 5 or more")
    return code, len(names), min(max(round(inside * len(names)), 1), len(names) - 1)


def _left_out(n_groups: int, size: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Groups that each stand leaves out; one order after the other is dealt out in full."""
    rounds = -(-STANDS * size // n_groups)
    dealt = np.concatenate([rng.permutation(n_groups) for _ in range(rounds)])
    return [dealt[i * size : (i + 1) * size] for i in range(STANDS)]


def tau_oob(trees: list[Any], unseen: NDArray[np.bool_], x: Floats, y: Floats) -> Tau:
    """Tau of one forest: every stand on the rows that it left out.

    The variance of a row over trees is the mean of its stands': each has few trees, and a noisy
    spread would give too large a tau.

    Parameters
    ----------
    trees, unseen
        As :func:`grow` gives them.
    x, y : ndarray
    """
    narrow = x.astype(np.float32)
    parts = [
        _tau_of(trees[n * TREES_OF_STAND : (n + 1) * TREES_OF_STAND], narrow, y, rows)
        for n, rows in enumerate(np.flatnonzero(out) for out in unseen)
    ]
    total = np.zeros(len(y))
    for part in parts:
        total[part.rows] += part.sd**2
    sd = np.sqrt(total / np.maximum(unseen.sum(axis=0), 1))
    joined = _joined(parts)
    return _tau(y, joined.rows, joined.prediction, sd[joined.rows])


def thinned(trees: list[Any], n_trees: int) -> list[Any]:
    """Some of the trees, as many of every stand."""
    kept = np.linspace(0, len(trees) - 1, min(n_trees, len(trees))).round().astype(int)
    return [trees[i] for i in kept]


def tau_bootstrap(
    x: Floats, y: Floats, group: NDArray[Any], settings: ForestSettings, *, seed: int, repeats: int
) -> Tau:
    """Tau as the study found it: forests on parts of the groups, tested on the others."""
    code, n_groups, n_inside = _groups(group, settings.inside)
    narrow, parts = x.astype(np.float32), []
    for stream in np.random.SeedSequence(seed).spawn(repeats):
        rng = np.random.default_rng(stream)
        seen = np.isin(code, rng.permutation(n_groups)[:n_inside])
        trees = _forest(x[seen], y[seen], settings, settings.n_trees, stream)
        parts.append(_tau_of(trees, narrow, y, np.flatnonzero(~seen)))
    return _joined(parts)


def _joined(parts: list[Tau]) -> Tau:
    names = ("values", "rows", "prediction", "sd")
    return Tau(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _tau_of(trees: list[Any], x: NDArray[np.float32], y: Floats, rows: NDArray[np.intp]) -> Tau:
    """Tau of some rows by trees that did not see them."""
    each = np.stack([tree.predict(x[rows]) for tree in trees])
    return _tau(y, rows, each.mean(axis=0), each.std(axis=0, ddof=1))


def _tau(y: Floats, rows: NDArray[np.intp], prediction: Floats, sd: Floats) -> Tau:
    # Trees that all say the same leave no spread: rounding, not a number, stands there.
    least = 1e-9 * max(float(np.abs(y).max(initial=0.0)), 1.0)
    return Tau(np.abs(y[rows] - prediction) / np.maximum(sd, least), rows, prediction, sd)

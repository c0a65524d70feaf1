"""Predictors made ready for learners, with rules learned on training rows alone.

References
----------
kuhn2008, Kuhn (2008), Journal of Statistical Software 28(5): caret, whose rules for correlated
columns and exact linear combinations are followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import qr

from bayes_rootc.errors import DataError
from bayes_rootc.units import Floats

RANK = 1e-7
"""Part of a column's length below which what others leave of it counts as nothing."""


def find_correlation(correlation: Floats, cutoff: float) -> list[int]:
    """Columns to remove so that no pair is correlated above a cutoff (caret's findCorrelation).

    Columns are looked at by falling mean absolute correlation. Of every pair above the cutoff the
    column goes whose mean absolute correlation with the columns that are left is larger
    (findCorrelation with ``exact = TRUE``) [kuhn2008]_.

    Parameters
    ----------
    correlation : ndarray, shape (F, F)
    cutoff : float
        0 to 1.

    Returns
    -------
    list of int
        Rising.
    """
    size = np.abs(np.asarray(correlation, float)).copy()
    np.fill_diagonal(size, np.nan)
    if size.shape[0] < 2:
        return []
    order = np.argsort(-np.nanmean(size, axis=1), kind="stable")
    left = size[np.ix_(order, order)]
    n, removed = len(order), np.zeros(len(order), dtype=bool)
    for i in range(n - 1):
        if removed[i] or not np.nanmax(left, initial=0.0) > cutoff:
            continue
        for j in range(i + 1, n):
            if removed[i] or removed[j] or not left[i, j] > cutoff:
                continue
            # Means over what is left, as caret takes them: the row of one, all rows but the other.
            one, rest = np.nanmean(left[i]), np.nanmean(np.delete(left, j, axis=0))
            gone = i if one > rest else j
            removed[gone] = True
            left[gone], left[:, gone] = np.nan, np.nan
    return sorted(int(order[k]) for k in np.flatnonzero(removed))


def linear_combinations(x: Floats) -> list[int]:
    """Columns that are exact linear combinations of earlier ones, and the constant ones.

    Parameters
    ----------
    x : ndarray, shape (N, F)

    Returns
    -------
    list of int
        Rising; without them, and with a column of ones, the rank is full.
    """
    whole = np.column_stack([np.ones(len(x)), x])
    length = np.linalg.norm(whole, axis=0)
    whole = whole / np.where(length > 0.0, length, 1.0)
    triangle = qr(whole, mode="r")[0]
    diagonal = np.zeros(whole.shape[1])
    diagonal[: min(triangle.shape)] = np.abs(np.diag(triangle))
    found: list[int] = []
    if (diagonal > RANK).all():
        return found
    # Column by column: a plain QR does not say which of several columns depend.
    basis = np.empty((len(x), 0))
    for column, values in enumerate(whole.T):
        rest = values - basis @ (basis.T @ values)
        rest = rest - basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > RANK:
            basis = np.column_stack([basis, rest / size])
        elif column > 0:
            found.append(column - 1)
    return found


class Preparation:
    """Dummies, gaps filled by the median, near-duplicates and combinations removed, scaled.

    Parameters
    ----------
    max_correlation : float
        Of a pair of columns above it, one goes.
    unseen : str
        What a category unknown to the training rows is: ``error``, or ``zero`` (none of the
        known), as cross-validation needs where a fold holds all rows of a rare one.

    Attributes
    ----------
    names : tuple of str
        Columns that are left, such as ``biome=tundra``.
    removed : dict
        Column → why it went.
    """

    def __init__(self, max_correlation: float = 0.9, unseen: str = "error") -> None:
        self.max_correlation, self.unseen = max_correlation, unseen
        self.names: tuple[str, ...] = ()
        self.removed: dict[str, str] = {}

    def fit(self, features: pd.DataFrame) -> Preparation:
        """Learn categories, medians, what to remove, means and spreads."""
        self.numbers = [str(c) for c in features if pd.api.types.is_numeric_dtype(features[c])]
        others = [str(c) for c in features if str(c) not in self.numbers]
        self.categories = {c: sorted(map(str, features[c].dropna().unique())) for c in others}
        median = features[self.numbers].median()
        self.median = median.fillna(0.0)
        wide = self._wide(features)
        self.removed = {}
        x = wide.to_numpy(float)
        spread = x.std(axis=0)
        constant = ~(spread > RANK * np.abs(x).max(axis=0, initial=0.0))
        self._remove(wide.columns[constant], "constant in the training rows")
        left = [str(name) for name in wide if name not in self.removed]
        correlation = np.corrcoef(wide[left].to_numpy(float).T) if len(left) > 1 else np.eye(1)
        near = find_correlation(correlation, self.max_correlation)
        self._remove([left[i] for i in near], f"correlated above {self.max_correlation:g}")
        left = [name for name in left if name not in self.removed]
        exact = linear_combinations(wide[left].to_numpy(float))
        self._remove([left[i] for i in exact], "a linear combination of others")
        self.names = tuple(name for name in left if name not in self.removed)
        kept = wide[list(self.names)].to_numpy(float)
        self.mean, self.spread = kept.mean(axis=0), kept.std(axis=0)
        return self

    def transform(self, features: pd.DataFrame) -> Floats:
        """Columns :attr:`names` of the rows, mean 0 and spread 1 over the training rows.

        Raises
        ------
        DataError
            If a category was not among the training rows, and ``unseen`` is ``error``.
        """
        if self.unseen == "error":
            for column, known in self.categories.items():
                new = sorted(set(map(str, features[column].dropna().unique())) - set(known))
                if new:
                    raise DataError(
                        f"column {column}: the category {new[0]!r} was not among the training "
                        f"rows; known: {', '.join(known)}"
                    )
        wide = self._wide(features)[list(self.names)].to_numpy(float)
        return np.asarray((wide - self.mean) / self.spread)

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned as plain numbers and text, for JSON."""
        return {
            "max_correlation": self.max_correlation,
            "unseen": self.unseen,
            "numbers": self.numbers,
            "categories": self.categories,
            "median": {name: float(self.median[name]) for name in self.numbers},
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "removed": self.removed,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Preparation:
        """Return the preparation that :meth:`to_dict` described; KeyError if something lacks."""
        found = cls(content["max_correlation"], content["unseen"])
        found.numbers, found.categories = content["numbers"], content["categories"]
        found.median = pd.Series(content["median"], dtype=float)
        found.names, found.removed = tuple(content["names"]), dict(content["removed"])
        found.mean, found.spread = (np.array(content[key], float) for key in ("mean", "spread"))
        return found

    def _wide(self, features: pd.DataFrame) -> pd.DataFrame:
        columns = {name: features[name].fillna(self.median[name]) for name in self.numbers}
        for column, known in self.categories.items():
            text = features[column].astype(str)
            columns |= {f"{column}={one}": (text == one).astype(float) for one in known}
        return pd.DataFrame(columns)

    def _remove(self, names: Iterable[Any], reason: str) -> None:
        self.removed |= dict.fromkeys(map(str, names), reason)

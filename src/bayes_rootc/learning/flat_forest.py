"""Forests as flat arrays, and their fast evaluation: mean and spread over trees in one pass.

Thresholds become ranks among the thresholds of their predictor, so that a comparison is one of
small integers: x > threshold[j] just where more than j thresholds are below x. Cells are walked in
tiles, all cells of a tile one level down at a time: their steps do not depend on each other, so
the processor does many at once, and a tree stays in its cache. Below the depth of a typical leaf
only cells that still move are walked.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.files import replacing
from bayes_rootc.learning.node_layout import BINS, FEATURES, FIELD, LEAF_RANK, TILE
from bayes_rootc.units import Floats

TILES_AT_A_TIME = 64
MOST_FEATURES = FEATURES // TILE

ARRAYS = ("nodes", "values", "start", "depth", "typical_depth", "thresholds", "n_thresholds")
FORMAT = 1


@dataclass(frozen=True)
class FlatForest:
    """T trees over F predictors.

    Attributes
    ----------
    nodes : ndarray of uint64, shape (all nodes,)
        From the highest bits down: left child (within the tree), rank of the threshold, TILE
        times the predictor. The right child follows the left one. A leaf is its own left child,
        and no value exceeds its rank.
    values : ndarray, shape (all nodes,)
        Mean of the node.
    start : ndarray of int, shape (T,)
        First node of a tree, its root.
    depth, typical_depth : ndarray of int, shape (T,)
        Levels below the root: of the deepest leaf, and the mean over training rows.
    thresholds : ndarray, shape (sum of n_thresholds,)
        Of one predictor after the other, rising.
    n_thresholds : ndarray of int, shape (F,)
    """

    nodes: NDArray[np.uint64]
    values: Floats
    start: NDArray[np.int64]
    depth: NDArray[np.int64]
    typical_depth: NDArray[np.int64]
    thresholds: Floats
    n_thresholds: NDArray[np.int64]

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.start)

    def predict(self, x: Floats, *, n_threads: int = 1) -> tuple[Floats, Floats]:
        """Mean and standard deviation over trees of every row.

        Parameters
        ----------
        x : ndarray, shape (n, F)
            Without NaN; rounded to float32 first, as scikit-learn does.
        n_threads : int

        Returns
        -------
        mean, sd : ndarray, shape (n,)
            The standard deviation divides by T - 1.

        Raises
        ------
        DataError
            If the number of predictors differs, or a value is NaN.
        """
        self._check(x)
        sums = np.empty((2, len(x)))
        step = TILE * TILES_AT_A_TIME
        from bayes_rootc.learning.forest_kernels import encode, walk  # numba is slow to load

        first = np.concatenate([[0], np.cumsum(self.n_thresholds)])
        bins = _bins(self.thresholds, first)
        sizes = np.diff(np.append(self.start, len(self.nodes)))
        trees = np.stack([self.start, sizes, self.depth, self.typical_depth])

        def part(begin: int) -> None:
            rows = x[begin : begin + step]
            n_tiles = -(-len(rows) // TILE)
            codes = np.zeros((n_tiles, x.shape[1], TILE), np.int32)
            encode(np.ascontiguousarray(rows, np.float32), self.thresholds, first, bins, codes)
            found = np.zeros((n_tiles, 2, TILE))
            walk(codes.reshape(n_tiles, -1), self.nodes, self.values, trees, found)
            sums[:, begin : begin + step] = found.transpose(1, 0, 2).reshape(2, -1)[:, : len(rows)]

        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(part, range(0, len(x), step)))
        mean = sums[0] / self.n_trees
        variance = (sums[1] - sums[0] * mean) / max(self.n_trees - 1, 1)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def _check(self, x: Floats) -> None:
        if x.ndim != 2 or x.shape[1] != len(self.n_thresholds):
            raise DataError(
                f"the forest has {len(self.n_thresholds)} predictors, the cells {x.shape[-1]}: it "
                "was learned from other covariates"
            )
        wrong = np.argwhere(np.isnan(x))
        if len(wrong):
            row, column = wrong[0]
            raise DataError(f"predictor {column} of row {row} is NaN; fill gaps before the forest")


def flatten(trees: Sequence[Any], n_features: int) -> FlatForest:
    """Flatten fitted trees.

    Parameters
    ----------
    trees : sequence of sklearn.tree.DecisionTreeRegressor
    n_features : int

    Raises
    ------
    DataError
        If there are too many predictors, or thresholds of one, for the fields of a node.
    """
    plain = [tree.tree_ for tree in trees]
    feature = np.concatenate([tree.feature for tree in plain])
    threshold = np.concatenate([tree.threshold for tree in plain])
    by_feature = [np.unique(threshold[feature == f]) for f in range(n_features)]
    n_thresholds = np.array([len(one) for one in by_feature], np.int64)
    if n_features > MOST_FEATURES or n_thresholds.max(initial=0) >= LEAF_RANK:
        raise DataError(
            f"a forest of {n_features} predictors with up to {n_thresholds.max()} thresholds each; "
            f"at most {MOST_FEATURES} and {LEAF_RANK - 1} are right"
        )
    flat = [_flat_tree(tree, by_feature) for tree in plain]
    lengths = [len(nodes) for nodes, *_ in flat]
    return FlatForest(
        nodes=np.concatenate([one[0] for one in flat]),
        values=np.concatenate([one[1] for one in flat]),
        start=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        depth=np.array([one[2] for one in flat], np.int64),
        typical_depth=np.array([one[3] for one in flat], np.int64),
        thresholds=np.concatenate([np.empty(0), *by_feature]),
        n_thresholds=n_thresholds,
    )


def save_forest(forest: FlatForest, path: Path) -> None:
    """Write the arrays of a forest (npz, no pickle)."""
    with replacing(path) as beside, open(beside, "wb") as file:
        arrays: dict[str, Any] = {name: getattr(forest, name) for name in ARRAYS}
        np.savez_compressed(file, format=np.array(FORMAT), **arrays)


def load_forest(path: Path) -> FlatForest:
    """Read what :func:`save_forest` wrote.

    Raises
    ------
    RunError
        If the file is none.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if int(stored["format"]) != FORMAT:
                raise RunError(f"{path}: format {stored['format']} is unknown; right: {FORMAT}")
            return FlatForest(*(stored[name] for name in ARRAYS))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RunError(f"{path}: is no stored forest ({error})") from None


def _flat_tree(tree: Any, by_feature: list[Floats]) -> tuple[NDArray[np.uint64], Floats, int, int]:
    """Nodes, values, depth and typical depth of a tree, its siblings adjacent, level by level."""
    order, level_of = np.zeros(tree.node_count, np.int64), np.zeros(tree.node_count, np.int64)
    left = np.arange(tree.node_count)
    filled, level, depth = 1, np.zeros(1, np.int64), 0
    while True:
        parents = level[tree.children_left[order[level]] >= 0]
        if not len(parents):
            break
        depth += 1
        here = order[parents]
        pairs = np.column_stack([tree.children_left[here], tree.children_right[here]]).ravel()
        left[parents] = filled + 2 * np.arange(len(parents))
        level = np.arange(filled, filled + len(pairs))
        order[level], level_of[level] = pairs, depth
        filled += len(pairs)
    split = left != np.arange(len(order))
    feature = np.where(split, tree.feature[order], 0)
    rank = np.full(len(order), LEAF_RANK, np.uint64)
    for f in np.unique(feature[split]):
        own = split & (feature == f)
        rank[own] = np.searchsorted(by_feature[f], tree.threshold[order][own])
    field = np.uint64(FIELD)
    nodes = (left.astype(np.uint64) << field | rank) << field | (feature * TILE).astype(np.uint64)
    rows = tree.weighted_n_node_samples[order] * ~split
    typical = round(float(rows @ level_of / rows.sum()))
    return nodes, tree.value[order, 0, 0], depth, typical


def _bins(thresholds: Floats, first: NDArray[np.int64]) -> tuple[Floats, NDArray[np.uint16]]:
    """Origin and width of the bins of each predictor, shape (F, 2); rank at each bin, (F, BINS)."""
    n_features = len(first) - 1
    line, rank = np.zeros((n_features, 2)), np.zeros((n_features, BINS), np.uint16)
    for f in range(n_features):
        own = thresholds[first[f] : first[f + 1]]
        if len(own) > 1:
            width = (own[-1] - own[0]) / BINS
            line[f] = own[0], 1.0 / width
            rank[f] = np.searchsorted(own, own[0] + width * np.arange(BINS))
    return line, rank

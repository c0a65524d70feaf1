"""Forests as flat arrays, and their fast evaluation: mean and spread over trees in one pass.

Thresholds become ranks among the thresholds of their predictor, so that a comparison is one of
small integers: x > threshold[j] just where more than j thresholds are below x. Cells are walked in
tiles: through the first levels side by side, all nodes of these levels being looked at, then all
cells one level down at a time, for their steps do not depend on each other. Below the depth of a
typical leaf only cells that still move are walked.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.files import DAMAGED, read_arrays, replacing
from bayes_rootc.learning.forest_kernels import BINS, LEAF_RANK, TILE, TOP, encode, walk
from bayes_rootc.units import Floats

TILES_AT_A_TIME = 16
MOST_FEATURES = (1 << 16) // TILE
MOST_NODES = 1 << 16

ARRAYS = (
    "feature", "rank", "child", "values", "start", "typical_depth", "thresholds", "n_thresholds",
)  # fmt: skip
FORMAT = 2

Kernel = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class FlatForest:
    """T trees over F predictors.

    Attributes
    ----------
    feature : ndarray of uint16, shape (all nodes,)
        Predictor of the node.
    rank : ndarray of int16, shape (all nodes,)
        Of its threshold; a value goes right if its own rank is greater. None is in a leaf.
    child : ndarray of uint16, shape (all nodes,)
        Left child, within the tree; the right one follows. A leaf is its own left child.
    values : ndarray, shape (all nodes,)
        Mean of the node.
    start : ndarray of int, shape (T,)
        First node of a tree, its root.
    typical_depth : ndarray of int, shape (T,)
        Levels from the root to a leaf, mean over training rows.
    thresholds : ndarray, shape (sum of n_thresholds,)
        Of one predictor after the other, rising.
    n_thresholds : ndarray of int, shape (F,)
    """

    feature: NDArray[np.uint16]
    rank: NDArray[np.int16]
    child: NDArray[np.uint16]
    values: Floats
    start: NDArray[np.int64]
    typical_depth: NDArray[np.int64]
    thresholds: Floats
    n_thresholds: NDArray[np.int64]

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.start)

    def predict(self, x: NDArray[np.floating[Any]], *, n_threads: int = 1) -> tuple[Floats, Floats]:
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
        sums = np.empty((len(x), 2))
        step = TILE * TILES_AT_A_TIME
        ladder, nodes, tops, trees = self._ladder, self._nodes, self._tops, self._trees

        def part(begin: int) -> None:
            rows = x[begin : begin + step]
            n_tiles = -(-len(rows) // TILE)
            codes = np.zeros((n_tiles, x.shape[1], TILE), np.int16)
            encode(np.ascontiguousarray(rows, np.float32), *ladder, codes)
            found = np.zeros((n_tiles, TILE, 2))
            walk(codes.reshape(n_tiles, -1), nodes, tops, trees, found)
            sums[begin : begin + step] = found.reshape(-1, 2)[: len(rows)]

        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(part, range(0, len(x), step)))
        total, squares = sums.T
        mean = total / self.n_trees
        variance = (squares - total * mean) / max(self.n_trees - 1, 1)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    @cached_property
    def _nodes(self) -> Kernel:
        """Of every node: first code of its predictor in a tile, left child and rank, value."""
        link = self.child.astype(np.uint32) << np.uint32(16) | self.rank.astype(np.uint32)
        return self.feature * np.uint16(TILE), link, self.values

    @cached_property
    def _trees(self) -> NDArray[np.int64]:
        """First node of a tree, first of the next, typical depth; shape (3, T)."""
        return np.stack([self.start, self._ends, self.typical_depth])

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.append(self.start[1:], len(self.child))

    @cached_property
    def _tops(self) -> Kernel:
        """First levels of every tree, completed, and the nodes where cells leave them.

        A leaf among them is repeated below itself; no value goes right of it.
        """
        at = np.zeros((self.n_trees, 2 * TOP + 1), np.int64)
        for j in range(TOP):
            left = self.child[self.start + at[:, j]]
            at[:, 2 * j + 1], at[:, 2 * j + 2] = left, left + (left != at[:, j])
        top = self.start[:, None] + at[:, :TOP]
        rows = self.feature[top].astype(np.int64) * TILE
        return rows, self.rank[top], at[:, TOP:].astype(np.uint16)

    @cached_property
    def _ladder(self) -> tuple[NDArray[np.float32], NDArray[np.int64], Kernel]:
        """Thresholds of each predictor with infinity at the end, where they begin, their bins.

        Of the bins: origin and bins per unit, (F, 2); rank at each bin, (F, BINS). Thresholds
        are rounded down to single precision, which no comparison with such a value notices.
        """
        own = np.split(self.thresholds, np.cumsum(self.n_thresholds)[:-1])
        narrow = [_rounded_down(np.append(values, np.inf)) for values in own]
        first = np.concatenate([[0], np.cumsum([len(values) for values in narrow])])
        line, rank = np.zeros((len(own), 2)), np.zeros((len(own), BINS), np.uint16)
        for f, values in enumerate(own):
            if len(values) > 1:
                width = (values[-1] - values[0]) / BINS
                line[f] = values[0], 1.0 / width
                rank[f] = np.searchsorted(values, values[0] + width * np.arange(BINS))
        return np.concatenate(narrow), first, (line, rank)

    def _check(self, x: NDArray[np.floating[Any]]) -> None:
        if x.ndim != 2 or x.shape[1] != len(self.n_thresholds):
            raise DataError(
                f"the forest has {len(self.n_thresholds)} predictors, the cells {x.shape[-1]}: it "
                "was learned from other covariates"
            )
        wrong = np.argwhere(np.isnan(x))
        if len(wrong):
            row, column = wrong[0]
            raise DataError(f"predictor {column} of row {row} is NaN; fill gaps before the forest")


def _rounded_down(values: Floats) -> NDArray[np.float32]:
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def flatten(trees: Sequence[Any], n_features: int) -> FlatForest:
    """Flatten fitted trees.

    Parameters
    ----------
    trees : sequence of sklearn.tree.DecisionTreeRegressor
    n_features : int

    Raises
    ------
    DataError
        If there are too many predictors, thresholds of one, or nodes of a tree for 16 bits.
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
    most = max((tree.node_count for tree in plain), default=0)
    if most > MOST_NODES:
        raise DataError(
            f"a tree of {most:,} nodes; at most {MOST_NODES:,} are right: let leaves be larger"
        )
    flat = [_flat_tree(tree, by_feature) for tree in plain]
    *arrays, typical = zip(*flat, strict=True)
    feature, rank, child, values = (np.concatenate(part) for part in arrays)
    lengths = [tree.node_count for tree in plain]
    return FlatForest(
        feature=feature,
        rank=rank,
        child=child,
        values=values,
        start=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        typical_depth=np.array(typical, np.int64),
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
        stored = read_arrays(path)
        if int(stored["format"]) != FORMAT:
            raise RunError(f"{path}: format {stored['format']} is unknown; right: {FORMAT}")
        return FlatForest(*(stored[name] for name in ARRAYS))
    except DAMAGED as error:
        raise RunError(f"{path}: is no stored forest ({error})") from None


def _flat_tree(tree: Any, by_feature: list[Floats]) -> tuple[Any, Any, Any, Floats, int]:
    """Predictors, ranks, left children and values of nodes, level by level; typical depth."""
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
    rank = np.full(len(order), LEAF_RANK, np.int16)
    for f in np.unique(feature[split]):
        own = split & (feature == f)
        rank[own] = np.searchsorted(by_feature[f], tree.threshold[order][own])
    rows = tree.weighted_n_node_samples[order] * ~split
    typical = round(float(rows @ level_of / rows.sum()))
    return (
        feature.astype(np.uint16), rank, left.astype(np.uint16), tree.value[order, 0, 0], typical,
    )  # fmt: skip

"""Two ways to hold rows out: as the study did, by rows; and by whole places."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bayes_rootc.errors import DataError
from bayes_rootc.learning.table import LearningTable

STRATA = 5
"""Groups of equal size by the target, each of which is dealt evenly to the random folds."""


def block_names(lat: ArrayLike, lon: ArrayLike, degrees: float) -> NDArray[np.str_]:
    """Name the block of so many degrees in which each place lies, shape (N,).

    Examples
    --------
    >>> block_names([52.1, -0.5], [4.9, 181.0], 5.0).tolist()
    ['50 0', '-5 -180']
    """
    south = np.floor(np.asarray(lat, float) / degrees) * degrees
    east = (np.asarray(lon, float) + 180.0) % 360.0 - 180.0
    west = np.floor(east / degrees) * degrees
    return np.array([f"{a:g} {b:g}" for a, b in zip(south, west, strict=True)], dtype=str)


def folds_of(
    table: LearningTable, rule: str, n_folds: int, seed: int, block_degrees: float = 5.0
) -> NDArray[np.intp]:
    """Deal rows to folds.

    Parameters
    ----------
    table : LearningTable
    rule : str
        ``random``: rows, stratified by the target. ``grouped``: whole blocks of places, and whole
        groups: those that a group ties together stay together.
    n_folds : int
    seed : int
        Same seed, same folds.
    block_degrees : float

    Returns
    -------
    ndarray of int, shape (N,)
        0 to n_folds - 1; every fold has rows.

    Raises
    ------
    DataError
        If there are fewer rows, or fewer places that can be parted, than folds.
    """
    rng = np.random.default_rng(seed)
    n = len(table.y)
    if n < n_folds:
        raise DataError(f"{table.name}: {n} rows for {n_folds} folds; give fewer folds")
    if rule == "random":
        # Dealt like cards in the order of strata, mixed within each.
        stratum = np.minimum(np.argsort(np.argsort(table.y)) * STRATA // n, STRATA - 1)
        order = np.lexsort((rng.random(n), stratum))
        fold = np.empty(n, dtype=np.intp)
        fold[order] = np.arange(n) % n_folds
        return fold
    cluster = _clusters(block_names(table.lat, table.lon, block_degrees), table.group)
    sizes = np.bincount(cluster)
    if len(sizes) < n_folds:
        raise DataError(
            f"{table.name}: {len(sizes)} blocks of {block_degrees:g} degrees for {n_folds} folds; "
            "give fewer folds or smaller blocks"
        )
    fold_of = np.empty(len(sizes), dtype=np.intp)
    filled = np.zeros(n_folds)
    # The largest first, each to the emptiest fold, equals in random order.
    for one in np.lexsort((rng.random(len(sizes)), -sizes)):
        fold_of[one] = int(np.argmin(filled))
        filled[fold_of[one]] += sizes[one]
    return fold_of[cluster]


def _clusters(block: NDArray[np.str_], group: NDArray[np.str_]) -> NDArray[np.intp]:
    """Number the sets of rows that blocks and groups tie together, shape (N,)."""
    _, of_block = np.unique(block, return_inverse=True)
    _, of_group = np.unique(group, return_inverse=True)
    n_blocks = int(of_block.max()) + 1
    n = n_blocks + int(of_group.max()) + 1
    graph = coo_array((np.ones(len(block)), (of_block, n_blocks + of_group)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return np.unique(component[of_block], return_inverse=True)[1]

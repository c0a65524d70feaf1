"""Compact letter display of pairwise comparisons.

References
----------
.. [1] piepho2004, Piepho (2004), J. Computational and Graphical Statistics 13, 456-466.
"""

from __future__ import annotations

from string import ascii_letters

import numpy as np
from numpy.typing import ArrayLike

Column = frozenset[int]


def compact_letters(differs: ArrayLike) -> list[str]:
    """Letters such that two groups share one exactly where they do not differ.

    Insert and absorb [1]_: one column holds all groups; every pair that differs splits the columns
    that hold both, and a column within another is dropped.

    Parameters
    ----------
    differs : array_like of bool, shape (n, n)
        Symmetric; whether two groups differ. The first group gets ``a``: put the largest first.

    Returns
    -------
    list of str, length n

    Examples
    --------
    >>> compact_letters([[0, 0, 1], [0, 0, 0], [1, 0, 0]])
    ['a', 'ab', 'b']
    """
    matrix = np.asarray(differs, bool)
    n = len(matrix)
    columns: set[Column] = {frozenset(range(n))}
    for i in range(n):
        for j in range(i + 1, n):
            if matrix[i, j]:
                columns = _absorb(_insert(columns, i, j))
    ordered = sorted(columns, key=sorted)
    return [
        "".join(ascii_letters[c] for c, column in enumerate(ordered) if group in column)
        for group in range(n)
    ]


def _insert(columns: set[Column], i: int, j: int) -> set[Column]:
    """Split every column that holds both."""
    both = {column for column in columns if {i, j} <= column}
    return (columns - both) | {column - {one} for column in both for one in (i, j)}


def _absorb(columns: set[Column]) -> set[Column]:
    """Drop what lies within another column."""
    return {column for column in columns if not any(column < other for other in columns)}

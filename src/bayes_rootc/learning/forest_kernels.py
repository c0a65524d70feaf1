"""Numba kernels of the flat forest, and the layout that they share with its builder.

The constants stand in the file of the kernels: numba compiles them in, and takes a stored kernel
for a fresh one unless this file has changed.
"""

from __future__ import annotations

import numba
import numpy as np

TILE = 256
"""Cells that are walked together."""

BINS = 4096
"""Of the range of a predictor's thresholds; the rank of a value is sought from its bin on."""

LEAF_RANK = (1 << 15) - 1
"""Of a leaf, above every rank of a value; ranks are signed 16-bit integers."""

TOP_LEVELS = 4
"""First levels of a tree, through which cells are sent side by side."""

TOP = (1 << TOP_LEVELS) - 1
"""Nodes of the first levels."""

LARGEST = np.finfo(np.float32).max


@numba.njit(nogil=True, error_model="numpy", inline="always")
def fork(code, top, j, ways, out):  # type: ignore[no-untyped-def]
    """One of four ways for every cell, by node j and its two children.

    Cells side by side take the same instructions (SIMD), so this is several times cheaper than
    two steps of each cell.
    """
    row, rank = top
    above, left, right = code[row[j] :], code[row[2 * j + 1] :], code[row[2 * j + 2] :]
    rank_above, rank_left, rank_right = rank[j], rank[2 * j + 1], rank[2 * j + 2]
    for c in range(TILE):
        # All four are read before one is chosen: a read that depends would not be SIMD.
        w0, w1, w2, w3 = ways[0][c], ways[1][c], ways[2][c], ways[3][c]
        if_left = w1 if left[c] > rank_left else w0
        if_right = w3 if right[c] > rank_right else w2
        out[c] = if_right if above[c] > rank_above else if_left


@numba.njit(nogil=True, error_model="numpy", inline="always")
def step(tree, at, code, cell):  # type: ignore[no-untyped-def]
    """Child of the node where a cell is; a leaf is its own child."""
    row, link = tree
    own, here = code[np.uint64(row[at]) + np.uint64(cell)], link[at]
    return np.uint16(left_child(here) + np.uint16(own > np.int16(here)))


@numba.njit(nogil=True, error_model="numpy", inline="always")
def left_child(link):  # type: ignore[no-untyped-def]
    """Upper half of a link; the lower half is the rank of the threshold."""
    return np.uint16(link >> np.uint32(16))


@numba.njit(nogil=True, error_model="numpy", cache=True)
def walk(codes, nodes, tops, trees, sums):  # type: ignore[no-untyped-def]
    """Add the value of every cell's leaf, and its square, over all trees."""
    rows, links, values = nodes
    top_rows, top_ranks, exits = tops
    at, moving = np.empty(TILE, np.uint16), np.empty(TILE, np.uint16)
    leaving = np.empty((exits.shape[1], TILE), np.uint16)
    middle = np.empty((4, TILE), np.uint16)
    for t in range(trees.shape[1]):
        # Tiles inside: a tree stays in the nearest cache while all cells pass through it.
        start, end, typical = trees[:, t]
        link, value = links[start:end], values[start:end]
        tree, top = (rows[start:end], link), (top_rows[t], top_ranks[t])
        for e in range(exits.shape[1]):
            for c in range(TILE):
                leaving[e, c] = exits[t, e]
        for tile in range(codes.shape[0]):
            code = codes[tile]
            for j in range(4):
                fork(code, top, 3 + j, leaving[4 * j : 4 * j + 4], middle[j])
            fork(code, top, 0, middle, at)
            for _ in range(TOP_LEVELS, typical):
                for c in range(TILE):
                    at[c] = step(tree, at[c], code, c)
            # From here on, only cells that are not yet in a leaf.
            n_moving = np.uint32(0)
            for c in range(TILE):
                moving[n_moving] = c
                n_moving += np.uint32(left_child(link[at[c]]) != at[c])
            while n_moving > 0:
                still = np.uint32(0)
                for m in range(n_moving):
                    c = moving[m]
                    once = step(tree, at[c], code, c)
                    twice = step(tree, once, code, c)
                    at[c] = twice
                    moving[still] = c
                    still += np.uint32(twice != once)
                n_moving = still
            for c in range(TILE):
                v = value[at[c]]
                sums[tile, c, 0] += v
                sums[tile, c, 1] += v * v


@numba.njit(nogil=True, error_model="numpy", cache=True)
def encode(x, thresholds, first, bins, codes):  # type: ignore[no-untyped-def]
    """Rank of every value among the thresholds of its predictor, tile by tile."""
    line, ranks = bins
    for f in range(x.shape[1]):
        own = thresholds[first[f] : first[f + 1]]  # the last one is infinite
        for i in range(x.shape[0]):
            v = min(max(x[i, f], -LARGEST), LARGEST)  # infinity times 0 is no number
            at = min(max((np.float64(v) - line[f, 0]) * line[f, 1], 0.0), BINS - 1.0)
            k = np.uint64(ranks[f, np.uint64(at)])
            while own[k] < v:
                k += np.uint64(1)
            while k > 0 and own[k - np.uint64(1)] >= v:
                k -= np.uint64(1)
            codes[i // TILE, f, i % TILE] = k

"""Numba kernels of the flat forest; loaded at the first prediction."""

from __future__ import annotations

import numba
import numpy as np

from bayes_rootc.learning.node_layout import BINS, FEATURES, FIELD, TILE, TOP, TOP_LEVELS

LARGEST = float(np.finfo(np.float32).max)


@numba.njit(nogil=True, error_model="numpy", inline="always")
def step(tree, at, code, cell):  # type: ignore[no-untyped-def]
    """Child of the node where a cell is; a leaf is its own child."""
    # A code stands 16 bits higher, as the rank does in a node: whatever stands below the rank
    # is less than one, so nodes need not be unpacked to be compared.
    node = tree[np.uint32(at)]
    own = code[(node & np.uint64(FEATURES)) + np.uint64(cell)]
    return np.int32(np.int32(node >> np.uint64(2 * FIELD)) + np.int32(own > np.int32(node)))


@numba.njit(nogil=True, error_model="numpy", inline="always")
def descend(tree, at, code):  # type: ignore[no-untyped-def]
    """Send all cells through the first nodes, which stand level by level: no cell looks up its own.

    A parent stands before its children, so one pass over the nodes takes a cell as far as they go;
    cells side by side take the same instruction (SIMD).
    """
    for j in range(min(TOP, len(tree))):
        node = tree[j]
        low, here = np.int32(node), np.int32(j)
        down = np.int32(np.int32(node >> np.uint64(2 * FIELD)) - here)
        row = code[np.int64(node & np.uint64(FEATURES)) :][:TILE]
        for c in range(TILE):
            before = at[c]
            move = down
            if row[c] > low:
                move += np.int32(1)
            if before != here:
                move = np.int32(0)
            at[c] = before + move


@numba.njit(nogil=True, error_model="numpy", cache=True)
def walk(codes, nodes, values, trees, sums):  # type: ignore[no-untyped-def]
    """Add the value of every cell's leaf, and its square, over all trees."""
    at, moving = np.empty(TILE, np.int32), np.empty(TILE, np.uint32)
    for t in range(trees.shape[1]):
        # Tiles inside: a tree stays in the nearest cache while all cells pass through it.
        start, n_nodes, depth, typical = trees[:, t]
        tree, value = nodes[start : start + n_nodes], values[start : start + n_nodes]
        together = max(typical, TOP_LEVELS)
        for tile in range(codes.shape[0]):
            code = codes[tile]
            for c in range(TILE):
                at[c], moving[c] = 0, c
            descend(tree, at, code)
            for _ in range(TOP_LEVELS, together):
                for c in range(TILE):
                    at[c] = step(tree, at[c], code, c)
            left, n_moving = depth - together, np.uint32(TILE)
            while left > 0 and n_moving > 0:
                still = np.uint32(0)
                for m in range(n_moving):
                    c = moving[m]
                    once = step(tree, at[c], code, c)
                    at[c] = step(tree, once, code, c)
                    moving[still] = c
                    still += np.uint32(at[c] != once)
                n_moving = still
                left -= 2
            for c in range(TILE):
                v = value[np.uint32(at[c])]
                sums[tile, 0, c] += v
                sums[tile, 1, c] += v * v


@numba.njit(nogil=True, error_model="numpy", cache=True)
def encode(x, thresholds, first, bins, codes):  # type: ignore[no-untyped-def]
    """Rank of every value among the thresholds of its predictor, tile by tile."""
    line, ranks = bins
    for f in range(x.shape[1]):
        begin, n = first[f], first[f + 1] - first[f]
        for i in range(x.shape[0]):
            v = min(max(np.float64(x[i, f]), -LARGEST), LARGEST)  # infinity times 0 is no number
            at = min(max((v - line[f, 0]) * line[f, 1], 0.0), BINS - 1.0)
            k = np.int64(ranks[f, np.int64(at)])
            while k > 0 and thresholds[begin + k - 1] >= v:
                k -= 1
            while k < n and thresholds[begin + k] < v:
                k += 1
            codes[i // TILE, f, i % TILE] = np.int32(np.int32(k) << np.int32(FIELD))

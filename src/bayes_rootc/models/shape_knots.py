"""The likelihood of the layers at several shapes, between which a sampled shape moves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.radiocarbon.quadrature import Nodes, compress
from bayes_rootc.radiocarbon.table import ForwardTable, ShapeTable, log_likelihood_grid
from bayes_rootc.spec.structure import SHAPES
from bayes_rootc.units import Floats
from bayes_rootc.variables import SHAPE, SHAPE_SLOPE

USUAL_LN_K, LN_K_SPREAD = -6.0, 2.0
"""About where ln k of soil layers lies, to weigh the solutions of a layer."""

SHIFT_DEGREE = 5
"""Of the polynomial in ln shape by which the data move ln k."""


@dataclass(frozen=True)
class ShapeKnots:
    """Likelihood of the layers at evenly spaced values of ln shape, for a sampled shape.

    Attributes
    ----------
    table : ShapeTable
        Of M knots.
    nodes : Nodes
        Arrays of shape (N, M, W).
    depth : ndarray, shape (N,)
        d(z) of the layers, with which ln shape may change.
    standard_depth : ndarray, shape (7,)
        d(z) of the standard layers.
    """

    table: ShapeTable
    nodes: Nodes
    depth: Floats
    standard_depth: Floats

    def of(self, rows: NDArray[np.bool_]) -> ShapeKnots:
        """Knots of some of the layers (mask, shape (N,))."""
        table, nodes = self.table.of(rows), self.nodes.of(rows)
        return replace(self, table=table, nodes=nodes, depth=self.depth[rows])

    @cached_property
    def as_read(self) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Order of the layers (N,), node positions and log weights (M, N, W): as the kernel reads.

        Layers of like depth lie together, for the shape may change with depth.
        """
        order = np.argsort(self.depth, kind="stable")
        theta, log_weight = (
            np.ascontiguousarray(one[order].swapaxes(0, 1))
            for one in (self.nodes.theta, self.nodes.log_weight)
        )
        return order, theta, log_weight

    def shift(self) -> Floats:
        """How far the data move ln k of each layer with the shape: a polynomial in ln shape.

        Effects are sampled less this shift, so that the shape hardly moves them any more.

        Returns
        -------
        ndarray, shape (SHIFT_DEGREE + 1, N)
            Coefficients, highest power first.
        """
        theta, log_weight = self.nodes.theta, self.nodes.log_weight
        log_mass = log_weight - 0.5 * ((theta - USUAL_LN_K) / LN_K_SPREAD) ** 2
        mass = np.exp(log_mass - log_mass.max(axis=2, keepdims=True))
        middle = ((mass * theta).sum(axis=2) / mass.sum(axis=2)).T
        moved = middle - middle[len(middle) // 2]
        return np.asarray(np.polyfit(self.table.ln_shape, moved, SHIFT_DEGREE))

    def shape_at(self, draws: Mapping[str, Floats], depth: Floats) -> Floats:
        """Shape at each of M depths (basis d(z)), held within the range that is tabulated.

        Parameters
        ----------
        draws : mapping
            ``shape``, and ``shape_slope`` where it changes with depth, shape (S,).
        depth : ndarray, shape (M,)

        Returns
        -------
        ndarray, shape (S, M), or (S, 1) where the shape is the same at all depths
        """
        shape = draws[SHAPE][:, None]
        if SHAPE_SLOPE not in draws:
            return shape
        ends = np.exp(self.table.ln_shape[[1, -2]])
        return np.asarray(np.clip(shape * np.exp(draws[SHAPE_SLOPE][:, None] * depth), *ends))

    def place(self, draws: Mapping[str, Floats]) -> Floats:
        """Where the shape of each layer lies among the knots, shape (S, N) or (S, 1)."""
        return self.table.place(self.shape_at(draws, self.depth))


def shape_draws(draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Those of the draws that are of a sampled shape; none where it is fixed."""
    return {name: draws[name] for name in (SHAPE, SHAPE_SLOPE) if name in draws}


def knots_of(structure: str) -> Floats:
    """Values of ln shape at which a sampled structure is tabulated, evenly spaced.

    One more at each end, for the cubic that runs through the knots needs a neighbour there.
    """
    known = SHAPES[structure]
    assert known is not None
    low, high = np.log(known.sampled)
    n = int(np.ceil((high - low) / known.knot_step))
    step = (high - low) / n
    return np.linspace(low - step, high + step, n + 3)


def stacked_nodes(stack: ShapeTable, observed: Floats, scale: Floats, df: float) -> Nodes:
    """Nodes of every layer at every knot, as many knots at a time as there are processors."""

    def at(table: ForwardTable) -> Nodes:
        return compress(table.theta, log_likelihood_grid(table, observed, scale, df))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(at, stack.tables))
    return Nodes(
        np.stack([nodes.theta for nodes in found], axis=1),
        np.stack([nodes.log_weight for nodes in found], axis=1),
    )

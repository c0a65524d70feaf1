"""What the turnover model has to beat on held-out profiles: cell values and a random forest.

Both learn Δ14C itself from what the model is given too: biome, depth, climate, and when and in
which atmosphere the sample was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.inference.scores import Predictive, from_weights
from bayes_rootc.layers import STANDARD_EDGES_CM
from bayes_rootc.models.assemble import Problem
from bayes_rootc.units import Floats

Mask = NDArray[np.bool_]

N_TREES = 500
MIN_LEAF = 5
SMALLEST_CELL = 5
"""Cells with fewer layers give way to the depth layer of all biomes, then to all layers."""


@dataclass(frozen=True)
class Baseline:
    """A method without a model of turnover.

    Attributes
    ----------
    text : str
        For people.
    predict : callable
        (problem, training rows (N,), seed) → predictive Δ14C of the other rows, in their order.
    """

    text: str
    predict: Callable[[Problem, Mask, int], Predictive]


def cell_values(problem: Problem, training: Mask, seed: int) -> Predictive:
    """Δ14C of the training layers of the same biome and standard depth layer: mean and scatter."""
    del seed  # nothing is drawn
    y = problem.layers["delta14c"].to_numpy(float)
    biome = problem.design.biome[problem.design.profile]
    depth = standard_layer(problem.layers)
    weights = np.zeros((int((~training).sum()), int(training.sum())))
    for i, row in enumerate(np.flatnonzero(~training)):
        same_depth = depth[training] == depth[row]
        same_cell = same_depth & (biome[training] == biome[row])
        large = (cell for cell in (same_cell, same_depth) if cell.sum() >= SMALLEST_CELL)
        weights[i] = next(large, np.ones_like(same_cell))
    return from_weights(y[training], weights)


def forest_values(problem: Problem, training: Mask, seed: int) -> Predictive:
    """Random forest with the training layers of the leaves as distribution (Meinshausen 2006)."""
    from sklearn.ensemble import RandomForestRegressor

    x, y = features(problem), problem.layers["delta14c"].to_numpy(float)
    forest = RandomForestRegressor(
        N_TREES, min_samples_leaf=MIN_LEAF, max_features=1.0 / 3.0, random_state=seed
    ).fit(x[training], y[training])
    leaves, new = forest.apply(x[training]), forest.apply(x[~training])
    weights = np.zeros((len(new), len(leaves)))
    for tree in range(N_TREES):
        same = new[:, tree, None] == leaves[:, tree]
        weights += same / same.sum(axis=1, keepdims=True)
    return from_weights(y[training], weights)


BASELINES = {
    "cells": Baseline("values of the same biome and depth layer", cell_values),
    "forest": Baseline(f"random forest, {N_TREES} trees, values of the leaves", forest_values),
}


def features(problem: Problem) -> Floats:
    """Columns of the forest, shape (N, F): what the turnover model knows of a layer but Δ14C."""
    design = problem.design
    biome = design.biome[design.profile][:, None] == np.arange(len(design.biomes))
    zone = problem.zone[:, None] == np.unique(problem.zone)
    return np.column_stack(
        [biome, zone, problem.time, design.depth, design.covariates[design.profile]]
    ).astype(float)


def standard_layer(layers: pd.DataFrame) -> NDArray[np.intp]:
    """Which of the seven standard layers holds the middle of each layer, 0 to 6."""
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    return np.searchsorted(np.array(STANDARD_EDGES_CM[1:-1], float), middle, side="right")

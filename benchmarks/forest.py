"""Mean and spread over 500 trees of a million cells: flat forest beside scikit-learn's trees.

The baseline adds up `tree.predict(cells)` of one tree after the other, as a user would who wants no
array of cells by trees. A second, bare one asks the inner trees of scikit-learn, which check
nothing, 50,000 cells at a time. All get the same forest (leaves of 5 or more) and the same cells
in the same order, in single precision already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from bayes_rootc.learning.flat_forest import flatten
from bayes_rootc.units import Floats
from benchmarks.common import machine

CELLS, REPEATS = 1_000_000, 3
ROWS, PREDICTORS, TREES, MIN_LEAF = 2850, 34, 500, 5
Cells = NDArray[np.float32]

AT_A_TIME = 50_000  # cells of the bare baseline


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Time both on one thread, ours on two as well, and compare their numbers."""
    before = machine()
    model, cells = _forest(), _cells(CELLS)
    flat = flatten(model.estimators_, PREDICTORS)
    flat.predict(cells[:1000])  # compiles
    times: dict[str, list[float]] = {"baseline": [], "bare": [], "one": [], "two": []}
    for repeat in range(REPEATS):
        calls: dict[str, Callable[[], tuple[Floats, Floats]]] = {
            "baseline": lambda: _add_up([tree.predict for tree in model.estimators_], cells),
            "bare": lambda: _bare(model, cells),
            "one": lambda: flat.predict(cells, n_threads=1),
            "two": lambda: flat.predict(cells, n_threads=2),
        }
        found = {}
        for name, call in calls.items():
            clock = time.perf_counter()
            found[name] = call()
            times[name].append(time.perf_counter() - clock)
        say(f"repeat {repeat + 1}: " + ", ".join(f"{n} {t[-1]:.1f} s" for n, t in times.items()))
    errors = [float(np.abs(a - b).max()) for a, b in zip(*[found[n] for n in ("baseline", "one")],
                                                         strict=True)]  # fmt: skip
    one, two = (median(times[n]) for n in ("one", "two"))
    result = {
        "ratio_one_thread": median(times["baseline"]) / one,
        "ratio_one_thread_bare": median(times["bare"]) / one,
        "ratio_two_threads_to_one": one / two,
        "cells_per_second_one_thread": CELLS / one,
        "error_mean": errors[0],
        "error_sd": errors[1],
        "cells": CELLS,
        "machine": before,
    }
    say(
        f"one thread {result['ratio_one_thread']:.1f} times the baseline, "
        f"{result['ratio_one_thread_bare']:.1f} times the bare one; two threads "
        f"{result['ratio_two_threads_to_one']:.2f} times one; largest errors {errors[0]:.1e} "
        f"(mean), {errors[1]:.1e} (sd)"
    )
    return result


def _forest() -> RandomForestRegressor:
    """As for layers: correlated predictors, a depth that matters most, noise."""
    rng = np.random.default_rng(1)
    x = _cells(ROWS, seed=2)
    y = x[:, 0] + 0.5 * np.abs(x[:, 1]) - 1.5 * x[:, 2] + rng.standard_normal(ROWS)
    return RandomForestRegressor(
        TREES, min_samples_leaf=MIN_LEAF, max_features=1 / 3, random_state=1, n_jobs=-1
    ).fit(x, y)


def _cells(n: int, seed: int = 3) -> Cells:
    """Predictors of neighbouring cells are alike, as those of a map."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(0).standard_normal((6, PREDICTORS))
    along = np.linspace(0.0, 40.0 * n / CELLS * 25.0, n)[:, None] * np.arange(1, 7)
    factors = np.sin(along + rng.uniform(0.0, 6.3, 6)) + 0.3 * rng.standard_normal((n, 6))
    return np.asarray(factors @ loadings + 0.3 * rng.standard_normal((n, PREDICTORS)), np.float32)


def _add_up(predict: list[Callable[[Cells], Floats]], cells: Cells) -> tuple[Floats, Floats]:
    total, square = np.zeros((2, len(cells)))
    for one in predict:
        found = one(cells).ravel()
        total += found
        square += found**2
    mean = total / TREES
    return mean, np.sqrt(np.maximum(square - total * mean, 0.0) / (TREES - 1))


def _bare(model: RandomForestRegressor, cells: Cells) -> tuple[Floats, Floats]:
    trees = [tree.tree_.predict for tree in model.estimators_]
    starts = range(0, len(cells), AT_A_TIME)
    parts = [_add_up(trees, cells[start : start + AT_A_TIME]) for start in starts]
    mean, sd = (np.concatenate(part) for part in zip(*parts, strict=True))
    return mean, sd

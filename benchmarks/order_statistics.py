"""Quantiles of exp(x · slopes) over 500 draws at a million cells: ours beside the naive way.

The naive way is chunked too, or it would not fit into memory: quantile(exp(X @ B)) in double
precision. Ours is the core of the posterior engine alone: it multiplies in single precision, sorts
each cell's draws, and takes the exponential of the few quantiles that are needed (between two
neighbouring draws the naive way interpolates exponentials, ours logarithms).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from bayes_rootc.mapping.statistics import quantiles
from bayes_rootc.units import Floats
from benchmarks.common import machine

CELLS, DRAWS, COMPONENTS, REPEATS = 1_000_000, 500, 9, 3
QUANTILES = (0.025, 0.5, 0.975)
CHUNK = 2048


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Time both on one thread, and compare their numbers."""
    before = machine()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((CELLS, COMPONENTS))
    slopes = 0.3 * rng.standard_normal((COMPONENTS, DRAWS))
    times: dict[str, list[float]] = {"naive": [], "ours": []}
    calls = {"naive": _naive, "ours": _ours}
    found: dict[str, Floats] = {}
    for repeat in range(REPEATS):
        for name, call in calls.items():
            clock = time.perf_counter()
            found[name] = call(x, slopes)
            times[name].append(time.perf_counter() - clock)
        say(f"repeat {repeat + 1}: " + ", ".join(f"{n} {t[-1]:.1f} s" for n, t in times.items()))
    ratio = median(times["naive"]) / median(times["ours"])
    error = float(np.abs(found["ours"] / found["naive"] - 1.0).max())
    say(f"ours is {ratio:.1f} times as fast; largest relative difference {error:.1e}")
    return {"ratio": ratio, "largest_relative_difference": error, "cells": CELLS,
            "draws": DRAWS, "machine": before}  # fmt: skip


def _naive(x: Floats, slopes: Floats) -> Floats:
    found = np.empty((len(QUANTILES), len(x)))
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        found[:, part] = np.quantile(np.exp(x[part] @ slopes), QUANTILES, axis=1)
    return found


def _ours(x: Floats, slopes: Floats) -> Floats:
    found = np.empty((len(QUANTILES), len(x)))
    narrow = slopes.astype(np.float32)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        found[:, part] = np.exp(quantiles(x[part].astype(np.float32) @ narrow, QUANTILES))
    return found

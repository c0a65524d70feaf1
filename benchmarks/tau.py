"""Tau of one forest in stands beside the study's way, many forests on parts of the groups.

On the tables of the learning run in runs/learning (of real data, to judge the agreement), or on
simulated rows without one. 100 of the study's 500 forests are grown; their time is that of 500 by
proportion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.inference.learned_folder import open_learned, open_table
from bayes_rootc.learning.folds import block_names
from bayes_rootc.learning.preparation import Preparation
from bayes_rootc.learning.tree_intervals import ForestSettings, grow, tau_bootstrap, tau_oob
from bayes_rootc.mapping.forest import MAX_CORRELATION, TARGETS
from bayes_rootc.spec.map import ForestSection
from bayes_rootc.units import Floats
from benchmarks.common import machine

LEARNING = Path("runs/learning")
GROWN, SEEDS, DEGREES = 100, (1, 2, 3), 5.0

Rows = tuple[Floats, Floats, NDArray[Any]]


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Compare value and cost of both, by target and by what is left out together."""
    result: dict[str, Any] = {"machine": machine(), "grown": GROWN}
    for name, (x, y, group) in _cases(say).items():
        settings = ForestSettings()
        found, seconds = [], []
        for seed in SEEDS:
            clock = time.perf_counter()
            found.append(tau_oob(*grow(x, y, group, settings, seed), x, y).tau95)
            seconds.append(time.perf_counter() - clock)
        clock = time.perf_counter()
        study = tau_bootstrap(x, y, group, settings, seed=1, repeats=GROWN)
        cost = (time.perf_counter() - clock) / GROWN * ForestSection().repeats
        result[name] = {
            "tau95_oob": found,
            "tau95_bootstrap": study.tau95,
            "difference": float(np.median(found)) - study.tau95,
            "times_cheaper": cost / float(np.median(seconds)),
        }
        say(f"{name}: {result[name]}")
    return result


def _cases(say: Callable[[str], None]) -> dict[str, Rows]:
    if not LEARNING.is_dir():
        say(f"{LEARNING}: no such run; rows are simulated")
        return {"simulated": _simulated()}
    say(f"{LEARNING}: {open_learned(LEARNING).info['source']} data")
    found: dict[str, Rows] = {}
    for target in TARGETS:
        table = open_table(LEARNING, target)
        prepared = Preparation(MAX_CORRELATION, unseen="zero").fit(table.features)
        x = prepared.transform(table.features)
        found[f"{target}, profiles"] = x, table.y, table.group
        found[f"{target}, blocks"] = x, table.y, block_names(table.lat, table.lon, DEGREES)
    return found


def _simulated(n_groups: int = 500, layers: int = 4) -> Rows:
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(n_groups), layers)
    x = rng.standard_normal((n_groups, 30))[group]
    own = 0.7 * rng.standard_normal(n_groups)
    return x, x[:, 0] + own[group] + 0.2 * rng.standard_normal(len(group)), group

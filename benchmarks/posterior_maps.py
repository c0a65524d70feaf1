"""All maps of the posterior engine, 500 draws at 8,192 cells: as they are made, and the naive way.

Ours is what a block of a map runs: `PosteriorEngine.draw` and `summarise`, single precision, tile
by tile. The naive way has the same equations in double precision, quantile(exp(X @ B + residuals))
by `numpy.quantile`, and the same tiles, or it would not fit into memory. Both give mean, standard
deviation and quantiles of three flows and of the share lost, by layer and over the profile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from bayes_rootc.data.components import Components
from bayes_rootc.mapping.block import CELLS_AT_A_TIME
from bayes_rootc.mapping.posterior import DRAWN, N_LAYERS, PosteriorEngine
from bayes_rootc.mapping.statistics import FLOWS, LEAST_ROOT, SHARE, summarise
from bayes_rootc.models.flows import shares_of
from bayes_rootc.units import Floats
from bayes_rootc.variables import EFFECTS
from benchmarks.common import machine

CELLS, DRAWS, VARIABLES, COMPONENTS, BIOMES, REPEATS = 8192, 500, 27, 9, 9, 3
QUANTILES = (0.025, 0.5, 0.975)
CENTRES = {"k": -6.0, "rho": 0.2, "bnpp": 0.7, "f_bnpp": -0.2, "d50": 2.6}

Found = dict[str, Floats]


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Time both on one thread, and compare their numbers."""
    before = machine()
    rng = np.random.default_rng(1)
    engine = _engine(rng)
    names = engine.components.variables
    cells = pd.DataFrame(rng.standard_normal((CELLS, VARIABLES)), columns=list(names))
    biome = rng.integers(0, BIOMES, CELLS)
    times: dict[str, list[float]] = {"naive": [], "ours": []}
    calls = {"naive": _naive, "ours": _ours}
    found: dict[str, Found] = {}
    with threadpool_limits(1):
        for repeat in range(REPEATS):
            for name, call in calls.items():
                clock = time.perf_counter()
                found[name] = call(engine, cells, biome)
                times[name].append(time.perf_counter() - clock)
            told = ", ".join(f"{n} {CELLS / t[-1]:,.0f} cells/s" for n, t in times.items())
            say(f"repeat {repeat + 1}: {told}")
    ratio = median(times["naive"]) / median(times["ours"])
    # Residuals are drawn anew by each: cells differ by chance, their mean hardly.
    of_flows = {name: found["ours"][name].mean() / found["naive"][name].mean() for name in FLOWS}
    error = float(max(abs(one - 1.0) for one in of_flows.values()))
    say(f"ours is {ratio:.1f} times as fast; means of the medians differ by up to {error:.1e}")
    speed = CELLS / median(times["ours"])
    return {"ratio": ratio, "cells_a_second": speed, "relative_difference": error,
            "cells": CELLS, "draws": DRAWS, "machine": before}  # fmt: skip


def _engine(rng: np.random.Generator) -> PosteriorEngine:
    """Make an engine of invented draws, of the size of a real run's."""

    def f32(values: Floats) -> Any:
        return np.ascontiguousarray(values, np.float32)

    loadings = np.linalg.qr(rng.standard_normal((VARIABLES, COMPONENTS)))[0].T
    components = Components(
        names=tuple(f"c {i}" for i in range(COMPONENTS)), groups=("c",) * COMPONENTS,
        variables=tuple(f"v {i}" for i in range(VARIABLES)), log=(), mean=np.zeros(VARIABLES),
        sd=np.ones(VARIABLES), loadings=loadings, variance=np.ones(COMPONENTS), notes=(),
    )  # fmt: skip
    slopes = 0.2 * rng.standard_normal((len(EFFECTS), BIOMES, DRAWS, COMPONENTS))
    levels = 0.3 * rng.standard_normal((len(EFFECTS), DRAWS, BIOMES))
    return PosteriorEngine(
        level={name: f32(CENTRES[name] + one) for name, one in zip(EFFECTS, levels, strict=True)},
        slopes={name: f32(one) for name, one in zip(EFFECTS, slopes, strict=True)},
        scalars={name: f32(rng.uniform(0.2, 0.6, DRAWS)) for name in DRAWN},
        a_ratio=f32(0.5 + 0.1 * rng.standard_normal((DRAWS, BIOMES))),
        bulk_length=f32(rng.uniform(1.0, 20.0, (BIOMES, N_LAYERS, DRAWS))),
        components=components, limits=np.array([[-3.0], [3.0]]) * np.ones(COMPONENTS),
        root="bnpp", clamp=True, npp="npp",
    )  # fmt: skip


def _ours(engine: PosteriorEngine, cells: pd.DataFrame, biome: Any) -> Found:
    rng, parts = np.random.default_rng(2), []
    for start in range(0, CELLS, CELLS_AT_A_TIME):
        here = slice(start, start + CELLS_AT_A_TIME)
        parts.append(summarise(*engine.draw(cells[here], biome[here], rng), QUANTILES)[0])
    return {name: np.concatenate([one[f"{name}_quantile"][1] for one in parts]) for name in FLOWS}


def _naive(engine: PosteriorEngine, cells: pd.DataFrame, biome: Any) -> Found:
    rng, parts = np.random.default_rng(3), []
    for start in range(0, CELLS, CELLS_AT_A_TIME):
        here = slice(start, start + CELLS_AT_A_TIME)
        x = np.clip(engine.components.apply(cells[here]), *engine.limits)
        parts.append(_statistics(*_drawn(engine, x, biome[here], rng)))
    return {name: np.concatenate([one[name] for one in parts]) for name in FLOWS}


def _drawn(
    engine: PosteriorEngine, x: Floats, biome: Any, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """I_root and I_bulk of cells, (n, 7, S), as the equations say."""
    own = {name: values.astype(float) for name, values in engine.scalars.items()}

    def level(name: str) -> Floats:
        found = engine.level[name].T.astype(float)[biome]
        for one in range(BIOMES):
            found[biome == one] += x[biome == one] @ engine.slopes[name][one].T.astype(float)
        return found

    shape = (len(x), DRAWS)
    root = np.exp(level("bnpp") + own["sigma_place_bnpp"] * rng.standard_normal(shape))
    place = own["sigma_place_d50"] * rng.standard_normal(shape)
    ratio = engine.a_ratio.T.astype(float)[biome] + own["ratio_d50"] * place
    ratio = ratio + own["sigma_place_ratio"] * rng.standard_normal(shape)
    share = np.moveaxis(shares_of(level("d50") + place, np.exp(ratio)), -1, 1)
    ln_bulk = level("k") + level("rho") + own["sd_profile"] * rng.standard_normal(shape)
    noise = own["sd_layer"] * rng.standard_normal((len(x), N_LAYERS, DRAWS))
    length = engine.bulk_length.astype(float)[biome]
    return root[:, None] * share, np.exp(ln_bulk[:, None] + noise) * length


def _statistics(root: Floats, bulk: Floats) -> Found:
    """Medians of the flows; the other maps are made too, as a map would."""
    flows = dict(zip(FLOWS, (root, bulk, root - bulk), strict=True))
    flows = {
        name: np.concatenate([one, one.sum(axis=1, keepdims=True)], axis=1)
        for name, one in flows.items()
    }
    flows[SHARE] = flows["i_loss"] / np.maximum(flows["i_root"], float(LEAST_ROOT))
    found = {}
    for name, draws in flows.items():
        draws.mean(axis=-1)
        draws.std(axis=-1)
        found[name] = np.quantile(draws, QUANTILES, axis=-1)[1]
    (flows["i_loss"] < 0.0).mean(axis=-1)
    return found

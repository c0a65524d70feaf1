"""Tables whose truth is known, for the tests of learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.learning.table import LearningTable
from bayes_rootc.spec.learning import LearningSpec

BIOMES = np.array(["forest", "grass", "tundra"])


def spec_of(*learners: str, **changes: Any) -> LearningSpec:
    """Return a learning specification of some learners."""
    content = {"schema": 1, "model": "learning", "learners": list(learners)}
    return LearningSpec.model_validate(content | changes)


def table_of(y: Any = None, n_groups: int = 80, layers: int = 4, seed: int = 0) -> LearningTable:
    """Profiles of a few layers at scattered places; y from the rows' features by default.

    ``y`` is a function of (features, group number, generator).
    """
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), layers)
    lat, lon = rng.uniform(-60, 70, n_groups)[group], rng.uniform(-180, 180, n_groups)[group]
    of_place = rng.standard_normal((n_groups, 4))[group]
    features = pd.DataFrame(of_place, columns=["a", "b", "c", "d"])
    features["top_cm"] = np.tile(np.arange(layers) * 20.0, n_groups)
    features["biome"] = BIOMES[rng.integers(0, 3, n_groups)][group]
    value = (y or signal)(features, group, rng)
    names = np.array([f"profile {g}" for g in group])
    return LearningTable("ln_k", features, value, np.ones(len(value)), names, lat, lon, "exp")


def signal(features: pd.DataFrame, _: Any, rng: np.random.Generator) -> np.ndarray:
    """Return something that every learner can find, with a little noise."""
    tundra = (features["biome"] == "tundra").to_numpy(float)
    found = features["a"] + np.abs(features["b"]) - 0.02 * features["top_cm"] + tundra
    return np.asarray(found + 0.2 * rng.standard_normal(len(features)))


def noise(features: pd.DataFrame, _: Any, rng: np.random.Generator) -> np.ndarray:
    """Return nothing that can be found."""
    return rng.standard_normal(len(features))


def of_profile(features: pd.DataFrame, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a constant of each profile that no feature explains, but identifies it."""
    own = rng.standard_normal(group.max() + 1)
    return np.asarray(own[group] + 0.1 * rng.standard_normal(len(group)))

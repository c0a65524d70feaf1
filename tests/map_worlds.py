"""A small grid, a stored joint run and a learning run of invented soil, for the tests of maps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.inference.learned_folder import Learned, hash_of, write_learned
from bayes_rootc.inference.store import write_tree
from bayes_rootc.layers import BIOME_KEYS, STANDARD_EDGES_CM
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.spec.map import MapSpec
from fake_joint import GRID_VARIABLES, SPEC, fake_joint
from fake_run import fake_diagnostics

TRAINING = {"bio01": (10.0, 8.0), "bio12": (900.0, 500.0), "vpd": (0.6, 0.3),
            "soil_clay": (25.0, 10.0), "soil_ph_cacl2": (5.5, 0.8), "elevation": (400.0, 300.0),
            "slope": (0.4, 0.3)}  # fmt: skip
"""Variable → mean and spread."""

UNITS = {"bio01": "degC", "bio12": "mm yr-1", "elevation": "m"}
COVARIATES = {"log": [], "npp": "npp"}


def joint_run(**options: Any) -> xr.DataTree:
    """Return a fake joint run whose specification names covariates, as a fitted one does."""
    run = fake_joint(draws=60, keep=30, **options)
    run.attrs["spec"] = json.dumps(SPEC | {"covariates": COVARIATES})
    constants = run["constant_data"].to_dataset()
    names = [str(one) for one in constants["variable"].to_numpy()]
    mean, sd = np.array([TRAINING[name] for name in names]).T
    run["constant_data"] = xr.DataTree(
        constants.assign(variable_mean=("variable", mean), variable_sd=("variable", sd))
    )
    return run


def store_joint(folder: Path, **options: Any) -> Path:
    """Store it as a fit does."""
    run = joint_run(**options)
    folder.mkdir(parents=True)
    write_tree(run, folder / "fit.nc")
    certificate = {name: run.attrs[name] for name in ("spec_hash", "data_hash", "status")}
    (folder / "run.json").write_text(json.dumps(certificate | {"spec": {}}), encoding="utf-8")
    (folder / "diagnostics.json").write_text(json.dumps(fake_diagnostics()), encoding="utf-8")
    return folder


def covariates(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Covariates of n places."""
    frame = {name: mean + sd * rng.standard_normal(n) for name, (mean, sd) in TRAINING.items()}
    return pd.DataFrame(frame).assign(npp=np.abs(500.0 + 200.0 * rng.standard_normal(n)))


def truth(target: str, features: pd.DataFrame) -> np.ndarray:
    """Mean of ln I_root or ln I_bulk at places and depths."""
    warm = (features["bio01"].to_numpy() - 10.0) / 8.0
    if target == "i_root":
        return np.asarray(0.5 + 0.4 * np.tanh(warm))
    depth = features["top_cm"].to_numpy() / 100.0
    return np.asarray(-2.0 + 0.5 * np.tanh(warm) - 1.5 * depth)


def table(target: str, seed: int = 5, n_groups: int = 120) -> LearningTable:
    """Rows of a target: places, or layers of profiles, with noise of the place and the row."""
    rng = np.random.default_rng(seed)
    layers = 1 if target == "i_root" else len(STANDARD_EDGES_CM) - 1
    group = np.repeat(np.arange(n_groups), layers)
    features = covariates(n_groups, rng).iloc[group].reset_index(drop=True)
    features["biome"] = np.array(BIOME_KEYS)[rng.integers(0, len(BIOME_KEYS), n_groups)][group]
    if layers > 1:
        edges = np.array(STANDARD_EDGES_CM, float)
        features["top_cm"] = np.tile(edges[:-1], n_groups)
        features["thickness_cm"] = np.tile(np.diff(edges), n_groups)
    y = truth(target, features) + noise(group, rng)
    lat, lon = rng.uniform(-60, 70, n_groups)[group], rng.uniform(-180, 180, n_groups)[group]
    names = np.array([f"profile {g}" for g in group])
    return LearningTable(target, features, y, np.ones(len(y)), names, lat, lon, "exp")


def noise(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Residuals of groups (sd 0.3) and of rows (sd 0.3)."""
    own = 0.3 * rng.standard_normal(group.max() + 1)
    return np.asarray(own[group] + 0.3 * rng.standard_normal(len(group)))


def store_learning(folder: Path) -> Path:
    """Store a learning run of both targets, without learning."""
    tables = {name: table(name) for name in ("i_root", "i_bulk")}
    spec = {"schema": 1, "model": "learning", "learners": ["forest"], "targets": list(tables)}
    info = {"source": "simulated", "spec": spec, "learners": ["forest"],
            "table_hashes": {name: hash_of(one) for name, one in tables.items()}}  # fmt: skip
    names = [*TRAINING, "npp"]
    importance = pd.DataFrame({"target": "i_bulk", "feature": names, "importance": 1.0})
    write_learned(Learned({"importance": importance}, info), tables, folder)
    return folder


def grid(seed: int = 9, n_lat: int = 12, n_lon: int = 20) -> xr.Dataset:
    """Return a grid of 1° cells with sea, gaps and every biome."""
    rng = np.random.default_rng(seed)
    frame = covariates(n_lat * n_lon, rng)
    lat, lon = 49.5 - np.arange(n_lat), -9.5 + np.arange(n_lon)
    data = {
        name: (("lat", "lon"), frame[name].to_numpy(np.float32).reshape(n_lat, n_lon),
               {"units": UNITS.get(name, "1")})
        for name in frame
    }  # fmt: skip
    biome = rng.integers(1, 10, (n_lat, n_lon)).astype(np.float32)
    biome[:, -5:] = np.nan  # sea
    data["biome"] = (("lat", "lon"), biome, {"units": "1"})
    data["land_fraction"] = (("lat", "lon"), np.ones((n_lat, n_lon), np.float32), {"units": "1"})
    found = xr.Dataset(data, {"lat": lat, "lon": lon})
    found["soil_clay"][3, 2:6] = np.nan
    return found


def spec_of(**changes: Any) -> MapSpec:
    """Return a map specification small enough for tests."""
    content = {
        "schema": 1, "model": "map", "seed": 3,
        "forest": {"n_trees": 60},
        "output": {"draws": 60, "block_lat": 5, "block_lon": 7},
    }  # fmt: skip
    return MapSpec.model_validate(content | changes)


def same_files(one: Path, other: Path) -> bool:
    """Whether two stores hold the same files with the same bytes."""
    files = [sorted(p.relative_to(f) for p in f.rglob("*") if p.is_file()) for f in (one, other)]
    return files[0] == files[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in files[0]
    )


assert set(TRAINING) == set(GRID_VARIABLES)

"""A learning run: learners validated, explained, and asked for prior means of every place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from bayes_rootc.data.prior_means import CERTIFICATE, prior_column
from bayes_rootc.errors import RunError
from bayes_rootc.inference.fit import Fit, open_run
from bayes_rootc.inference.harmonise import harmonised_uptake
from bayes_rootc.inference.learned_folder import Learned, hash_of, write_learned
from bayes_rootc.inference.learning_tables import (
    QUANTITY,
    learning_tables,
    reference_features,
)
from bayes_rootc.inference.run_folder import RunFolder, read_certificate, read_inputs
from bayes_rootc.learning.cross import (
    CrossPrediction,
    Elsewhere,
    FinalModel,
    cross_predict,
)
from bayes_rootc.learning.evaluate import (
    learning_curve,
    partial_dependence,
    permutation_importance,
    scores,
)
from bayes_rootc.learning.folds import block_names
from bayes_rootc.learning.learners import available
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow
from bayes_rootc.spec.joint import JointSpec
from bayes_rootc.spec.learning import RULES, LearningSpec
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.version import __version__

Say = Callable[[str], None]
MOST_IMPORTANT = 6
"""Predictors whose partial dependence is computed."""


def learn(
    spec: LearningSpec,
    run: Path,
    folder: Path,
    *,
    n_jobs: int = 2,
    say: Say = lambda _: None,
) -> Learned:
    """Learn the targets of a stored joint run and store what was found.

    Parameters
    ----------
    spec : LearningSpec
    run : Path
        Folder of a joint run; its sites, layers and posterior are learned.
    folder : Path
        Where the learning run goes, whole or not at all.
    n_jobs : int
        Folds at a time.
    say : callable
        Receives a line about each step.

    Raises
    ------
    RunError
        If the run is none of a joint model.
    DataError
        If a target cannot be learned.
    SpecError
        If no learner is there.
    """
    start = time.monotonic()
    if folder.exists() and not (folder / CERTIFICATE).is_file():
        raise RunError(f"{folder}: is no learning run, so it is not replaced; take another name")
    present, absent = available(spec.learners, spec.plugins)
    _, problem, fit, certificate = read_joint_run(run)
    say(f"{run}: {_verdict(fit)}")
    for name, reason in absent.items():
        say(f"learner {name} is absent: {reason}")
    tables = learning_tables(problem, fit.run["derived"].to_dataset(), spec.targets)
    collected: dict[str, list[pd.DataFrame]] = {}
    prior: dict[str, Any] = {}
    for name, table in tables.items():
        clock = time.monotonic()
        parts, final, grouped = _learn_target(problem, table, spec, n_jobs, say)
        if name == "i_bulk":
            parts["harmonised"] = harmonised_uptake(problem, fit.run, final)
        if name in QUANTITY:
            assert grouped.elsewhere is not None
            prior[prior_column(QUANTITY[name])] = grouped.elsewhere[-1]
        for key, frame in parts.items():
            collected.setdefault(key, []).append(frame.assign(target=name))
        say(f"{name}: {len(table.y)} rows, {time.monotonic() - clock:.0f} s")
    found = {key: _first(pd.concat(frames, ignore_index=True)) for key, frames in collected.items()}
    places = problem.inputs.places[["place", "lat", "lon"]].reset_index(drop=True)
    found["prior_means"] = places.assign(**prior)
    info = {
        **_about(spec, run, fit, certificate),
        "table_hashes": {name: hash_of(table) for name, table in tables.items()},
        "learners": list(present),
        "absent": dict(absent),
        "seconds": time.monotonic() - start,
    }
    learned = Learned(found, info)
    write_learned(learned, tables, folder)
    return learned


def _about(
    spec: LearningSpec, run: Path, fit: Fit, certificate: Mapping[str, Any]
) -> dict[str, Any]:
    """What was learned from, by whom."""
    return {
        "spec": dump_spec(spec),
        "spec_hash": spec_hash(spec),
        "data_hash": certificate["data_hash"],
        "run": {
            "path": str(run),
            "spec_hash": certificate["spec_hash"],
            "verdict": _verdict(fit),
            "passed": bool(fit.diagnostics.get("passed", False)),
        },
        "version": __version__,
        "seed": spec.seed,
        "source": certificate["source"],
    }


def _verdict(fit: Fit) -> str:
    return str(fit.diagnostics.get("verdict", "not checked"))


def read_joint_run(run: Path) -> tuple[JointSpec, FlowProblem, Fit, Mapping[str, Any]]:
    """Read a stored joint run and lay its data out again.

    Raises
    ------
    RunError
        If it is none of a joint model.
    """
    fit = open_run(run)
    certificate = read_certificate(RunFolder(run))
    spec, inputs = read_inputs(RunFolder(run), certificate)
    if isinstance(spec, JointSpec) and spec.prior_means is not None:
        raise RunError(
            f"{run}: was fitted with prior means of {spec.prior_means.run}; learners would learn "
            "from themselves: take a run without [prior_means]"
        )
    if not isinstance(spec, JointSpec):
        raise RunError(
            f"{run}: is a run of the model {spec.model}; learning needs one of the joint model "
            "(fit joint)"
        )
    return spec, assemble_flow(spec, inputs), fit, certificate


def _learn_target(
    problem: FlowProblem, table: LearningTable, spec: LearningSpec, n_jobs: int, say: Say
) -> tuple[dict[str, pd.DataFrame], FinalModel, CrossPrediction]:
    found: dict[str, CrossPrediction] = {}
    parts: dict[str, list[pd.DataFrame]] = {}
    for rule in RULES:
        wanted = _places(problem, table, spec) if rule == "grouped" else None
        cross = cross_predict(
            table, spec, rule, seed=spec.seed, n_jobs=n_jobs, say=say, elsewhere=wanted
        )
        found[rule] = cross
        for key, frame in _of_rule(table, cross).items():
            parts.setdefault(key, []).append(frame.assign(rule=rule))
    final = found["grouped"].final
    assert final is not None  # for rows elsewhere were asked for
    jobs = [
        delayed(permutation_importance)(table, spec, spec.seed, final),
        delayed(learning_curve)(table, spec, spec.seed),
    ]
    importance, curve = Parallel(n_jobs=n_jobs)(jobs)
    top = importance.sort_values("importance", ascending=False)["feature"][:MOST_IMPORTANT]
    whole = {key: pd.concat(frames, ignore_index=True) for key, frames in parts.items()}
    whole |= {"importance": importance, "curve": curve}
    whole["dependence"] = partial_dependence(final, table, list(top), spec.seed)
    return whole, final, found["grouped"]


def _places(problem: FlowProblem, table: LearningTable, spec: LearningSpec) -> Elsewhere:
    """Every place at the reference depth, to be predicted without its block."""
    places = problem.inputs.places
    lat, lon = (places[name].to_numpy(float) for name in ("lat", "lon"))
    features = reference_features(problem)[list(table.features)]
    return Elsewhere(features, block_names(lat, lon, spec.validation.block_degrees))


def _of_rule(table: LearningTable, cross: CrossPrediction) -> dict[str, pd.DataFrame]:
    rows = pd.DataFrame(
        {
            "row": np.arange(len(table.y)), "group": table.group, "lat": table.lat,
            "lon": table.lon, "biome": table.features["biome"], "fold": cross.fold, "y": table.y,
            "weight": table.weight, **dict(zip(cross.learners, cross.prediction, strict=True)),
        }
    )  # fmt: skip
    scored = [
        {"learner": name, **scores(table.y, prediction, table.weight, table.natural)}
        for name, prediction in zip(cross.learners, cross.prediction, strict=True)
    ]
    return {
        "predictions": rows, "scores": pd.DataFrame(scored),
        "parameters": cross.parameters, "weights": cross.weights,
    }  # fmt: skip


def _first(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns with what a row is about in front."""
    front = [name for name in ("target", "rule", "fold", "learner") if name in frame]
    return frame[[*front, *(name for name in frame if name not in front)]]

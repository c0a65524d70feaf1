"""A learning run: learners validated, explained, and asked for prior means of every place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from bayes_rootc.data.prior_means import CERTIFICATE, TABLE, prior_column
from bayes_rootc.data.table_data import table_hash
from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing
from bayes_rootc.inference.fit import Fit, open_run
from bayes_rootc.inference.harmonise import harmonised_uptake
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
    fit_final,
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
TABLE_PREFIX = "table_"
"""Of the files that hold the tables that were learned from."""

MOST_IMPORTANT = 6
"""Predictors whose partial dependence is computed."""


@dataclass(frozen=True)
class Learned:
    """Outcome of a learning run, as it is stored.

    Attributes
    ----------
    tables : dict
        Name of a file (without ``.csv``) → table: ``predictions`` (out of fold, by rule and
        learner), ``scores``, ``parameters``, ``weights``, ``importance``, ``dependence``,
        ``curve``, ``harmonised``, ``prior_means``.
    info : dict
        Hashes, version, seed, learners absent, notes, seconds.
    """

    tables: dict[str, pd.DataFrame]
    info: dict[str, Any]


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
    _, problem, fit, certificate = read_joint_run(run)
    fitted, verdict = fit.run, str(fit.diagnostics.get("verdict", "not checked"))
    say(f"{run}: {verdict}")
    present, absent = available(spec.learners)
    for name, reason in absent.items():
        say(f"learner {name} is absent: {reason}")
    tables = learning_tables(problem, fitted["derived"].to_dataset(), spec.targets)
    collected: dict[str, list[pd.DataFrame]] = {}
    prior: dict[str, Any] = {}
    for name, table in tables.items():
        clock = time.monotonic()
        parts, final, grouped = _learn_target(problem, table, spec, n_jobs, say)
        if name == "i_bulk":
            parts["harmonised"] = harmonised_uptake(problem, fitted, final)
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
        "spec": dump_spec(spec),
        "spec_hash": spec_hash(spec),
        "data_hash": certificate["data_hash"],
        "run": {
            "path": str(run),
            "spec_hash": certificate["spec_hash"],
            "verdict": verdict,
            "passed": bool(fit.diagnostics.get("passed", False)),
        },
        "table_hashes": {name: _hash(table) for name, table in tables.items()},
        "version": __version__,
        "seed": spec.seed,
        "source": certificate["source"],
        "learners": list(present),
        "absent": dict(absent),
        "seconds": time.monotonic() - start,
    }
    learned = Learned(found, info)
    _write(learned, tables, folder)
    return learned


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


def open_learned(folder: Path) -> Learned:
    """Read a stored learning run.

    Raises
    ------
    RunError
        If the folder is none.
    """
    try:
        info = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
        tables = {
            path.stem: pd.read_csv(path)
            for path in sorted(folder.glob("*.csv"))
            if not path.stem.startswith(TABLE_PREFIX)
        }
    except (OSError, ValueError) as error:
        raise RunError(f"{folder}: is no finished learning run ({error})") from None
    return Learned(tables, info)


def open_learner(folder: Path, target: str) -> FinalModel:
    """Learners of all rows of a target, refitted: nothing but tables is stored.

    Raises
    ------
    RunError
        If the folder is no learning run, did not learn the target, or its table was changed.
    """
    info = open_learned(folder).info
    if target not in info["table_hashes"]:
        have = ", ".join(info["table_hashes"])
        raise RunError(f"{folder}: did not learn {target}; right: {have}")
    frame = pd.read_csv(folder / f"{TABLE_PREFIX}{target}.csv", dtype={"group": str, "biome": str})
    own = frame[["y", "weight", "group", "lat", "lon"]]
    table = LearningTable(
        name=target, features=frame.drop(columns=[*own]), y=own["y"].to_numpy(float),
        weight=own["weight"].to_numpy(float), group=own["group"].to_numpy(str),
        lat=own["lat"].to_numpy(float), lon=own["lon"].to_numpy(float),
        natural="expit" if target == "f_bnpp" else "exp",
    )  # fmt: skip
    if _hash(table) != info["table_hashes"][target]:
        raise RunError(
            f"{folder / f'{TABLE_PREFIX}{target}.csv'}: differs from the table that was learned "
            "from; learn again"
        )
    spec = LearningSpec.model_validate(info["spec"])
    present, _ = available(spec.learners)
    if [*present] != info["learners"]:
        raise RunError(
            f"{folder}: learned by {', '.join(info['learners'])}, but here are "
            f"{', '.join(present)}; install the same learners (extra `learners`), or learn again"
        )
    final = fit_final(table, spec, seed=spec.seed)
    final.preparation.unseen = "error"
    return final


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
        delayed(permutation_importance)(table, spec, spec.seed),
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


def _hash(table: LearningTable) -> str:
    return table_hash(table.features.assign(y=table.y, weight=table.weight, group=table.group))


def _write(learned: Learned, tables: Mapping[str, LearningTable], folder: Path) -> None:
    with replacing(folder) as beside:
        beside.mkdir()
        for name, frame in learned.tables.items():
            file = TABLE if name == "prior_means" else f"{name}.csv"
            frame.to_csv(beside / file, index=False)
        for name, table in tables.items():
            frame = table.features.assign(
                y=table.y, weight=table.weight, group=table.group, lat=table.lat, lon=table.lon
            )
            frame.to_csv(beside / f"{TABLE_PREFIX}{name}.csv", index=False)
        text = json.dumps(learned.info, indent=1, ensure_ascii=False)
        (beside / CERTIFICATE).write_text(text + "\n", encoding="utf-8")

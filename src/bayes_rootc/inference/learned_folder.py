"""The folder of a learning run: tables and hashes, no pickles; learners are refitted from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.data.prior_means import CERTIFICATE, TABLE, learning_info, why
from bayes_rootc.data.table_data import table_hash
from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing
from bayes_rootc.learning.cross import FinalModel, fit_final
from bayes_rootc.learning.learners import available
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.spec.learning import LearningSpec

TABLE_PREFIX = "table_"
"""Of the files that hold the tables that were learned from."""


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


def open_learned(folder: Path) -> Learned:
    """Read a stored learning run.

    Raises
    ------
    RunError
        If the folder is none.
    """
    info = learning_info(folder)
    try:
        tables = {
            path.stem: pd.read_csv(path)
            for path in sorted(folder.glob("*.csv"))
            if not path.stem.startswith(TABLE_PREFIX)
        }
    except (OSError, ValueError) as error:
        raise RunError(f"{folder}: its tables cannot be read ({why(error)})") from None
    return Learned(tables, info)


def open_table(folder: Path, target: str) -> LearningTable:
    """Table of a target, as it was learned from.

    Raises
    ------
    RunError
        If the folder is no learning run, did not learn the target, or its table was changed.
    """
    info = open_learned(folder).info
    if target not in info["table_hashes"]:
        have = ", ".join(info["table_hashes"])
        raise RunError(f"{folder}: did not learn {target}; right: {have}")
    path = folder / f"{TABLE_PREFIX}{target}.csv"
    frame = pd.read_csv(path, dtype={"group": str, "biome": str})
    own = frame[["y", "weight", "group", "lat", "lon"]]
    table = LearningTable(
        name=target, features=frame.drop(columns=[*own]), y=own["y"].to_numpy(float),
        weight=own["weight"].to_numpy(float), group=own["group"].to_numpy(str),
        lat=own["lat"].to_numpy(float), lon=own["lon"].to_numpy(float),
        natural="expit" if target == "f_bnpp" else "exp",
    )  # fmt: skip
    if hash_of(table) != info["table_hashes"][target]:
        raise RunError(f"{path}: differs from the table that was learned from; learn again")
    return table


def open_learner(folder: Path, target: str) -> FinalModel:
    """Learners of all rows of a target, refitted: nothing but tables is stored.

    Raises
    ------
    RunError
        As :func:`open_table`, and if other learners are installed than those that learned.
    """
    table, info = open_table(folder, target), open_learned(folder).info
    spec = LearningSpec.model_validate(info["spec"])
    present, _ = available(spec.learners, spec.plugins)
    if [*present] != info["learners"]:
        raise RunError(
            f"{folder}: learned by {', '.join(info['learners'])}, but here are "
            f"{', '.join(present)}; install the same learners (extra `learners`), or learn again"
        )
    final = fit_final(table, spec, seed=spec.seed)
    final.preparation.unseen = "error"
    return final


def hash_of(table: LearningTable) -> str:
    """Hash of what was learned from."""
    return table_hash(table.features.assign(y=table.y, weight=table.weight, group=table.group))


def write_learned(learned: Learned, tables: Mapping[str, LearningTable], folder: Path) -> None:
    """Write a learning run and the tables that it learned from, whole or not at all."""
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

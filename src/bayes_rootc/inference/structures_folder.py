"""A comparison of structures on disk: its folder, its tables, its certificate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing, write_text

CERTIFICATE = "structures.json"
TABLES = ("comparison", "gains", "pointwise")


@dataclass(frozen=True)
class Compared:
    """Outcome of a comparison, as it is stored.

    Attributes
    ----------
    folder : Path
        Holds ``turnover/NAME`` and, where they were asked for, ``joint/NAME``: the runs.
    comparison : DataFrame
        One row a criterion (``layer``, ``profile``, ``study``, ``place``) and structure: elpd (log
        predictive density, summed over layers), its difference from one pool and from the best
        structure with standard errors that count studies, stacking weight, and calibration.
    gains : DataFrame
        Difference from one pool by depth, biome, year of sampling and study.
    pointwise : DataFrame
        One row a layer, criterion and structure.
    info : dict
        Hashes, version, seed, source, verdicts, seconds of sampling by ``model/structure``.
    """

    folder: Path
    comparison: pd.DataFrame
    gains: pd.DataFrame
    pointwise: pd.DataFrame
    info: dict[str, Any]


def write_compared(compared: Compared) -> None:
    """Write the tables and, last, the certificate."""
    for name in TABLES:
        with replacing(compared.folder / f"{name}.csv") as beside:
            getattr(compared, name).to_csv(beside, index=False)
    text = json.dumps(compared.info, indent=1, ensure_ascii=False)
    write_text(compared.folder / CERTIFICATE, text + "\n")


def open_compared(folder: Path) -> Compared:
    """Read a stored comparison.

    Raises
    ------
    RunError
        If the folder holds none, or it cannot be read.
    """
    try:
        info = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
        tables = [pd.read_csv(folder / f"{n}.csv") for n in TABLES]
    except (OSError, ValueError) as error:
        raise RunError(
            f"{folder}: no finished comparison of structures ({error}); run `structures` first"
        ) from None
    return Compared(folder, tables[0], tables[1], tables[2], info)


def refuse_other(folder: Path) -> None:
    """Refuse a folder that holds something else than a comparison."""
    ours = {"turnover", "joint", "folds", CERTIFICATE, *(f"{name}.csv" for name in TABLES)}
    if folder.is_file():
        raise RunError(f"{folder}: is a file; choose another folder (--output)")
    here = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    runs = {f"{model}/run.json" for model in ("turnover", "joint")}
    others = here - ours | {run for run in runs if (folder / run).exists()}
    if others:
        raise RunError(
            f"{folder}: holds other files ({', '.join(sorted(others)[:3])}); choose another folder "
            "(--output)"
        )

"""Which structure of a layer's carbon predicts Δ14C best: the same layers under each of several.

Judged twice: by leaving out single layers (PSIS-LOO, from one fit [1]_), and by whole profiles and
studies held out of the fit, which is what a map or another site needs. The candidates' predictive
densities are stacked [2]_.

References
----------
.. [1] vehtari2017, Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432.
.. [2] yao2018, Yao, Vehtari, Simpson & Gelman (2018), Bayesian Analysis 13, 917-1007.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import SpecError
from bayes_rootc.files import replacing, sha256_of_text
from bayes_rootc.inference.crossval import cross_validate
from bayes_rootc.inference.fit import Fit, fit_model, is_current, open_run
from bayes_rootc.inference.heldout import place_names
from bayes_rootc.inference.progress import Progress
from bayes_rootc.inference.structure_scores import compare, gains
from bayes_rootc.inference.structures_folder import (
    Compared,
    refuse_other,
    write_compared,
)
from bayes_rootc.layers import BIOMES, STANDARD_EDGES_CM, STANDARD_LAYERS
from bayes_rootc.spec.joint import JointSpec
from bayes_rootc.spec.load import Spec, dump_spec, parse_spec, spec_hash
from bayes_rootc.spec.structures import StructuresSpec
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.version import __version__

Say = Callable[[str], None]

LOO = "layer"
"""Criterion: single layers left out, by importance weights of one fit."""

FOLDS_FORMAT = 2
"""Of the stored scores of what was held out."""

YEARS = (-np.inf, 1975.0, 1995.0, 2005.0, np.inf)
YEAR_LABELS = ("before 1975", "1975-1994", "1995-2004", "2005 and later")


def with_structure(spec: Spec, section: Mapping[str, Any]) -> Spec:
    """Return the specification with another structure in its turnover block."""
    content = dump_spec(spec)
    for block in content.get("blocks", [content]):
        if block["model"] == "turnover":
            block["structure"] = dict(section)
    return parse_spec(content, where="structures")


def compare_structures(
    spec: StructuresSpec,
    turnover: TurnoverSpec,
    inputs: Inputs,
    folder: Path,
    *,
    joint: Spec | None = None,
    say: Say = lambda _: None,
) -> Compared:
    """Fit, leave out, compare; what is there already of the same data and files is kept.

    Parameters
    ----------
    spec : StructuresSpec
    turnover : TurnoverSpec
        Its structure gives way to each candidate.
    inputs : Inputs
        With layers; with all tables where ``joint`` is given.
    folder : Path
    joint : Spec, optional
        Model of I_root, stocks and I_bulk to fit under each structure too.
    say : callable

    Raises
    ------
    RunError
        If the folder holds something else.
    """
    refuse_other(folder)
    layers = inputs.tables["layers"]
    if joint is not None:
        _refuse_other_atmosphere(turnover, joint)
    folds, notes = possible_folds(spec, layers.table)
    for note in notes:
        say(f"note: {note}")
    frames, states, seconds = [], {}, {}
    for name, section in spec.candidates.items():
        own = with_structure(turnover, dump_spec(section))
        assert isinstance(own, TurnoverSpec)
        fit = fitted(own, inputs, folder / "turnover" / name, say)
        seconds[f"turnover/{name}"] = fit.diagnostics["sampling_seconds"]
        states[name] = {"structure": dump_spec(section), "gate": fit.diagnostics["verdict"],
                        "passed": fit.diagnostics["passed"]}  # fmt: skip
        frames.append(_left_out(fit, layers).assign(structure=name))
        for rule, n_folds in folds.items():
            path = folder / "folds" / f"{name}-{rule}.csv"
            heldout = _held_out(spec, own, inputs, rule, n_folds=n_folds, path=path, say=say)
            frames.append(_scored(heldout, layers, rule).assign(structure=name))
            states[name][f"folds_{rule}"] = {
                "r_hat_max": float(heldout["fold_r_hat"].max()),
                "divergences": int(heldout.groupby("fold")["fold_divergences"].first().sum()),
            }
        if joint is not None:
            whole = with_structure(joint, dump_spec(section))
            fit = fitted(whole, inputs, folder / "joint" / name, say)
            seconds[f"joint/{name}"] = fit.diagnostics["sampling_seconds"]
            states[name] |= {"joint_gate": fit.diagnostics["verdict"],
                             "joint_passed": fit.diagnostics["passed"]}  # fmt: skip
    pointwise = pd.concat(frames, ignore_index=True)
    info = {
        "spec": dump_spec(spec), "spec_hash": spec_hash(spec), "turnover_hash": spec_hash(turnover),
        "data_hash": inputs.data_hash, "version": __version__, "seed": spec.seed,
        "source": inputs.source, "origin": inputs.origin, "structures": states,
        "joint": joint is not None, "notes": list(notes), "seconds": seconds,
    }  # fmt: skip
    compared = Compared(folder, compare(pointwise), gains(pointwise), pointwise, info)
    write_compared(compared)
    return compared


def possible_folds(
    spec: StructuresSpec, layers: pd.DataFrame
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Rule → number of folds, as far as there are enough groups, and what had to give way."""
    groups = {
        "place": (place_names(layers[["lat", "lon"]].to_numpy(float)), "places"),
        "profile": (layers["profile"].to_numpy(), "profiles"),
        "study": (layers["entry"].astype(str).to_numpy(), "studies (column entry)"),
    }
    folds: dict[str, int] = {}
    notes = []
    for rule in spec.held_out:
        names, text = groups[rule]
        n = len(np.unique(names))
        if n < 2:
            notes.append(f"{text} are not held out: all layers are of one")
            continue
        folds[rule] = min(spec.n_folds, n)
        if n < spec.n_folds:
            notes.append(f"n_folds = {spec.n_folds}: there are {n} {text}, so {n} folds")
    return folds, tuple(notes)


def _refuse_other_atmosphere(turnover: TurnoverSpec, joint: Spec) -> None:
    """Weights of one model are used for draws of the other: both must see one atmosphere."""
    for block in joint.blocks if isinstance(joint, JointSpec) else (joint,):
        if isinstance(block, TurnoverSpec) and block.atmosphere != turnover.atmosphere:
            raise SpecError(
                f"the joint model has another [atmosphere] ({block.atmosphere}) than the turnover "
                f"model ({turnover.atmosphere}); they must be the same"
            )


def fitted(spec: Spec, inputs: Inputs, path: Path, say: Say) -> Fit:
    """Fit, or open what is there of the same specification and data."""
    if is_current(path, spec, inputs):
        say(f"{path}: fitted already")
        return open_run(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    say(f"{path}: fitting")
    return fit_model(spec, inputs, path, overwrite=True, say=say, progress=Progress())


def _described(layers: pd.DataFrame) -> pd.DataFrame:
    """What the gains are told by."""
    middle = (layers["top_cm"] + layers["bottom_cm"]) / 2.0
    depth = pd.cut(middle, STANDARD_EDGES_CM, right=False, labels=STANDARD_LAYERS)
    years = pd.cut(layers["sample_year"], YEARS, right=False, labels=YEAR_LABELS)
    return pd.DataFrame({
        "row": layers["row"].to_numpy(),
        "place": place_names(layers[["lat", "lon"]].to_numpy(float)),
        "study": layers["entry"].astype(str).to_numpy(dtype=str),
        "standard_layer": depth.fillna(STANDARD_LAYERS[-1]).astype(str).to_numpy(),
        "biome": [BIOMES[int(b)].key for b in layers["biome"]],
        "years": years.astype(str).to_numpy(),
    })  # fmt: skip


def _left_out(fit: Fit, layers: TableData) -> pd.DataFrame:
    """PSIS-LOO of single layers.

    Without coverage and PIT: replicates of a fit that has seen the layer say nothing of them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # high Pareto k are counted in the table
        found = azs.loo(fit.run, var_name="delta14c", pointwise=True)
    return _described(layers.table).assign(
        criterion=LOO,
        elpd=np.asarray(found.elpd_i).ravel(),
        pareto_k=np.asarray(found.pareto_k).ravel(),
        covered_90=np.nan,
        pit=np.nan,
        crps=np.nan,
    )


def _held_out(
    spec: StructuresSpec, own: TurnoverSpec, inputs: Inputs, rule: str, *, n_folds: int, path: Path,
    say: Say,
) -> pd.DataFrame:  # fmt: skip
    """Score every layer by the fit that never saw its profile or study; kept on disk."""
    layers = inputs.tables["layers"]
    key = sha256_of_text(
        f"{spec_hash(own)} {inputs.data_hash} {spec.seed} {n_folds} {rule} {__version__} "
        f"{FOLDS_FORMAT}"
    )
    if path.is_file():
        known = pd.read_csv(path)
        if (known["key"] == key).all():
            say(f"{path}: scored already")
            return known
    say(f"{path}: holding out by {rule}")
    result = cross_validate(
        own, layers, inputs.folder, n_folds=n_folds, seed=spec.seed, held_out=rule,
        baselines=False, say=say,
    )  # fmt: skip
    state = pd.DataFrame(result.info["folds"]).set_index("fold")
    heldout = result.heldout.assign(
        fold_r_hat=result.heldout["fold"].map(state["r_hat_max"]),
        fold_divergences=result.heldout["fold"].map(state["divergences"]),
        key=key,
    )
    with replacing(path) as beside:
        heldout.to_csv(beside, index=False)
    return heldout


def _scored(heldout: pd.DataFrame, layers: TableData, rule: str) -> pd.DataFrame:
    scored = heldout.set_index("row").loc[layers.table["row"]]
    return _described(layers.table).assign(
        criterion=rule,
        elpd=scored["log_score"].to_numpy(float),
        pareto_k=np.nan,
        covered_90=scored["covered_90"].to_numpy(float),
        pit=scored["pit"].to_numpy(float),
        crps=scored["crps"].to_numpy(float),
    )

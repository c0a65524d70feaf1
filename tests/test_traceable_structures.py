"""Tables of a comparison of structures name what they are computed from: runs, scores, seconds.

As in ``test_traceable.py``: what a table lists is moved, one after the other, and the table must
change; everything that it does not list is moved at once, and it must not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.inference.fit import Fit
from bayes_rootc.inference.structure_scores import compare, gains
from bayes_rootc.inference.structures import LOO, _left_out, _scored
from bayes_rootc.inference.structures_folder import Compared
from bayes_rootc.report import structures_report
from bayes_rootc.report.parts import Table
from bayes_rootc.report.sources import FOLDS, LEFT_OUT, POINTWISE, TIMES, matches, paths_of
from bayes_rootc.report.structures_tables import structures_tables
from fake_run import fake_run
from perturbed import perturbed
from traced_runs import stored

Runs = Mapping[str, xr.DataTree]

FILES = (*TIMES, FOLDS)


def turnover_run(shape: float | None) -> xr.DataTree:
    """Return a run with a shape that changes with depth, or of one pool."""
    run = stored("turnover").copy(deep=False)
    posterior = run["posterior"].to_dataset()
    if shape is not None:
        like = posterior["tau"] / posterior["tau"].mean()
        posterior = posterior.assign(shape=shape * like, shape_slope=0.3 * like)
    run["posterior"] = xr.DataTree(posterior)
    return run


def usual_runs() -> dict[str, Runs]:
    turnover = {"one_pool": turnover_run(None), "gamma": turnover_run(1.5)}
    joint = {"one_pool": stored("joint"), "gamma": perturbed(stored("joint"), "posterior/a_k")}
    return {"turnover": turnover, "joint": joint}


def usual_scores() -> pd.DataFrame:
    """Return 24 layers of 12 studies, gamma better by single layers and by studies."""
    rng, n = np.random.default_rng(1), 24
    frames = [
        pd.DataFrame({
            "row": np.arange(n), "place": [f"place {i // 2}" for i in range(n)],
            "study": [f"study {i // 2}" for i in range(n)], "standard_layer": "0-20",
            "biome": "tundra", "years": "1995-2004", "criterion": criterion,
            "structure": structure, "elpd": rng.normal(mean, 0.5, n), "pareto_k": pareto_k,
            "covered_90": rng.random(n), "pit": rng.random(n), "crps": rng.gamma(2.0, 1.0, n),
        })
        for criterion, pareto_k in ((LOO, 0.1), ("study", np.nan))
        for structure, mean in (("one_pool", -6.0), ("gamma", -5.9))
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


SECONDS = {"turnover/one_pool": 10.0, "turnover/gamma": 25.0,
           "joint/one_pool": 40.0, "joint/gamma": 80.0}  # fmt: skip


def tables(
    monkeypatch: pytest.MonkeyPatch,
    runs: Mapping[str, Runs],
    scores: pd.DataFrame,
    seconds: Mapping[str, float] = SECONDS,
    *,
    joint: bool = True,
) -> dict[str, Table]:
    """Tables of the report of these runs, scores and seconds, by name."""
    info: dict[str, Any] = {
        "structures": {key: {} for key in runs["turnover"]}, "joint": joint, "seconds": seconds,
    }  # fmt: skip
    compared = Compared(Path(), compare(scores), gains(scores), scores, info)
    monkeypatch.setattr(structures_report, "_runs", lambda _, model: runs[model])
    found = structures_tables(compared, structures_report.consequences(compared))
    return {table.name: table for table in found}


def same(one: Table, other: Table) -> bool:
    return one.frame.equals(other.frame) and one.cells == other.cells


def with_gamma(runs: Mapping[str, Runs], model: str, run: xr.DataTree) -> dict[str, Runs]:
    return {**runs, model: {**runs[model], "gamma": run}}


def listed(table: Table, model: str, run: xr.DataTree) -> set[str]:
    """Paths of one run of a model that a table lists."""
    prefix = f"{model}/*/"
    patterns = [
        p.removeprefix(prefix) for p in table.source if p.startswith(prefix) and p not in FILES
    ]
    found = [matches(pattern, paths_of(run)) for pattern in patterns]
    assert all(found), [p for p, paths in zip(patterns, found, strict=True) if not paths]
    return set().union(*found)


def test_every_source_is_a_variable_of_a_run_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = usual_runs()
    usual = tables(monkeypatch, runs, usual_scores())
    names = {"comparison", "shapes", "survival", "flows", "gains", "studies", "ages", "times"}
    assert set(usual) == names
    for table in usual.values():
        of_runs = {p for p in table.source if p.startswith(("turnover/", "joint/"))} - set(FILES)
        assert set(table.source) - of_runs <= {POINTWISE, *FILES}
        for model in runs:
            listed(table, model, runs[model]["gamma"])


@pytest.mark.parametrize("model", ["turnover", "joint"])
def test_what_a_table_lists_of_a_run_changes_it(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    runs, scores, joint = usual_runs(), usual_scores(), model == "joint"
    usual = tables(monkeypatch, runs, scores, joint=joint)
    run = runs[model]["gamma"]
    lists = {name: listed(table, model, run) for name, table in usual.items()}
    idle = []
    for path in sorted(set().union(*lists.values()) - {"log_likelihood/delta14c"}):
        changed = with_gamma(runs, model, perturbed(run, path))
        other = tables(monkeypatch, changed, scores, joint=joint)
        idle += [f"{name}: {path}" for name in usual
                 if (path in lists[name]) == same(other[name], usual[name])]  # fmt: skip
    assert idle == []


@pytest.mark.parametrize("model", ["turnover", "joint"])
def test_what_no_table_lists_of_a_run_changes_none(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    runs, scores = usual_runs(), usual_scores()
    usual = tables(monkeypatch, runs, scores)
    run = runs[model]["gamma"]
    lists = [listed(table, model, run) for table in usual.values()]
    rest = set(paths_of(run)) - set().union(*lists)
    assert len(rest) > 20
    other = tables(monkeypatch, with_gamma(runs, model, perturbed(run, *rest)), scores)
    assert [name for name in usual if not same(other[name], usual[name])] == []


def test_scores_and_seconds_change_the_tables_that_name_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, scores = usual_runs(), usual_scores()
    usual = tables(monkeypatch, runs, scores)
    gamma = scores["structure"] == "gamma"
    for criterion, origin in ((LOO, LEFT_OUT), ("study", FOLDS)):
        moved = gamma & (scores["criterion"] == criterion)
        worse = scores.assign(elpd=scores["elpd"] - np.where(moved, 0.1, 0.0))
        other = tables(monkeypatch, runs, worse)
        for name, table in usual.items():
            assert same(table, other[name]) == (origin not in table.source), f"{name}: {origin}"
            assert (origin not in table.source) or (POINTWISE in table.source), name
    for model in runs:
        longer = tables(monkeypatch, runs, scores, SECONDS | {f"{model}/gamma": 50.0})
        for name, table in usual.items():
            listed_too = f"{model}/*/diagnostics.json" in table.source
            assert same(table, longer[name]) == (not listed_too), name


def test_scores_of_layers_are_those_of_the_run_and_of_the_folds() -> None:
    run = fake_run(n_profiles=20, chains=2, draws=40)
    observed = run["constant_data"].to_dataset()
    n = observed.sizes["layer"]
    layers = pd.DataFrame({
        "row": np.arange(n), "top_cm": 0.0, "bottom_cm": 20.0, "sample_year": 2000, "lat": 1.0,
        "lon": np.arange(n), "entry": "study", "biome": 1,
    })  # fmt: skip
    table: Any = type("Layers", (), {"table": layers})()

    def left_out(tree: xr.DataTree) -> pd.DataFrame:
        return _left_out(Fit(Path(), tree, {}), table)

    usual, path = left_out(run), "log_likelihood/delta14c"
    assert not left_out(perturbed(run, path)).equals(usual)
    rest = [other for other in paths_of(run) if other != path]
    assert left_out(perturbed(run, *rest)).equals(usual)
    columns = {"log_score": "elpd", "covered_90": "covered_90", "pit": "pit", "crps": "crps"}
    values = {name: np.linspace(0.0, i + 1.0, n) for i, name in enumerate(columns)}
    folds = pd.DataFrame({"row": np.arange(n)[::-1]} | values)
    scored = _scored(folds, table, "study")
    for name, column in columns.items():
        assert scored[column].to_list() == folds[name].to_list()[::-1]

"""Every table of a report names what it is computed from, exactly; key numbers are made anew.

What a table lists is moved, one variable after the other, and the table must change; everything it
does not list is moved at once, and it must not.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.mapping.store import PROFILE_LAYER
from bayes_rootc.mapping.totals import Totals
from bayes_rootc.report import losses, study, tables
from bayes_rootc.report.kinds import KINDS
from bayes_rootc.report.learning_report import learning_tables
from bayes_rootc.report.losses import with_losses
from bayes_rootc.report.map_report import map_tables
from bayes_rootc.report.parts import Table, make_table
from bayes_rootc.report.sensitivity import FILES
from bayes_rootc.report.sources import DIAGNOSTICS, STUDY, Source, found_in, matches, paths_of
from fake_learning import fake_learning
from fake_run import fake_diagnostics
from perturbed import moved, perturbed
from traced_runs import stored

KEY = "key_numbers"
FILES_BESIDE = {DIAGNOSTICS, STUDY, *FILES.values()}


def sources(kind: str) -> dict[str, Source]:
    """What each table of a run, the key numbers included, says it is computed from."""
    run, record = stored(kind), KINDS[kind]
    found = {name: found_in(run, table.source) for name, table in record.tables.items()}
    return found | {KEY: record.key_table(with_losses(run)).source}


def listed(kind: str, name: str) -> set[str]:
    known = paths_of(stored(kind))
    return {path for pattern in sources(kind)[name] for path in matches(pattern, known)}


def makers(kind: str) -> dict[str, Callable[[xr.DataTree], pd.DataFrame]]:
    record = KINDS[kind]
    found = {
        name: (lambda run, table=table: table.make(run, fake_diagnostics()))
        for name, table in record.tables.items()
    }
    return found | {KEY: lambda run: _with_cells(record.key_table(run))}


def _with_cells(table: Table) -> pd.DataFrame:
    """Rows of a table, and what people see of them."""
    return pd.concat([table.frame, pd.DataFrame(table.cells)], axis=1)


CASES = [(kind, name) for kind in ("turnover", "joint") for name in [*KINDS[kind].tables, KEY]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long and is for figures, or says how well the draws mix."""
    nothing = pd.DataFrame({"density": [0.0]})
    monkeypatch.setattr(losses, "_densities", lambda _: nothing)
    monkeypatch.setattr(tables, "_diagnostic", lambda draws, *_, **__: float(draws.mean()))


# --- what is listed --------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_table_lists_only_what_some_run_holds(kind: str, name: str) -> None:
    source = sources(kind)[name]
    assert source
    record = KINDS[kind].tables.get(name)
    known = [*paths_of(stored("turnover")), *paths_of(stored("joint"))]
    for path in source if record is None else record.source:
        assert path in FILES_BESIDE or matches(path, known), path


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_what_a_table_does_not_list_does_not_change_it(kind: str, name: str) -> None:
    run, make = stored(kind), makers(kind)[name]
    beside = {f"{group}/" for group in FILES if FILES[group] in sources(kind)[name]}
    other = set(paths_of(run)) - listed(kind, name)
    other = {path for path in other if not path.startswith(tuple(beside) or "/")}
    assert len(other) > 20
    pd.testing.assert_frame_equal(make(perturbed(run, *other)), make(run), check_exact=True)


@pytest.mark.parametrize("kind", ["turnover", "joint"])
def test_what_a_table_lists_changes_it(kind: str) -> None:
    make = makers(kind)
    usual = {name: one(with_losses(stored(kind))) for name, one in make.items()}
    lists = {name: listed(kind, name) for name in make}
    idle = []
    for path in sorted(set.union(*lists.values())):
        run = perturbed(stored(kind), path)
        mine = [name for name in make if path in lists[name]]
        if set(mine) & {"losses", "comparison", KEY}:
            run = with_losses(run)
        idle += [f"{name}: {path}" for name in mine if make[name](run).equals(usual[name])]
    assert idle == []


def test_files_that_a_table_lists_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = with_losses(stored("joint"))
    make, listing = makers("joint"), sources("joint")
    before = {name: one(run) for name, one in make.items()}
    gate = moved(fake_diagnostics())
    for name, table in KINDS["joint"].tables.items():
        changes = not table.make(run, gate).equals(before[name])
        assert changes == (DIAGNOSTICS in listing[name]), name
        if name in FILES:
            other = perturbed(run, *(path for path in paths_of(run) if path.startswith(f"{name}/")))
            assert not make[name](other).equals(before[name])
    numbers = study.study_table()
    numbers[["value", "low", "high"]] *= 1.1
    monkeypatch.setattr(study, "_read", lambda: numbers)
    for name, one in make.items():
        assert one(run).equals(before[name]) == (STUDY not in listing[name]), name


def test_the_source_stands_below_the_table() -> None:
    table = make_table("contrasts", KINDS["joint"].tables["contrasts"], stored("joint"), {})
    assert table is not None
    assert table.source == ("derived/i_loss_total_mean", "derived/i_loss_total_typical")


# --- the test itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["derived/k", "constant_data/profile_index", "constant_data/site", "attributes/spec",
     "attributes/seed", "sample_stats/diverging"],
)  # fmt: skip
def test_perturbing_moves_what_is_named_and_nothing_else(path: str) -> None:
    run = stored("joint")
    other = perturbed(run, path)
    assert [one for one in paths_of(run) if not _same(run, other, one)] == [path]


def _same(run: xr.DataTree, other: xr.DataTree, path: str) -> bool:
    where, name = path.split("/")
    if where == "attributes":
        return bool(run.attrs[name] == other.attrs[name])
    return bool(run[path].equals(other[path]))


# --- learning runs and maps: tables of files ------------------------------


def scaled(frame: pd.DataFrame) -> pd.DataFrame:
    """Move every number that is no count or label."""
    return frame.assign(**{str(c): 1.1 * frame[c] for c in frame.select_dtypes("float")})


def test_tables_of_a_learning_run_change_with_the_file_that_they_name_and_no_other() -> None:
    tables, _ = fake_learning()
    usual = {table.name: table for table in learning_tables(tables)}
    for file in ("scores", "weights", "parameters", "harmonised", "predictions", "curve"):
        moved_tables = {table.name: table for table in
                        learning_tables(tables | {file: scaled(tables[file])})}  # fmt: skip
        for name, table in usual.items():
            same = table.frame.equals(moved_tables[name].frame)
            assert same == (f"{file}.csv" not in table.source), (file, name)
            if not same and name != "harmonised":  # whose ratio hides a common factor
                assert table.cells != moved_tables[name].cells


def test_tables_of_maps_change_with_the_file_that_they_name_and_no_other() -> None:
    rows = [(engine, biome, layer, flow, 1.0, 0.5, 1.0, 2.0)
            for engine in ("forest", "posterior") for biome in ("all", "tundra")
            for layer in ("0-20", PROFILE_LAYER)
            for flow in ("i_root", "i_bulk", "i_loss", "loss_share")]  # fmt: skip
    columns = ["engine", "biome", "layer", "flow", "mean", "q025", "q50", "q975"]
    flows = pd.DataFrame(rows, columns=columns)
    npp = pd.DataFrame({"engine": ["forest"], "biome": ["all"], "gridded_npp": [60.0],
                        "mean": [30.0], "q025": [20.0], "q50": [30.0], "q975": [40.0],
                        "p_above": [0.1], "area_above": [0.2],
                        "i_root_elsewhere": [3.0]})  # fmt: skip
    info = {"spec": {"engines": ["forest", "posterior"], "forest": {"block_degrees": 5.0}}}

    def made(flows: pd.DataFrame, npp: pd.DataFrame) -> dict[str, Table]:
        return {table.name: table for table in map_tables(info, Totals(flows, npp, {}), {})}

    usual = made(flows, npp)
    assert set(usual) == {"totals", "share_by_biome", "npp", "totals_by_layer"}
    for file, other in (("totals.csv", made(scaled(flows), npp)),
                        ("npp.csv", made(flows, scaled(npp)))):  # fmt: skip
        for name, table in usual.items():
            same = table.frame.equals(other[name].frame) and table.cells == other[name].cells
            assert same == (file not in table.source), (file, name)
            assert set(table.titles) & set(map(str, table.frame))

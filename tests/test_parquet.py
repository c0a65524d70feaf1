"""Parquet beside CSV: the same rows, typed, with units; nulls where something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from arro3.core import Table as Arrow
from arro3.io import read_parquet

from arrows import loaded_by, names_in
from bayes_rootc.errors import WriteError
from bayes_rootc.report.figures import style
from bayes_rootc.report.flow_columns import FLOW_TABLES
from bayes_rootc.report.kinds import KINDS
from bayes_rootc.report.losses import with_losses
from bayes_rootc.report.parquet import metadata_of, write_parquet
from bayes_rootc.report.parts import Table, make_table
from bayes_rootc.report.write import write_report
from fake_joint import fake_joint
from fake_run import fake_diagnostics, fake_run

HOSTILE = ["=cmd|' /C calc'!A0", None, "Δ🌱\n\t\"'", ""]
TYPES = {"f": "Float64", "i": "Int64", "b": "Boolean"}


def read(path: Path) -> Arrow:
    return read_parquet(path).read_all()


def as_frame(table: Arrow) -> pd.DataFrame:
    return pd.DataFrame(
        {name: table.column(name).to_pylist() for name in table.column_names},
        columns=table.column_names,
    )


def made(frame: pd.DataFrame, path: Path, **more: Any) -> Arrow:
    write_parquet(Table("name", "Title <b>", "A caption", frame, (), (), **more), path)
    return read(path)


# --- reports ---------------------------------------------------------------------------------


def test_every_table_of_a_report_is_the_same_in_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "DPI", 40)
    run = fake_run(n_profiles=6, draws=20, simulated=True)
    write_report(run, fake_diagnostics(), tmp_path)
    paths = sorted((tmp_path / "tables").glob("*.csv"))
    shown = {name for name, record in KINDS["turnover"].tables.items() if not record.hide_if_empty}
    assert shown | {"key_numbers", "checks"} == {path.stem for path in paths}
    for path in paths:
        stored = as_frame(read(path.with_suffix(".parquet")))
        csv = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"rows": str})
        pd.testing.assert_frame_equal(stored, csv, check_dtype=False, check_exact=True)
    assert list((tmp_path / "figures").glob("*.parquet")) == []
    assert list(tmp_path.rglob("*.part")) == []


def test_every_table_of_a_joint_report_keeps_its_numbers_and_types(tmp_path: Path) -> None:
    run = with_losses(fake_joint(draws=6, keep=4))
    for name, record in FLOW_TABLES.items():
        table = make_table(name, record, run, fake_diagnostics())
        if table is None:
            continue
        write_parquet(table, tmp_path / f"{name}.parquet")
        stored = read(tmp_path / f"{name}.parquet")
        for field in stored.schema:
            kind = table.frame[field.name].dtype.kind
            assert TYPES.get(kind, "") in str(field.type)
        expected = table.frame.astype(object).where(table.frame.notna(), None)
        found = as_frame(stored).astype(object).where(lambda x: x.notna(), None)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)


def test_columns_that_people_see_have_units_and_names(tmp_path: Path) -> None:
    table = make_table("contrasts", FLOW_TABLES["contrasts"], fake_joint(draws=4, keep=4), {})
    assert table is not None
    write_parquet(table, tmp_path / "a.parquet")
    schema = read(tmp_path / "a.parquet").schema
    assert schema.field("difference_q025").metadata_str == {
        "long_name": "difference, lower end of the interval",
        "units": "Mg C ha⁻¹ yr⁻¹",
    }
    assert schema.field("p_greater").metadata_str["units"] == "1"
    assert schema.field("name_1").metadata_str == {"long_name": "first biome"}
    assert schema.field("biome_1").metadata_str == {}
    about = schema.metadata_str
    assert about["title"] == "Differences between biomes"
    assert about["source"] == "derived/i_loss_total_mean derived/i_loss_total_typical"


def test_every_header_with_brackets_gives_a_unit() -> None:
    for kind in ("turnover", "joint"):
        for record in KINDS[kind].tables.values():
            for column in record.columns:
                for title in column.titles().values():
                    assert metadata_of(title)["long_name"]
                    assert ("units" in metadata_of(title)) == title.endswith(")")


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1.5, np.nan, np.inf], "Float64", [1.5, None, np.inf]),
        ([1, 2**53 + 1], "Int64", [1, 2**53 + 1]),
        ([True, False], "Boolean", [True, False]),
        ([True, None], "Boolean", [True, None]),
        ([1, None], "Float64", [1.0, None]),
        (pd.array([1, None], dtype="Int64"), "Int64", [1, None]),
        ([np.nan, np.nan], "Float64", [None, None]),
        (pd.Series([None, None], dtype=object), "Utf8", [None, None]),
        (HOSTILE, "Utf8", HOSTILE),
        (pd.Series([1, 2.5], dtype=object), "Float64", [1.0, 2.5]),
        (pd.Series([1, "x", True], dtype=object), "Utf8", ["1", "x", "True"]),
        (pd.Series([1, True], dtype=object), "Utf8", ["1", "True"]),
        (pd.Series([np.float64(2.5), None], dtype=object), "Float64", [2.5, None]),
    ],
)  # fmt: skip
def test_values_and_what_is_missing(
    values: Any, kind: str, expected: list[Any], tmp_path: Path
) -> None:
    stored = made(pd.DataFrame({"a": values}), tmp_path / "a.parquet")
    assert kind in str(stored.schema.field("a").type)
    assert stored.column("a").to_pylist() == expected


@pytest.mark.parametrize("columns", [[], ["a", "b"]])
def test_a_table_without_rows_or_columns(columns: list[str], tmp_path: Path) -> None:
    stored = made(pd.DataFrame(columns=columns), tmp_path / "a.parquet")
    assert stored.column_names == columns
    assert stored.num_rows == 0
    assert stored.schema.metadata_str["title"] == "Title <b>"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]})
    for name in ("one", "two"):
        made(frame, tmp_path / name, titles={"a": "a (yr)", "b": "b"}, source=("x/y",))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_place_that_cannot_be_written_is_named_and_left_clean(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match=r"taken/a\.parquet: cannot be written"):
        made(pd.DataFrame({"a": [1]}), tmp_path / "taken" / "a.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_parquet_is_loaded_where_it_is_written() -> None:
    assert "arro3" not in loaded_by(names_in("report"))

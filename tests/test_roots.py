"""Reader of root profiles."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bayes_rootc.data.roots import read_roots
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import DataError
from bayes_rootc.spec.joint import RootsSelect

REAL = Path("tables") / "root_profiles.csv"

PROFILE = {
    "id": "17", "lat": "45.123", "lon": "-71.3", "biome": "3", "d50_extrapolated_m": "0.15",
    "d95_extrapolated_m": "1.1", "sampled_depth_m": "2", "wetland": "0", "anthropogenic": "0",
    "qc_flags": "",
}  # fmt: skip
IN_CM = {"d50_extrapolated_m": "d50_cm", "d95_extrapolated_m": "d95_cm"}

Row = dict[str, str]


def written(folder: Path, *rows: Row, names: dict[str, str] | None = None) -> Path:
    """Write profiles; ``names`` gives columns another name, an empty one leaves them out."""
    names = {name: name for row in (PROFILE, *rows) for name in row} | (names or {})
    path = folder / "root_profiles.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([name for name in names.values() if name])
        for row in rows:
            whole = PROFILE | row
            writer.writerow([whole.get(key, "") for key, name in names.items() if name])
    return path


def read(folder: Path, *rows: Row, **select: bool) -> TableData:
    return read_roots(written(folder, *rows), RootsSelect(**select), "file")


def dropped(data: TableData) -> dict[str, tuple[int, ...]]:
    return {drop.reason: drop.rows for drop in data.drops}


def test_one_profile_in_cm(tmp_path: Path) -> None:
    data = read(tmp_path, {})
    one = data.table.iloc[0].to_dict()
    assert {name: one[name] for name in ("row", "site", "place", "biome")} == {
        "row": 1, "site": "17", "place": "45.12 -71.30", "biome": 3,
    }  # fmt: skip
    depths = [one[name] for name in ("d50_cm", "d95_cm", "sampled_depth_cm")]
    assert depths == pytest.approx([15.0, 110.0, 200.0])
    assert (data.n_read, data.drops, data.format) == (1, (), "root profiles")


def test_depths_may_be_given_in_cm(tmp_path: Path) -> None:
    row = {"d50_extrapolated_m": "15", "d95_extrapolated_m": "110"}
    data = read_roots(written(tmp_path, row, names=IN_CM), RootsSelect(), "file")
    assert data.table[["d50_cm", "d95_cm"]].iloc[0].tolist() == [15.0, 110.0]


def test_columns_that_may_be_missing(tmp_path: Path) -> None:
    gone = dict.fromkeys(("sampled_depth_m", "wetland", "anthropogenic", "id", "qc_flags"), "")
    data = read_roots(written(tmp_path, {}, names=gone), RootsSelect(), "file")
    assert np.isnan(data.table["sampled_depth_cm"].iloc[0])
    assert data.table["site"].tolist() == [""]


def test_every_exclusion_is_counted_under_its_first_reason(tmp_path: Path) -> None:
    data = read(
        tmp_path,
        {"d95_extrapolated_m": "", "wetland": "1"},
        {"lat": "", "lon": "", "biome": ""},
        {"biome": ""},
        {"d50_extrapolated_m": "0", "qc_flags": "cut;d50_zero", "wetland": "1"},
        {"wetland": "1", "anthropogenic": "1"},
        {"anthropogenic": "1"},
        {"wetland": ""},
        keep_anthropogenic=False,
    )
    assert dropped(data) == {
        "no_depth": (1,), "no_place": (2,), "no_biome": (3,), "d50_zero": (4,), "wetland": (5,),
        "anthropogenic": (6,),
    }  # fmt: skip
    assert (data.table["row"].tolist(), data.n_read) == ([7], 7)


@pytest.mark.parametrize(
    ("wetland", "anthropogenic", "kept"),
    [(False, False, [1]), (False, True, [1, 3]), (True, False, [1, 2]), (True, True, [1, 2, 3])],
)
def test_what_the_model_file_keeps(
    tmp_path: Path, wetland: bool, anthropogenic: bool, kept: list[int]
) -> None:
    rows: list[Row] = [{}, {"wetland": "yes"}, {"anthropogenic": "1.0"}]
    data = read(tmp_path, *rows, keep_wetland=wetland, keep_anthropogenic=anthropogenic)
    assert data.table["row"].tolist() == kept


IMPOSSIBLE = {
    "surface": ({"d50_extrapolated_m": "0"}, "column d50_cm: 0 is impossible; D50 lies below the"),
    "negative": ({"d50_extrapolated_m": "-0.1"}, "column d50_cm: -10 is impossible"),
    "D95 above D50": (
        {"d95_extrapolated_m": "0.1"},
        "column d95_cm: 10 with d50_cm 15 is impossible; D95 is deeper than D50",
    ),
    "D95 is D50": ({"d95_extrapolated_m": "0.15"}, "column d95_cm: 15 with d50_cm 15 is imposs"),
    "cm as m": (
        {"d95_extrapolated_m": "110"},
        "column d95_cm: 11000 is impossible; a rooting depth is below 100 m",
    ),
    "latitude": ({"lat": "-91"}, "column lat: -91 is impossible; a latitude lies between"),
    "no longitude": ({"lon": ""}, "column lat: 45.123 is impossible; a place needs its longitude"),
    "no latitude": ({"lat": ""}, "column lon: -71.3 is impossible; a place needs its latitude"),
    "flag": ({"wetland": "2"}, "column wetland: '2' is neither yes nor no; write 1 or 0"),
    "text": ({"d50_extrapolated_m": "deep"}, "column d50_extrapolated_m: 'deep' is not a number"),
    "biome": ({"biome": "10"}, "column biome: '10' is not a biome"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_is_impossible_is_named(tmp_path: Path, case: str) -> None:
    row, message = IMPOSSIBLE[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, {}, row)
    assert f"root_profiles.csv: row 2, {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"d50_extrapolated_m": ""}, "missing column: d50_cm or d50_extrapolated_m"),
        ({"id": "d95_cm"}, "columns d95_cm and d95_extrapolated_m mean the same"),
    ],
)
def test_wrong_columns_are_named(tmp_path: Path, names: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_roots(written(tmp_path, {}, names=names), RootsSelect(), "file")


def test_a_table_without_usable_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of 1 root profiles is left: 1 wetland \(keep with"):
        read(tmp_path, {"wetland": "1"})


def test_the_real_profiles(data_folder: Path) -> None:
    data = read_roots(data_folder / REAL, RootsSelect(), "real")
    assert (data.n_read, len(data.table)) == (564, 513)
    assert {reason: len(rows) for reason, rows in dropped(data).items()} == {
        "no_place": 5, "d50_zero": 2, "wetland": 44,
    }  # fmt: skip
    assert data.table["place"].nunique() == 287
    assert (data.table["d95_cm"] > data.table["d50_cm"]).all()
    less = read_roots(data_folder / REAL, RootsSelect(keep_anthropogenic=False), "real")
    assert len(less.table) == 434

"""Reader of site records of net primary production."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_rootc.data.npp import BIGGEST, read_npp
from bayes_rootc.data.site_table import place_id
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import DataError
from bayes_rootc.spec.joint import NppSelect

REAL = Path("tables") / "npp_sites.csv"

RECORD = {
    "site": "Hill", "contributor": "Roe", "lat": "45.123", "lon": "-71.3", "biome": "3",
    "bnpp": "250", "npp": "1000", "qc_flags": "",
}  # fmt: skip
COPY = {"qc_flags": "no_npp_value;same_place_and_bnpp_as_other_row"}

Row = dict[str, str]


def written(folder: Path, *rows: Row, without: str = "") -> Path:
    path = folder / "npp_sites.csv"
    names = [name for name in dict.fromkeys(k for row in (RECORD, *rows) for k in row)
             if name != without]  # fmt: skip
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([RECORD | row for row in rows])
    return path


def read(folder: Path, *rows: Row, keep_duplicates: bool = False) -> TableData:
    return read_npp(written(folder, *rows), NppSelect(keep_duplicates=keep_duplicates), "file")


def dropped(data: TableData) -> dict[str, tuple[int, ...]]:
    return {drop.reason: drop.rows for drop in data.drops}


def test_one_record_in_the_units_of_the_model(tmp_path: Path) -> None:
    data = read(tmp_path, {})
    assert data.table.iloc[0].to_dict() == {
        "row": 1, "site": "Hill", "contributor": "Roe", "place": "45.12 -71.30", "lat": 45.123,
        "lon": -71.3, "biome": 3, "bnpp": 2.5, "npp": 10.0,
    }  # fmt: skip
    assert (data.n_read, data.drops, data.notes, data.source) == (1, (), (), "file")
    assert data.format == "records of NPP"


def test_npp_may_be_unknown_and_its_column_missing(tmp_path: Path) -> None:
    assert np.isnan(read(tmp_path, {"npp": ""}).table["npp"]).all()
    data = read_npp(written(tmp_path, {}, without="npp"), NppSelect(), "file")
    assert data.table["npp"].isna().all() and data.table["bnpp"].tolist() == [2.5]


def test_a_biome_by_name_and_an_eastern_longitude(tmp_path: Path) -> None:
    data = read(tmp_path, {"biome": "tundra", "lon": "288.7"})
    assert data.table["biome"].tolist() == [7]
    assert data.table["lon"].iloc[0] == pytest.approx(-71.3)
    assert data.table["place"].tolist() == ["45.12 -71.30"]


def test_every_exclusion_is_counted_under_its_first_reason(tmp_path: Path) -> None:
    data = read(
        tmp_path,
        {"bnpp": "", "lat": "", "lon": ""},
        {"lat": "", "lon": "", "biome": ""},
        {"biome": "", "bnpp": "0"},
        {"bnpp": "0"},
        COPY,
        COPY,
        {"bnpp": "251"} | COPY,
        {},
    )
    assert dropped(data) == {
        "no_bnpp": (1,), "no_place": (2,), "no_biome": (3,), "bnpp_zero": (4,), "duplicate": (6,),
    }  # fmt: skip
    assert data.table["row"].tolist() == [5, 7, 8]
    assert data.n_read == 8


def test_copies_stay_on_request_and_where_they_are_not_flagged(tmp_path: Path) -> None:
    assert len(read(tmp_path, COPY, COPY, keep_duplicates=True).table) == 2
    assert len(read(tmp_path, {}, {}).table) == 2


def test_the_copy_stays_where_its_original_is_left_out(tmp_path: Path) -> None:
    data = read(tmp_path, {"biome": ""} | COPY, COPY)
    assert dropped(data) == {"no_biome": (1,)}


def test_a_share_of_all_is_noted(tmp_path: Path) -> None:
    data = read(tmp_path, {"bnpp": "1000"}, {})
    assert data.notes == (
        "1 records have a BNPP equal to NPP; their share of NPP, 100 %, does not enter",
    )


IMPOSSIBLE = {
    "latitude": ({"lat": "95"}, "row 2, column lat: 95 is impossible; a latitude lies between"),
    "longitude": ({"lon": "-181"}, "row 2, column lon: -181 is impossible; a longitude lies"),
    "no longitude": ({"lon": ""}, "row 2, column lat: 45.123 is impossible; a place needs its lon"),
    "no latitude": ({"lat": ""}, "row 2, column lon: -71.3 is impossible; a place needs its lat"),
    "negative": ({"bnpp": "-1"}, "row 2, column bnpp: -1 is impossible; BNPP is not below 0"),
    "negative NPP": ({"npp": "-1"}, "row 2, column npp: -1 is impossible; NPP is not below 0"),
    "more than all": (
        {"bnpp": "1001"},
        "row 2, column bnpp: 1001 with npp 1000 is impossible; BNPP is a part of NPP",
    ),
    "unit": (
        {"bnpp": "5001", "npp": ""},
        "row 2, column bnpp: 5001 is impossible; BNPP is in g C m-2 yr-1 and not above 5000",
    ),
    "unit of NPP": ({"npp": "5001"}, "row 2, column npp: 5001 is impossible; NPP is in g C m-2"),
    "text": ({"bnpp": "much"}, "row 2, column bnpp: 'much' is not a number"),
    "comma": ({"bnpp": "2,5"}, "row 2, column bnpp: '2,5' has a decimal comma"),
    "biome": ({"biome": "moor"}, "row 2, column biome: 'moor' is not a biome; write a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_is_impossible_is_named(tmp_path: Path, case: str) -> None:
    row, message = IMPOSSIBLE[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, {}, row)
    assert f"npp_sites.csv: {message}" in str(caught.value)


def test_values_at_the_edge_are_read(tmp_path: Path) -> None:
    row = {"lat": "-90", "lon": "360", "bnpp": f"{BIGGEST}", "npp": f"{BIGGEST}"}
    assert len(read(tmp_path, row).table) == 1


def test_only_the_first_ten_impossible_values_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, *[{"bnpp": "-1"}] * 12)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11 and lines[9].count("row 10,") == 1
    assert lines[10].endswith("and 2 more such values")


@pytest.mark.parametrize("name", ["lat", "lon", "biome", "bnpp"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"missing column: {name}.*The header has site, contrib"):
        read_npp(written(tmp_path, {}, without=name), NppSelect(), "file")


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="columns lat and Latitude mean the same; keep one"):
        read(tmp_path, {"Latitude": "45"})


def test_an_empty_an_absent_and_a_used_up_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"npp_sites\.csv: has a header but no rows"):
        read(tmp_path)
    with pytest.raises(DataError, match="none of 2 records of NPP is left: 2 no BNPP"):
        read(tmp_path, {"bnpp": ""}, {"bnpp": ""})
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_npp(tmp_path / "none.csv", NppSelect(), "file")


@pytest.mark.parametrize(
    ("lat", "lon", "name"),
    [
        (45.123, -71.3, "45.12 -71.30"),
        (-0.001, 0.004, "0.00 0.00"),
        (-12.5, -180.0, "-12.50 180.00"),
        (-12.5, -179.999, "-12.50 180.00"),
        (0.0, 179.999, "0.00 180.00"),
    ],
)
def test_names_of_places(lat: float, lon: float, name: str) -> None:
    assert place_id(lat, lon) == name


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_the_name_of_a_place_is_a_place_of_that_name(lat: float, lon: float) -> None:
    north, east = map(float, place_id(lat, lon).split())
    assert abs(north - lat) <= 0.005 + 1e-9
    assert abs((east - lon + 180.0) % 360.0 - 180.0) <= 0.005 + 1e-9
    assert place_id(north, east) == place_id(lat, lon)


def test_the_real_records(data_folder: Path) -> None:
    data = read_npp(data_folder / REAL, NppSelect(), "real")
    assert (data.n_read, len(data.table)) == (977, 581)
    assert {reason: len(rows) for reason, rows in dropped(data).items()} == {
        "no_bnpp": 372, "duplicate": 24,
    }  # fmt: skip
    assert data.table["npp"].notna().sum() == 579
    assert data.table["place"].nunique() == 341
    assert data.notes[0].startswith("1 records have a BNPP equal to NPP")
    kept = read_npp(data_folder / REAL, NppSelect(keep_duplicates=True), "real")
    assert len(kept.table) == 605 and kept.data_hash != data.data_hash

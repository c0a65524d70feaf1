"""From a table in a file to the layers of a fit: reading, refusing, selecting, counting."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_rootc.data import tidy
from bayes_rootc.data.check import check_layers
from bayes_rootc.data.layers import TABLE_COLUMNS, build_layers
from bayes_rootc.data.load import load_layers
from bayes_rootc.data.numbers import to_number
from bayes_rootc.data.readers import RAW_COLUMNS, READERS, detect, reader_named
from bayes_rootc.data.table_data import TableData, table_hash
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOMES
from bayes_rootc.spec.turnover import DataSection

ROW = {
    "profile": "P1", "lat": "48.7", "lon": "9.2", "top_cm": "0", "bottom_cm": "10",
    "sample_year": "1998", "delta14c": "85.5", "biome": "temperate_forests",
}  # fmt: skip
DEEPER = {"top_cm": "10", "bottom_cm": "30", "delta14c": "-120"}


def table_text(rows: list[dict[str, str]], separator: str = ",") -> str:
    """CSV of complete rows: what a row does not name is as in ROW."""
    complete = [ROW | row for row in rows]
    names = list(dict.fromkeys(name for row in complete for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(complete)
    return out.getvalue()


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "layers.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


OPTIONAL_COLUMNS = (
    "pct_c", "bulk_density", "coarse", "pct_c_filled", "bulk_density_filled", "coarse_filled",
    "pct_c_zero",
)  # fmt: skip


def no_bomb(lat: np.ndarray, year: np.ndarray) -> np.ndarray:
    return np.full(lat.shape, 500.0)


def build(raw: pd.DataFrame, **select: object) -> TableData:
    return build_layers(
        raw,
        source="file",
        origin="t.csv",
        format="tidy",
        select=DataSection(**select),
        atmosphere_max=no_bomb,
    )


def raw_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Raw frame of complete rows, as a reader returns it."""
    usual: dict[str, object] = {
        "entry": "E", "site": "S", "profile": "P1", "lat": 48.7, "lon": 9.2, "biome": 3.0,
        "top_cm": 0.0, "bottom_cm": 10.0, "sample_year": 1998.0, "delta14c": -50.0,
        "delta14c_err": np.nan, "mat": 9.0, "map": 700.0,
        "organic": False, "peat": False, "unpublished": False,
        "unmeasured": False, "duplicate": False,
    }  # fmt: skip
    numbered = [{"row": number} | usual | row for number, row in enumerate(rows, 1)]
    more = [name for name in OPTIONAL_COLUMNS if any(name in row for row in rows)]
    return pd.DataFrame(numbered)[[*RAW_COLUMNS, *more]]


# Reading


def test_a_minimal_table_gives_the_layer_as_written(tmp_path: Path) -> None:
    layers = load_layers(written(tmp_path, table_text([{}, DEEPER])), DataSection())
    assert tuple(layers.table.columns) == TABLE_COLUMNS
    first = layers.table.iloc[0]
    assert (first["row"], first["profile"], first["biome"]) == (1, "P1", 3)
    assert (first["lat"], first["lon"], first["top_cm"], first["bottom_cm"]) == (48.7, 9.2, 0, 10)
    assert (first["sample_year"], first["delta14c"]) == (1998, 85.5)
    assert layers.table[["delta14c_err", "mat", "map"]].isna().all(axis=None)
    assert (layers.source, layers.format, layers.n_read, layers.drops) == ("file", "tidy", 2, ())
    assert layers.table["row"].dtype == layers.table["biome"].dtype == np.int64


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_what_spreadsheets_save_reads_the_same(
    tmp_path: Path, separator: str, mark: bytes, line_end: str
) -> None:
    plain = load_layers(written(tmp_path, table_text([{}, DEEPER])), DataSection())
    text = table_text([{}, DEEPER], separator).replace("\n", line_end)
    other = load_layers(written(tmp_path, mark + text.encode()), DataSection())
    assert other.data_hash == plain.data_hash


@pytest.mark.parametrize("number", BIOMES)
def test_a_biome_may_be_given_as_number_key_or_name(tmp_path: Path, number: int) -> None:
    biome = BIOMES[number]
    labels = [str(number), f"{number}.0", biome.key, biome.name, biome.key.upper()]
    raw = tidy.read(written(tmp_path, table_text([{"biome": label} for label in labels])))
    assert raw["biome"].tolist() == [number] * len(labels)


def test_names_of_the_tidy_table_and_flags_are_understood(tmp_path: Path) -> None:
    text = (
        "entry,site,Profile_ID,latitude,longitude,layer_top_cm,layer_bottom_cm,sample_year,d14c,"
        "d14c_err,mat,map,biome,organic_layer,peatland,qc_flags\n"
        "Doe_Unpublished,S,P,-10,200,0,5,1990,\N{MINUS SIGN}20,NA,25,2000,1,yes,0,\n"
    )
    raw = tidy.read(written(tmp_path, text)).iloc[0]
    assert (raw["profile"], raw["lat"], raw["delta14c"], raw["mat"]) == ("P", -10, -20, 25)
    assert np.isnan(raw["delta14c_err"])
    assert (raw["organic"], raw["peat"], raw["unpublished"]) == (True, False, True)


def test_a_longitude_beyond_180_becomes_western() -> None:
    layers = build(raw_frame([{"lon": 200.0}, {"profile": "P2", "lon": -110.0003}]))
    assert layers.table["lon"].tolist() == [-160.0, -110.0003]


def test_one_of_each_group_of_flagged_copies_stays(tmp_path: Path) -> None:
    # The same core under two profiles, with different zero depths: the flag stands on both.
    flag = {"qc_flags": "no_error;same_place_depth_d14c_as_other_row"}
    shifted = {"layer_top_orig_cm": "0", "layer_bottom_orig_cm": "2"}
    rows = [
        {"profile": "A", "top_cm": "1", "bottom_cm": "3", "entry": "X_unpublished"},
        {"profile": "B", "top_cm": "0", "bottom_cm": "2", "entry": "Y_1996"},
        {"profile": "C", "top_cm": "0", "bottom_cm": "2", "delta14c": "12", "entry": "Y_1996"},
    ]
    path = written(tmp_path, table_text([row | shifted | flag for row in rows]))
    assert tidy.read(path)["duplicate"].tolist() == [True, False, False]
    layers = load_layers(path, DataSection())
    assert layers.table["profile"].tolist() == ["B", "C"]
    assert [(drop.reason, drop.rows) for drop in layers.drops] == [("unpublished", (1,))]


def test_a_copy_stays_where_its_original_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, table_text([{"lat": ""}, {}]))
    layers = load_layers(path, DataSection())
    assert layers.table["row"].tolist() == [2]
    assert [(drop.reason, drop.rows) for drop in layers.drops] == [("no_place", (1,))]


# Refusing what cannot be read

UNREADABLE = {
    "not a number": (table_text([{}, {"delta14c": "abc"}]),
                     r"row 2, column delta14c: 'abc' is not a number; write a number"),
    "infinite": (table_text([{"delta14c": "inf"}]), r"row 1, column delta14c: 'inf' is not a num"),
    "underscore": (table_text([{"top_cm": "1_0"}]), r"column top_cm: '1_0' is not a number"),
    "decimal comma": (table_text([{"lat": "48,75"}], ";"),
                      r"column lat: '48,75' has a decimal comma; write it with a point: 48\.75"),
    "unquoted decimal comma": (table_text([{}]).replace("48.7,", "48,7,"),
                               r"row 1 has 9 cells, the header has 8; .*decimals need a point"),
    "unknown biome": (table_text([{"biome": "borael forest"}]),
                      r"row 1, column biome: 'borael forest' is not a biome; did you mean "
                      r"boreal_forests\? .* tropical_forests, .*, croplands"),
    "biome 10": (table_text([{"biome": "10"}]), r"column biome: '10' is not a biome"),
    "flag": (table_text([{"peatland": "maybe"}]), r"column peatland: 'maybe' is neither yes nor"),
    "missing column": (table_text([{}]).replace("biome", "biom", 1),
                       r"missing column: biome, did you mean 'biom'\?"),
    "two columns of one meaning": (table_text([{"d14c": "1"}]),
                                   r"columns delta14c and d14c mean the same \(delta14c\)"),
    "column twice": (table_text([{}]).replace("biome", "lat", 1), r"column 'lat' occurs twice"),
    "header only": (",".join(ROW) + "\n", r"has a header but no rows"),
    "empty": ("", r"the file is empty"),
    "blank": ("\n  \n", r"no known format|the file is empty"),
    "latin-1": (table_text([{"site": "M\u00fcnchen"}]).encode("latin-1"),
                r'line 2 holds the byte 0xFC, which is not UTF-8; save the file as "CSV UTF-8"'),
    "utf-16": (table_text([{}]).encode("utf-16"), r'the text is UTF-16 .*"CSV UTF-8"'),
    "broken quote": (table_text([{}]).replace("temperate", '"temperate'), r"not a readable table"),
    "null byte": (table_text([{"site": "a\0b"}]), r"this is not a text file"),
    "other table": ("a,b\n1,2\n", r"no known format; its header begins with a, b\. Known formats:"
                    r"\n  tidy: .*\n  he2016: .*\n  israd_flat: .*\n  israd_list: "),
    "workbook": (b"PK\x03\x04 no sheets", r"no known format; it is an Excel workbook without"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_table_that_cannot_be_read_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=f"(?s)^{path}: .*{message}"):
        load_layers(path, DataSection())


def test_a_workbook_named_tidy_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is an Excel workbook; save the sheet"):
        load_layers(written(tmp_path, b"PK\x03\x04"), DataSection(), format="tidy")
    with pytest.raises(DataError, match="format 'xls' is unknown; it must be one of tidy, he2016"):
        reader_named("xls")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        detect(tmp_path / "none.csv")
    with pytest.raises(DataError, match="not a file"):
        detect(tmp_path)


def test_only_the_first_ten_bad_cells_are_named() -> None:
    cells = [None, 3, 2.5, "1e2", *["x"] * 12]
    with pytest.raises(DataError) as caught:
        to_number(cells, path="t.csv", column="clay", rows=range(101, 117))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("t.csv: row 105, column clay: 'x' is not a number")
    assert len(lines) == 11 and lines[-1] == "t.csv: and 2 more such cells"
    assert to_number(cells[:4], path="t.csv", column="clay").tolist()[1:] == [3.0, 2.5, 100.0]


def test_every_format_has_the_same_shape(tmp_path: Path) -> None:
    path = written(tmp_path, table_text([{}]))
    assert [name for name, reader in READERS.items() if reader.matches(path)] == ["tidy"]
    assert all(reader.name == name for name, reader in READERS.items())
    columns = set(READERS["tidy"].read(path, None).columns)
    assert set(RAW_COLUMNS) <= columns <= {*RAW_COLUMNS, *OPTIONAL_COLUMNS}


# Refusing what is impossible

IMPOSSIBLE = {
    "latitude": ({"lat": 95.0}, "row 2, column lat: 95 is impossible; a latitude lies between -90"),
    "longitude": ({"lon": -190.0}, "column lon: -190 is impossible; a longitude lies between"),
    "no such carbon": ({"delta14c": -1000.5}, "column delta14c: -1000.5 is impossible; Δ14C lies"),
    "too much": ({"delta14c": 1001.0}, "column delta14c: 1001 is impossible"),
    "missing code": ({"delta14c": -999.0}, "column delta14c: -999 is impossible; this looks like"),
    "two-digit year": ({"sample_year": 98.0}, "column sample_year: 98 is impossible; .*four digit"),
    "future": ({"sample_year": 2027.0}, "column sample_year: 2027 is impossible"),
    "upside down": ({"top_cm": 20.0}, "column top_cm: 20 with bottom 10 is impossible"),
    "negative error": ({"delta14c_err": -1.0}, "column delta14c_err: -1 is impossible; an error"),
    "error code": ({"delta14c_err": 9999.0}, "column delta14c_err: 9999 is impossible"),
    "biome": ({"biome": 3.5}, "column biome: 3.5 is impossible; a biome is a whole number"),
    "kelvin": ({"mat": 282.0}, "column mat: 282 is impossible; a mean annual temperature"),
    "map code": ({"map": -9999.0}, "column map: -9999 is impossible; annual precipitation"),
    "too much carbon": ({"pct_c": 120.0}, "column pct_c: 120 is impossible; percent C lies above"),
    "no carbon": ({"pct_c": 0.0}, "column pct_c: 0 is impossible; .*leave it empty if unknown"),
    "stone": ({"bulk_density": 5.0}, "column bulk_density: 5 is impossible; a bulk density lies"),
    "no mass": ({"bulk_density": 0.0}, "column bulk_density: 0 is impossible"),
    "percent of stones": ({"coarse": 35.0}, "column coarse: 35 is impossible; .*, not percent"),
    "negative stones": ({"coarse": -0.1}, "column coarse: -0.1 is impossible; coarse is a volume"),
    "no profile": ({"profile": ""}, "column profile: '' is impossible; every layer needs"),
    "profile reused": ({"lat": 30.0}, r"rows 1 and 2, column profile: 'P1' lies at \(48.7, 9.2\) "
                       r"and at \(30, 9.2\); profile names must be unique"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_value_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=f"t.csv: .*{message}"):
        build(raw_frame([{}, change]))


def test_every_impossible_row_is_named() -> None:
    with pytest.raises(DataError) as caught:
        build(raw_frame([{"profile": f"P{i}", "lat": 91.0 + i} for i in range(30)]))
    lines = str(caught.value).splitlines()
    assert [line.split(",")[0] for line in lines] == [f"t.csv: row {i}" for i in range(1, 31)]


def test_fraction_modern_in_the_place_of_delta14c_is_refused() -> None:
    rows = [{"delta14c": 1.05}, {"delta14c": 0.85, "profile": "P2"}]
    with pytest.raises(DataError, match=r"lie between 0\.85 and 1\.05, which looks like fraction"):
        build(raw_frame(rows))
    assert len(build(raw_frame([{"delta14c": 0.0}, *rows[:0]])).table) == 1
    assert len(build(raw_frame([*rows, {"delta14c": -30.0, "profile": "P3"}])).table) == 3


def test_what_compilers_filled_is_emptied_and_counted_unless_kept() -> None:
    raw = raw_frame([
        {"pct_c": 1.0, "bulk_density": 1.1, "coarse": 0.2, "bulk_density_filled": True},
        {"pct_c": 2.0, "bulk_density": 1.2, "delta14c": -60.0, "pct_c_filled": True},
        {"bulk_density": 1.3, "delta14c": -70.0, "bulk_density_filled": True},
        {"pct_c": 4.0, "bulk_density": 1.4, "delta14c": np.nan, "pct_c_filled": True},
    ]).fillna({"pct_c_filled": False, "bulk_density_filled": False})  # fmt: skip
    emptied, kept = build(raw), build(raw, keep_filled=True)
    nan = np.nan
    np.testing.assert_equal(emptied.table["pct_c"].tolist(), [1.0, nan, nan])
    np.testing.assert_equal(emptied.table["bulk_density"].tolist(), [nan, 1.2, nan])
    np.testing.assert_equal(emptied.table["coarse"].tolist(), [0.2, nan, nan])
    np.testing.assert_equal(kept.table["pct_c"].tolist(), [1.0, 2.0, nan])
    assert kept.table["bulk_density"].tolist() == [1.1, 1.2, 1.3]
    # The row that is left out is counted there, and not here.
    assert emptied.notes == (
        "1 values of pct_c were filled in by the compilers and are not used (keep with "
        "data.keep_filled)",
        "2 values of bulk_density were filled in by the compilers and are not used (keep with "
        "data.keep_filled)",
    )
    assert kept.notes == ()
    assert emptied.data_hash != kept.data_hash


def test_a_table_without_densities_has_empty_columns() -> None:
    layers = build(raw_frame([{}]))
    assert layers.table.columns.tolist() == list(TABLE_COLUMNS)
    assert layers.table[["pct_c", "bulk_density", "coarse"]].isna().all(axis=None)


def test_zeros_that_a_reader_emptied_are_counted() -> None:
    raw = raw_frame([{"pct_c": np.nan, "pct_c_zero": True}, {"pct_c": 1.0, "delta14c": -9.0}])
    layers = build(raw.fillna({"pct_c_zero": False}))
    assert layers.notes == ("1 values of pct_c are 0 and count as not measured",)


def test_the_tidy_table_gives_densities_and_what_was_filled(tmp_path: Path) -> None:
    origin = {"bulk_density": "1.3", "bulk_density_origin": "filled_by_compilers"}
    rows = [{"pct_c": "2.5", "pct_c_origin": "reported", "coarse": "0.1"} | origin, DEEPER]
    path = written(tmp_path, table_text(rows))
    raw = tidy.read(path)
    assert raw["bulk_density_filled"].tolist() == [True, False]
    assert not raw["pct_c_filled"].any()
    filled = load_layers(path, DataSection(keep_filled=True)).table
    np.testing.assert_equal(
        filled[["pct_c", "bulk_density", "coarse"]].to_numpy(), [[2.5, 1.3, 0.1], [np.nan] * 3]
    )


def test_coarse_fragments_may_be_a_percentage(tmp_path: Path) -> None:
    raw = tidy.read(written(tmp_path, table_text([{"Coarse_percent": "35"}, DEEPER])))
    np.testing.assert_equal(raw["coarse"].to_numpy(), [0.35, np.nan])
    layers = load_layers(written(tmp_path, table_text([{"coarse_percent": "99"}])), DataSection())
    assert layers.table["coarse"].tolist() == [0.99]


@pytest.mark.parametrize("cell", ["-1", "99.5"])
def test_an_impossible_percentage_of_coarse_fragments_is_named(tmp_path: Path, cell: str) -> None:
    path = written(tmp_path, table_text([{}, DEEPER | {"coarse_percent": cell}]))
    with pytest.raises(DataError) as caught:
        tidy.read(path)
    assert str(caught.value) == (
        f"{path}: row 2, column coarse_percent: {float(cell)} is no percentage of coarse "
        "fragments; it must lie between 0 and 99"
    )


def test_fraction_and_percentage_of_coarse_fragments_mean_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, table_text([{"coarse": "0.1", "coarse_percent": "10"}]))
    with pytest.raises(DataError, match="columns coarse and coarse_percent mean the same"):
        tidy.read(path)


def test_coarse_fragments_that_were_filled_in_are_emptied(tmp_path: Path) -> None:
    cells = {"coarse": "0.1", "coarse_origin": "filled_by_compilers"}
    path = written(tmp_path, table_text([cells]))
    assert load_layers(path, DataSection()).table["coarse"].isna().all()
    assert load_layers(path, DataSection(keep_filled=True)).table["coarse"].tolist() == [0.1]


def test_values_at_the_edge_are_accepted() -> None:
    edge = {"lat": 90.0, "lon": 360.0, "delta14c": -1000.0, "sample_year": 2026.0, "profile": "Q"}
    assert len(build(raw_frame([edge, {"lat": -90.0, "delta14c": 1000.0}])).table) == 2


def test_a_profile_may_have_close_coordinates_across_the_date_line() -> None:
    rows = [{"lon": 179.9}, {"lon": -179.9, "top_cm": 10.0, "bottom_cm": 20.0}]
    assert len(build(raw_frame(rows)).table) == 2


# Selecting

DROPPED = {
    "no_delta14c": ({"delta14c": np.nan}, {}),
    "no_sample_year": ({"sample_year": np.nan}, {}),
    "no_place": ({"lon": np.nan}, {}),
    "no_depth": ({"bottom_cm": np.nan}, {}),
    "organic": ({"organic": True}, {"keep_organic": True}),
    "peatland": ({"peat": True}, {"keep_peat": True}),
    "below_max_depth": ({"top_cm": 180.0, "bottom_cm": 201.0}, {}),
    "above_mineral": ({"top_cm": -1.0}, {}),
    "zero_thickness": ({"top_cm": 10.0}, {"keep_point_samples": True}),
    "duplicate": ({"duplicate": True}, {"keep_duplicates": True}),
    "unpublished": ({"unpublished": True}, {"keep_unpublished": True}),
    "no_biome": ({"biome": np.nan}, {}),
    "implausible": ({"delta14c": -960.0}, {"keep_implausible": True}),
}


@pytest.mark.parametrize(("reason", "change", "keep"), [(r, *c) for r, c in DROPPED.items()])
def test_a_row_is_dropped_for_its_reason_and_kept_on_request(
    reason: str, change: dict[str, object], keep: dict[str, bool]
) -> None:
    raw = raw_frame([{}, {"profile": "P2"} | change])
    layers = build(raw, keep_implausible=False)
    assert [(drop.reason, drop.rows) for drop in layers.drops] == [(reason, (2,))]
    assert layers.table["row"].tolist() == [1]
    if keep:
        assert build(raw, **({"keep_implausible": False} | keep)).table["row"].tolist() == [1, 2]


def test_a_row_counts_under_the_first_reason_only() -> None:
    both = {"organic": True, "peat": True, "unpublished": True, "delta14c": np.nan}
    layers = build(raw_frame([{}, both | {"profile": "P2"}]))
    assert [(drop.reason, drop.rows) for drop in layers.drops] == [("no_delta14c", (2,))]


def test_a_layer_that_ends_at_the_depth_limit_stays() -> None:
    rows = [{"top_cm": 0.0, "bottom_cm": 60.0}, {"top_cm": 60.0, "bottom_cm": 60.0}]
    layers = build(raw_frame(rows), max_depth_cm=60.0, keep_point_samples=True)
    assert layers.table["row"].tolist() == [1]


def test_equal_rows_are_one_layer_and_the_published_one_stays() -> None:
    rows = [{"unpublished": True}, {}, {}, {"delta14c": -51.0}, {"profile": "P2"}]
    layers = build(raw_frame(rows), keep_unpublished=True)
    assert layers.table["row"].tolist() == [2, 4, 5]
    assert [(drop.reason, drop.rows) for drop in layers.drops] == [("duplicate", (1, 3))]


def test_a_layer_of_which_the_reader_has_marked_a_copy_keeps_its_other_row() -> None:
    layers = build(raw_frame([{"duplicate": True}, {}]))
    assert layers.table["row"].tolist() == [2]


def test_a_profile_stands_in_one_biome() -> None:
    # As in five profiles of the global compilation: a spreadsheet series filled down the column.
    biomes = (3.0, 4.0, 9.0, 3.0, np.nan)
    rows = [
        {"biome": b, "top_cm": 10.0 * i, "bottom_cm": 10.0 * i + 10} for i, b in enumerate(biomes)
    ]
    layers = build(raw_frame(rows))
    assert layers.table["biome"].tolist() == [3] * 5
    assert layers.notes == (
        "3 rows were given the biome of the other rows of their profile (profiles P1)",
    )
    tie = build(raw_frame([rows[1], rows[0]]))
    assert tie.table["biome"].tolist() == [3, 3], "the shallowest layer decides a tie"


def test_implausible_layers_stay_and_are_listed() -> None:
    rows = [
        {"delta14c": 521.0, "profile": "A"},
        {"delta14c": 519.0, "profile": "B"},
        {"delta14c": -960.0, "profile": "C"},
        {"delta14c": 75.0, "sample_year": 1947.0, "profile": "D"},
        {"delta14c": 75.0, "sample_year": 1950.0, "profile": "E"},
    ]
    layers = build(raw_frame(rows))
    assert len(layers.table) == 5
    assert layers.implausible["profile"].tolist() == ["A", "C", "D"]
    assert layers.implausible["why"].str.split().str[0].tolist() == ["above", "below", "sampled"]
    assert len(build(raw_frame(rows), keep_implausible=False).implausible) == 0


def test_the_atmosphere_is_asked_by_default(tmp_path: Path) -> None:
    # 1955 was before the bomb peak; 2001 saw it pass.
    rows = [{"delta14c": "400", "sample_year": "1955"}, DEEPER | {"delta14c": "400"}]
    layers = load_layers(written(tmp_path, table_text(rows)), DataSection())
    assert layers.implausible["row"].tolist() == [1]


def test_a_table_of_which_nothing_is_left_is_refused_with_the_counts(tmp_path: Path) -> None:
    path = written(tmp_path, table_text([{"peatland": "1"}, DEEPER | {"delta14c": ""}]))
    message = "no layer is left of 2: 1 no Δ14C, 1 peatland"
    with pytest.raises(DataError, match=message):
        load_layers(path, DataSection())
    report = check_layers(path)
    assert not report.ok and "No layer is left" in report.text()


# The hash and the counts, whatever the table

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.sampled_from(["P1", "P2", "P3"]),
        "biome": st.sampled_from([3.0, 4.0, np.nan]),
        "top_cm": st.sampled_from([-5.0, 0.0, 10.0]),
        "bottom_cm": st.sampled_from([10.0, 50.0, 250.0, np.nan]),
        "sample_year": st.sampled_from([1947.0, 1998.0, np.nan]),
        "delta14c": st.sampled_from([-960.0, -50.0, 75.0, 600.0, np.nan]),
        "delta14c_err": st.sampled_from([5.0, np.nan]),
        "organic": st.booleans(),
        "peat": st.booleans(),
        "unpublished": st.booleans(),
        "duplicate": st.booleans(),
    },
)
SELECTIONS = st.fixed_dictionaries(
    {},
    optional={
        name: st.booleans() for name, field in DataSection.model_fields.items()
        if field.annotation is bool
    } | {"max_depth_cm": st.sampled_from([40.0, 200.0])},
)  # fmt: skip


@settings(max_examples=30)
@given(st.lists(CHANGES, min_size=1, max_size=12), SELECTIONS)
def test_kept_and_dropped_rows_are_all_rows_once(
    rows: list[dict[str, object]], select: dict[str, object]
) -> None:
    layers = build(raw_frame(rows), **select)
    dropped = [row for drop in layers.drops for row in drop.rows]
    assert sorted([*dropped, *layers.table["row"]]) == list(range(1, len(rows) + 1))
    assert layers.n_read == len(rows)
    assert all(drop.rows for drop in layers.drops)
    assert (layers.table.groupby("profile")["biome"].nunique() == 1).all()


@settings(max_examples=30)
@given(st.lists(CHANGES, min_size=1, max_size=12), SELECTIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    rows: list[dict[str, object]], select: dict[str, object], random: object
) -> None:
    raw = raw_frame(rows)
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    one, other = build(raw, **select), build(raw.iloc[order], **select)
    assert other.drops == one.drops
    assert other.data_hash == one.data_hash
    pd.testing.assert_frame_equal(other.table, one.table)


@settings(max_examples=30)
@given(st.lists(CHANGES, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_file_in_another_order_keeps_the_same_layers(
    rows: list[dict[str, object]], random: object
) -> None:
    identity = ["profile", "top_cm", "bottom_cm", "sample_year", "delta14c", "biome"]
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    # Ties of the biome are decided by depth, then by file order: leave the second out.
    one, other = (
        build(raw_frame([row | {"biome": 3.0} for row in order]))
        .table[identity]
        .sort_values(identity, ignore_index=True)
        for order in (rows, shuffled)
    )
    pd.testing.assert_frame_equal(one, other)


def test_the_hash_follows_the_content_not_the_types() -> None:
    table = build(raw_frame([{}, {"profile": "P2"}])).table
    assert table_hash(table.astype({"profile": object})) == table_hash(table)
    assert table_hash(table.assign(delta14c=[-50.0, -50.0000001])) != table_hash(table)
    assert table_hash(table.iloc[::-1]) != table_hash(table)


# The report


def test_the_report_counts_layers_and_profiles_of_each_biome(tmp_path: Path) -> None:
    rows = [{}, DEEPER, {"profile": "P2", "biome": "tundra"}, {"profile": "P3", "peatland": "1"}]
    report = check_layers(written(tmp_path, table_text(rows)))
    assert report.ok
    assert report.biomes() == [
        {"biome": "temperate_forests", "layers": 2, "profiles": 1},
        {"biome": "tundra", "layers": 1, "profiles": 1},
    ]
    assert "rows read 4, kept 3 in 2 profiles, dropped 1" in report.text()
    assert "     1  peatland (keep with data.keep_peat)" in report.text()


def test_the_report_of_a_refused_table_names_the_rows(tmp_path: Path) -> None:
    report = check_layers(written(tmp_path, table_text([{}, {"lat": "95"}])))
    assert not report.ok and report.biomes() == []
    assert report.text().splitlines()[0].endswith("layers.csv: refused")
    assert "row 2, column lat: 95 is impossible" in report.text()
    assert report.as_dict()["problems"] == list(report.problems)


def test_long_lists_of_implausible_rows_are_cut_in_the_text_only(tmp_path: Path) -> None:
    rows = [{"profile": f"P{i}", "delta14c": "-960"} for i in range(25)]
    report = check_layers(written(tmp_path, table_text(rows)))
    assert "and 5 more (all with --json)" in report.text()
    assert len(report.as_dict()["implausible"]) == 25


UNITS = {
    "depths in m": (
        [{"bottom_cm": "0.1"}, {"top_cm": "0.1", "bottom_cm": "0.3", "delta14c": "-120"}],
        "column bottom_cm: no layer reaches below 0.3 cm; depths are wanted in cm, not m",
    ),
    "errors as fraction modern": (
        [{"delta14c_err": "0.003"}, DEEPER | {"delta14c_err": "0.004"}],
        "column delta14c_err: no error is above 0.004 ‰",
    ),
    "carbon as a fraction": (
        [{"pct_c": "0.031"}, DEEPER | {"pct_c": "0.012"}],
        "column pct_c: no layer has more than 0.031 %",
    ),
    "precipitation in cm": (
        [{"map": "95"}, DEEPER | {"map": "95"}],
        "column map: a forest with 95 mm of precipitation a year; it is wanted in mm",
    ),
    "fraction modern in one of the profiles": (
        [
            {},
            DEEPER,
            {"profile": "P2", "delta14c": "1.02"},
            DEEPER | {"profile": "P2", "delta14c": "0.91"},
        ],
        "profiles with all Δ14C between 0 and 2, which looks like fraction modern",
    ),
    "a profile at two places": (
        [{"lat": "45"}, DEEPER | {"lat": "45.5"}],
        "profiles with layers at more than one place; each counts where it is said to be: 1 (P1)",
    ),
    "overlap": (
        [{}, DEEPER | {"top_cm": "5"}],
        "layers that begin above the bottom of another one of their profile: 1, in 1 of the "
        "profiles (P1)",
    ),
}


@pytest.mark.parametrize("case", UNITS)
def test_values_of_another_unit_are_told(tmp_path: Path, case: str) -> None:
    rows, expected = UNITS[case]
    notes = check_layers(written(tmp_path, table_text(rows))).as_dict()["notes"]
    assert [note for note in notes if note.startswith(expected)] != []


def test_sound_layers_raise_no_doubt(tmp_path: Path) -> None:
    rows = [{"delta14c_err": "3", "pct_c": "3.1", "map": "950"},
            DEEPER | {"delta14c_err": "4", "pct_c": "0.4", "map": "950"}]  # fmt: skip
    assert check_layers(written(tmp_path, table_text(rows))).as_dict()["notes"] == []


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    rows = [{"d14c_sd": "3", "C_percent": "3.1", "colour": "brown"}]
    report = check_layers(written(tmp_path, table_text(rows)))
    assert (
        "note: columns that are not read: d14c_sd (did you mean delta14c_err?), C_percent (did you "
        "mean pct_c?), colour"
    ) in report.text()
    assert "kept without delta14c_err: 1; a fit takes likelihood.default_sd" in report.text()
    assert report.as_dict()["gaps"] == {"delta14c_err": 1, "mat": 1, "map": 1}
    many = [{f"extra{i}": "1" for i in range(tidy.N_TOLD + 5)}]
    assert check_layers(written(tmp_path, table_text(many))).text().endswith("extra11, and 5 more")

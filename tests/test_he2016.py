"""Reader of the original compilation of He et al. (2016)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_rootc.data import he2016, tidy
from bayes_rootc.data.readers import RAW_COLUMNS
from bayes_rootc.errors import DataError

PUBLISHED = Path("raw") / "radiocarbon" / "Yujie_dataset.csv"
TIDY = Path("tables") / "radiocarbon_layers.csv"

COLUMNS = (
    "Author", "pc_dataset_name", "Site", "Lon", "Lat", "Country", "MAT", "MAP",
    "VegTypeCodeStr_Local", "Hzn1", "HorizonDesignation", "Layer_top", "Layer_bottom",
    "Layer_top_norm", "Layer_bottom_norm", "ProfileID", "D14C_BulkLayer_text", "D14C_BulkLayer",
    "D14C_err", "14C_age", "FractionModern", "SampleYear", "BulkDensity_original", "BulkDensity",
    "pct_C_original", "pct_C",
)  # fmt: skip

LAYER = {
    "pc_dataset_name": "Meyer_2001",
    "Site": "Hill, upper",
    "Lon": "8.4",
    "Lat": "49.2",
    "Country": "Germany",
    "MAT": "9.1",
    "MAP": "700",
    "VegTypeCodeStr_Local": "temperate forest",
    "HorizonDesignation": "Ah",
    "Layer_top": "5",
    "Layer_bottom": "10",
    "Layer_top_norm": "0",
    "Layer_bottom_norm": "5",
    "ProfileID": "12",
    "D14C_BulkLayer_text": "-20.5",
    "D14C_BulkLayer": "-20.5",
    "D14C_err": "4",
    "14C_age": "999999",
    "FractionModern": "98.1",
    "SampleYear": "1996",
    "BulkDensity": "1.3",
    "pct_C_original": "12",
    "pct_C": "1.2",
}


def content(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS, end: str = "\r") -> bytes:
    """Return a file in the published shape: lone carriage returns, one byte a character."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(columns)
    writer.writerows([[(LAYER | row).get(name, "") for name in columns] for row in rows])
    return text.getvalue().encode("latin-1")


def read(tmp_path: Path, *rows: dict[str, str]) -> pd.DataFrame:
    path = tmp_path / "compilation.csv"
    path.write_bytes(content(*rows))
    return he2016.read(path, None)


def test_one_layer(tmp_path: Path) -> None:
    raw = read(tmp_path, {})
    assert raw.columns[: len(RAW_COLUMNS)].tolist() == list(RAW_COLUMNS)
    assert raw.iloc[0].to_dict() == {
        "row": 1, "entry": "Meyer_2001", "site": "Hill, upper", "profile": "12",
        "lat": 49.2, "lon": 8.4, "biome": 3.0, "top_cm": 0.0, "bottom_cm": 5.0,
        "sample_year": 1996.0, "delta14c": -20.5, "delta14c_err": 4.0, "mat": 9.1, "map": 700.0,
        "organic": False, "peat": False, "unpublished": False, "unmeasured": False,
        "duplicate": False,
        "biome_source": "label", "delta14c_origin": "reported", "repairs": "",
        "pct_c": 1.2, "pct_c_zero": False, "bulk_density": 1.3, "pct_c_filled": False,
        "bulk_density_filled": True,
    }  # fmt: skip


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_any_line_end(tmp_path: Path, end: str) -> None:
    path = tmp_path / "compilation.csv"
    path.write_bytes(content({}, {"SampleYear": "2001"}, end=end))
    assert he2016.matches(path)
    assert he2016.read(path, None)["sample_year"].tolist() == [1996, 2001]


def test_odd_bytes_and_utf8_give_the_same_names(tmp_path: Path) -> None:
    path = tmp_path / "compilation.csv"
    odd = content({"Site": "Amelsb?ren"}, {"Site": "Richard#s"})
    path.write_bytes(odd.replace(b"?", b"\xc8").replace(b"#", b"\x90"))
    published = he2016.read(path, None)["site"].tolist()
    path.write_bytes(odd.replace(b"?", "ü".encode()).replace(b"#", b"'"))
    assert published == he2016.read(path, None)["site"].tolist() == ["Amelsbüren", "Richard's"]


def test_only_the_mirrored_sites_change_their_sign(tmp_path: Path) -> None:
    mirrored = {"pc_dataset_name": "McFarlane_2013", "Country": "US", "Lat": "42.5", "Lon": "72.2"}
    raw = read(tmp_path, mirrored, mirrored | {"Lon": "-72.2"}, mirrored | {"Country": "China"}, {})
    assert raw["lon"].tolist() == [-72.2, -72.2, 72.2, 8.4]
    assert raw["repairs"].tolist() == ["longitude_sign", "", "", ""]


def test_a_thickness_of_999_leaves_no_depth(tmp_path: Path) -> None:
    depth = {"Layer_top": "55", "Layer_bottom": "60"}
    raw = read(tmp_path, depth | {"Layer_top_norm": "1054", "Layer_bottom_norm": "1059"})
    assert raw[["top_cm", "bottom_cm"]].isna().all(axis=None)
    assert raw["organic"].all()
    assert raw["repairs"].tolist() == ["depth_999"]


@pytest.mark.parametrize(
    ("depth", "horizon", "master", "organic"),
    [
        (("-5", "0"), "", "", True),
        (("-5", "-2"), "LF", "", True),
        (("-4", "9"), "", "", False),
        (("0", "5"), "O", "", True),
        (("0", "5"), "Oh/Ah 11.5-13.5", "", True),
        (("1", "6"), "F", "O", True),
        (("0", "5"), "Ah", "A", False),
        (("0", "5"), "OH2", "", False),
    ],
)
def test_organic_layers(
    tmp_path: Path, depth: tuple[str, str], horizon: str, master: str, organic: bool
) -> None:
    row = {"Layer_top_norm": depth[0], "Layer_bottom_norm": depth[1]}
    raw = read(tmp_path, row | {"HorizonDesignation": horizon, "Hzn1": master})
    assert raw["organic"].tolist() == [organic]


def test_where_delta14c_comes_from(tmp_path: Path) -> None:
    computed = {"D14C_BulkLayer_text": ""}
    modern = computed | {"FractionModern": "modern", "D14C_BulkLayer": "0"}
    raw = read(tmp_path, {}, computed, modern, computed | {"D14C_BulkLayer": ""})
    assert raw["delta14c_origin"].tolist() == ["reported", "computed", "modern", ""]
    assert np.isnan(raw["delta14c"].iloc[3])


def test_a_zero_percent_c_is_empty_and_what_was_not_reported_is_filled(tmp_path: Path) -> None:
    zero = {"pct_C": "0", "pct_C_original": "", "BulkDensity": ""}
    filled = {"pct_C_original": "", "BulkDensity_original": "1.25"}
    raw = read(tmp_path, zero, filled)
    assert raw["pct_c"].isna().tolist() == raw["bulk_density"].isna().tolist() == [True, False]
    assert raw["pct_c_filled"].tolist() == [False, True]
    assert raw["bulk_density_filled"].tolist() == [False, False]
    assert raw["pct_c_zero"].tolist() == [True, False]


def test_a_part_of_the_file_may_lack_the_densities(tmp_path: Path) -> None:
    path = tmp_path / "compilation.csv"
    path.write_bytes(content({}, columns=COLUMNS[:-4]))
    raw = he2016.read(path, None)
    assert raw[["pct_c", "bulk_density"]].isna().all(axis=None)
    assert not raw[["pct_c_filled", "bulk_density_filled"]].any(axis=None)


def test_copies_are_found_by_reported_depth_and_one_stays(tmp_path: Path) -> None:
    other_zero = {"ProfileID": "13", "Layer_top_norm": "-2", "Layer_bottom_norm": "3"}
    raw = read(tmp_path, {}, other_zero, {"D14C_BulkLayer": "-21"}, {"Layer_top": "6"})
    assert raw["duplicate"].sum() == 1
    assert raw["duplicate"].iloc[:2].any()


def test_peat_and_unpublished(tmp_path: Path) -> None:
    peat = {"VegTypeCodeStr_Local": "peatland", "pc_dataset_name": "Meyer_Unpublished"}
    raw = read(tmp_path, {}, peat)
    assert raw["peat"].tolist() == raw["unpublished"].tolist() == [False, True]
    assert np.isnan(raw["biome"].iloc[1])


def test_a_text_in_a_number_names_row_column_and_value(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"compilation\.csv: row 2, column Lat: 'north'"):
        read(tmp_path, {}, {"Lat": "north"})


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "compilation.csv"
    path.write_bytes(content({}, columns=tuple(name for name in COLUMNS if name != "SampleYear")))
    with pytest.raises(DataError, match="missing column: SampleYear"):
        he2016.read(path, None)


def test_a_short_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "compilation.csv"
    path.write_bytes(content({}) + b"Meyer_2001,5\r")
    with pytest.raises(DataError, match="row 2 has 2 cells, the header has 26"):
        he2016.read(path, None)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "compilation.csv"
    path.write_bytes(content())
    with pytest.raises(DataError, match="has a header but no rows"):
        he2016.read(path, None)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        he2016.read(tmp_path / "none.csv", None)


def test_other_tables_do_not_match(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("profile,lat,lon\na,1,2\n")
    assert not he2016.matches(path)


@pytest.fixture(scope="module")
def published(data_folder: Path) -> pd.DataFrame:
    assert he2016.matches(data_folder / PUBLISHED)
    return he2016.read(data_folder / PUBLISHED, data_folder)


@pytest.fixture(scope="module")
def tidied(data_folder: Path) -> pd.DataFrame:
    return tidy.read(data_folder / TIDY)


@pytest.mark.parametrize(
    "name",
    [
        "row",
        "entry",
        "site",
        "profile",
        "organic",
        "peat",
        "unpublished",
        "duplicate",
        "pct_c_filled",
        "bulk_density_filled",
    ],
)
def test_texts_and_flags_are_those_of_the_tidy_table(
    published: pd.DataFrame, tidied: pd.DataFrame, name: str
) -> None:
    assert len(published) == 4136
    assert (published[name] == tidied[name]).all()


@pytest.mark.parametrize(
    ("name", "rounding"),
    [
        ("lat", 0), ("lon", 0), ("top_cm", 0), ("bottom_cm", 0), ("sample_year", 0),
        ("delta14c", 5e-4), ("delta14c_err", 5e-4), ("mat", 5e-4), ("map", 5e-3),
        ("pct_c", 5e-5), ("bulk_density", 5e-5),
    ],
)  # fmt: skip
def test_numbers_are_those_of_the_tidy_table_up_to_its_rounding(
    published: pd.DataFrame, tidied: pd.DataFrame, name: str, rounding: float
) -> None:
    np.testing.assert_allclose(published[name], tidied[name], rtol=0, atol=rounding * 1.0001)


def test_biomes_are_those_of_the_tidy_table_but_for_a_site_at_76_north(
    published: pd.DataFrame, tidied: pd.DataFrame
) -> None:
    same = (published["biome"] == tidied["biome"]) | (
        published["biome"].isna() & tidied["biome"].isna()
    )
    # Its cell is ice without a biome. The cells beside it are tundra, the tidy table says
    # Mediterranean shrubland.
    differs = published[~same]
    assert set(differs["site"]) == {"Trule Greenland"}
    assert differs["biome"].tolist() == [7.0] * 5
    assert published["biome_source"].value_counts().to_dict() == {
        "label": 3527, "grid": 599, "": 10,
    }  # fmt: skip


def test_biomes_without_the_grid(data_folder: Path, tidied: pd.DataFrame) -> None:
    raw = he2016.read(data_folder / PUBLISHED, None)
    named = raw["biome"].notna()
    assert raw["biome_source"].value_counts().to_dict() == {
        "label": 2478, "fallback": 1049, "": 609,
    }  # fmt: skip
    # Most without one are peat. The rest of the differences are savannas near the tropics, and
    # shrublands of deserts and tundra.
    assert raw.loc[~named, "peat"].sum() == 563
    assert (raw["biome"] == tidied["biome"])[named].sum() == 3460


def test_what_was_mended_and_counted(published: pd.DataFrame) -> None:
    assert published["repairs"].value_counts().to_dict() == {
        "": 4102, "longitude_sign": 32, "depth_999": 2,
    }  # fmt: skip
    assert published["pct_c_zero"].sum() == 204
    assert published["delta14c_origin"].value_counts().to_dict() == {
        "reported": 3348, "computed": 551, "": 213, "modern": 24,
    }  # fmt: skip
    assert published["duplicate"].sum() == 38


def test_what_was_filled_is_what_the_tidy_table_says(
    published: pd.DataFrame, data_folder: Path
) -> None:
    table = pd.read_csv(data_folder / TIDY, dtype=str, keep_default_na=False)
    for name, n_filled, n_reported in (("pct_c", 517, 3170), ("bulk_density", 1859, 1753)):
        filled = table[f"{name}_origin"] == "filled_by_compilers"
        assert (published[f"{name}_filled"].to_numpy() == filled.to_numpy()).all()
        has = published[name].notna()
        assert (has.to_numpy() == (table[name] != "").to_numpy()).all()
        assert (filled.sum(), has.sum() - filled.sum()) == (n_filled, n_reported)


def test_every_copy_is_flagged_in_the_tidy_table(
    published: pd.DataFrame, data_folder: Path
) -> None:
    flags = pd.read_csv(data_folder / TIDY, usecols=["qc_flags"], dtype=str)["qc_flags"].fillna("")
    flagged = flags.str.contains("same_place_depth_d14c_as_other_row")
    assert flagged.sum() == 75
    assert flagged[published["duplicate"].to_numpy()].all()

"""Readers of ISRaD's flat layer table and of its workbook."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from bayes_rootc.data import israd
from bayes_rootc.data.readers import RAW_COLUMNS
from bayes_rootc.errors import DataError
from bayes_rootc.units import delta14c_from_f14c

FLAT = Path("tables") / "israd_example_flat_layer.csv"
LIST = Path("tables") / "israd_example_list.xlsx"
TEMPLATE = Path("raw") / "radiocarbon" / "ISRaD_Template_Info.xlsx"

Row = dict[str, Any]
Sheets = dict[str, list[Row]]

SITE = {"entry_name": "Roe_2010", "site_name": "Hill", "site_lat": 45.0, "site_long": -68.5}
PROFILE = {
    "entry_name": "Roe_2010",
    "site_name": "Hill",
    "pro_name": "P 1",
    "pro_lat": None,
    "pro_long": None,
    "pro_treatment": "control",
    "pro_MAT": 5.5,
    "pro_MAP": 1000,
    "pro_land_cover": "forest",
    "pro_peatland": None,
    "pro_usda_soil_order": "Spodosols",
}
LAYER = {
    "entry_name": "Roe_2010",
    "site_name": "Hill",
    "pro_name": "P 1",
    "lyr_name": "P 1_0-5",
    "lyr_obs_date_y": 1996,
    "lyr_all_org_neg": None,
    "lyr_top": 0,
    "lyr_bot": 5.5,
    "lyr_hzn": "A",
    "lyr_org_buried": None,
    "lyr_14c": -20.5,
    "lyr_14c_sigma": 4,
    "lyr_14c_sd": None,
    "lyr_fraction_modern": None,
    "lyr_fraction_modern_sigma": None,
    "lyr_fraction_modern_sd": None,
    "lyr_14c_fill_extra": 77,
    "lyr_c_org": 1.5,
    "lyr_c_tot": 1.9,
    "lyr_bd_samp": 1.2,
    "lyr_bd_tot": 1.4,
    "lyr_coarse_tot": 0,
}


def tables(
    layers: list[Row] | None = None, profile: Row | None = None, site: Row | None = None
) -> Sheets:
    return {
        "metadata": [{"entry_name": "Roe_2010"}],
        "site": [SITE | (site or {})],
        "profile": [PROFILE | (profile or {})],
        "layer": [LAYER | layer for layer in layers or [{}]],
    }


def write_list(folder: Path, sheets: Sheets) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
    path = folder / "list.xlsx"
    workbook.save(path)
    return path


def write_flat(folder: Path, sheets: Sheets) -> Path:
    rows = [
        sheets["metadata"][0] | sheets["site"][0] | sheets["profile"][0] | layer
        for layer in sheets["layer"]
    ]
    path = folder / "flat.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


Read = Callable[[Sheets], pd.DataFrame]


@pytest.fixture(params=["flat", "list"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Write tables in one of the two shapes and read them; every test runs with both."""
    if request.param == "flat":
        return lambda sheets: israd.read_flat(write_flat(tmp_path, sheets), None)
    return lambda sheets: israd.read_list(write_list(tmp_path, sheets), None)


def test_one_layer(read: Read) -> None:
    raw = read(tables())
    assert raw.columns[: len(RAW_COLUMNS)].tolist() == list(RAW_COLUMNS)
    assert raw.iloc[0].to_dict() == {
        "row": 1, "entry": "Roe_2010", "site": "Hill", "profile": "Roe_2010/Hill/P 1",
        "lat": 45.0, "lon": -68.5, "biome": 3.0, "top_cm": 0.0, "bottom_cm": 5.5,
        "sample_year": 1996.0, "delta14c": -20.5, "delta14c_err": 4.0, "mat": 5.5, "map": 1000.0,
        "organic": False, "peat": False, "unpublished": False,
        "unmeasured": False, "duplicate": False,
        "biome_source": "fallback", "delta14c_origin": "reported", "treated": False,
        "pct_c_zero": False, "pct_c": 1.5, "pct_c_filled": False,
        "bulk_density": 1.2, "bulk_density_filled": False, "coarse": 0.0,
    }  # fmt: skip


def test_fraction_modern_only_where_delta14c_is_missing(read: Read) -> None:
    modern = {"lyr_fraction_modern": 1.1, "lyr_fraction_modern_sigma": 0.004}
    raw = read(
        tables(
            [
                modern,
                modern | {"lyr_14c": None},
                modern | {"lyr_14c": None, "lyr_obs_date_y": None},
                {"lyr_14c": None},
            ]
        )
    )
    assert raw["delta14c_origin"].tolist() == ["reported", "fraction_modern", "", ""]
    # 1.1 · exp((1950 - 1996)/8267) = 1.093896; 4 ‰ of error shrink alike.
    np.testing.assert_allclose(raw["delta14c"], [-20.5, 93.896, np.nan, np.nan], atol=1e-3)
    np.testing.assert_allclose(raw["delta14c_err"][:2], [4.0, 3.97780], atol=1e-4)


def test_error_of_replicates_where_there_is_no_analytical_one(read: Read) -> None:
    raw = read(tables([{"lyr_14c_sigma": None, "lyr_14c_sd": 9}, {"lyr_14c_sd": 9}]))
    assert raw["delta14c_err"].tolist() == [9.0, 4.0]


@pytest.mark.parametrize(
    ("layer", "organic", "peat"),
    [
        ({"lyr_top": -4, "lyr_bot": 0, "lyr_hzn": None}, True, False),
        ({"lyr_top": -4, "lyr_bot": 3, "lyr_hzn": None}, False, False),
        ({"lyr_hzn": "Oa"}, True, False),
        ({"lyr_hzn": "Bo"}, False, False),
        ({"lyr_org_buried": "yes"}, True, False),
        ({"lyr_all_org_neg": "yes"}, True, True),
    ],
)
def test_organic_layers(read: Read, layer: Row, organic: bool, peat: bool) -> None:
    raw = read(tables([layer]))
    assert (raw["organic"].iloc[0], raw["peat"].iloc[0]) == (organic, peat)


@pytest.mark.parametrize(
    ("profile", "peat", "treated"),
    [
        ({"pro_peatland": "yes"}, True, False),
        ({"pro_usda_soil_order": "Histosols"}, True, False),
        ({"pro_land_cover": "wetland"}, False, False),
        ({"pro_treatment": "treatment"}, False, True),
        ({"pro_treatment": None}, False, False),
    ],
)
def test_peat_and_treatment(read: Read, profile: Row, peat: bool, treated: bool) -> None:
    raw = read(tables(profile=profile))
    assert (raw["peat"].iloc[0], raw["treated"].iloc[0]) == (peat, treated)


@pytest.mark.parametrize(
    ("land_cover", "number"),
    [("cultivated", 9), ("rangeland/grassland", 4), ("shrubland", 5), ("tundra", 7)],
)
def test_land_cover_gives_the_biome(read: Read, land_cover: str, number: int) -> None:
    assert read(tables(profile={"pro_land_cover": land_cover}))["biome"].tolist() == [number]


def test_the_place_of_the_profile_goes_before_that_of_the_site(read: Read) -> None:
    raw = read(tables(profile={"pro_lat": 45.25, "pro_long": -68.75}))
    assert raw[["lat", "lon"]].iloc[0].tolist() == [45.25, -68.75]


def test_half_a_place_of_the_profile_is_none(read: Read) -> None:
    assert read(tables(profile={"pro_lat": 45.25}))["lat"].tolist() == [45.0]


def test_the_same_layer_twice_is_a_copy(read: Read) -> None:
    raw = read(tables([{}, {"lyr_name": "again"}, {"lyr_bot": 6}]))
    assert raw["duplicate"].tolist() == [False, True, False]


def test_columns_that_older_templates_lack_may_be_missing(read: Read) -> None:
    sheets = tables()
    for sheet, name in [("profile", "pro_peatland"), ("layer", "lyr_org_buried")]:
        del sheets[sheet][0][name]
    assert read(sheets)["peat"].tolist() == [False]


def test_numbers_as_names_join(read: Read) -> None:
    raw = read(tables([{"pro_name": 7}], profile={"pro_name": 7}))
    assert raw["profile"].tolist() == ["Roe_2010/Hill/7"]


@pytest.mark.parametrize(
    ("layer", "name", "value", "filled"),
    [
        ({"lyr_c_org": None}, "pct_c", 1.9, False),
        ({"lyr_c_org": 0}, "pct_c", np.nan, False),
        ({"lyr_c_org": None, "lyr_c_tot": None, "lyr_c_org_fill_extra": 3}, "pct_c", 3.0, True),
        ({"lyr_c_org_fill_extra": 3}, "pct_c", 1.5, False),
        ({"lyr_bd_samp": None}, "bulk_density", 1.4, False),
        ({"lyr_bd_samp": None, "lyr_bd_tot": None}, "bulk_density", np.nan, False),
        (
            {"lyr_bd_samp": None, "lyr_bd_tot": None, "lyr_bd_samp_filled": 0.9},
            "bulk_density",
            0.9,
            True,
        ),
    ],
)
def test_percent_c_and_bulk_density(
    read: Read, layer: Row, name: str, value: float, filled: bool
) -> None:
    raw = read(tables([layer]))
    np.testing.assert_equal(raw[name].iloc[0], value)
    assert raw[f"{name}_filled"].tolist() == [filled]
    assert raw["pct_c_zero"].tolist() == [layer.get("lyr_c_org") == 0]


@pytest.mark.parametrize(
    ("layer", "coarse"),
    [
        ({"lyr_coarse_tot": None}, np.nan),
        # 20 g of stones of 2.65 g cm-3 beside 80 g of fine earth of 1.2 g cm-3
        ({}, (20 / 2.65) / (20 / 2.65 + 80 / 1.2)),
        ({"lyr_coarse_density": 2.0}, (20 / 2.0) / (20 / 2.0 + 80 / 1.2)),
        # The bulk density of the whole sample counts the stones: carbon is 80 % of its mass.
        ({"lyr_bd_samp": None}, 0.2),
        ({"lyr_bd_samp": None, "lyr_bd_tot": None}, (20 / 2.65) / (20 / 2.65 + 80 / 1.3)),
    ],
)
def test_coarse_fragments(read: Read, layer: Row, coarse: float) -> None:
    raw = read(tables([{"lyr_coarse_tot": 20, "lyr_coarse_density": None} | layer]))
    np.testing.assert_allclose(raw["coarse"], coarse, rtol=1e-12)


def test_both_bulk_densities_give_one_carbon_density(read: Read) -> None:
    # 1 cm3 of soil with 0.3 cm3 of stones of 2.65 g cm-3 among fine earth of 1.1 g cm-3
    stones, fine = 0.3 * 2.65, 0.7 * 1.1
    coarse = {"lyr_coarse_tot": 100 * stones / (stones + fine)}
    raw = read(tables([
        coarse | {"lyr_bd_samp": 1.1, "lyr_bd_tot": None},
        coarse | {"lyr_bd_samp": None, "lyr_bd_tot": stones + fine},
    ]))  # fmt: skip
    np.testing.assert_allclose(raw["bulk_density"] * (1.0 - raw["coarse"]), fine, rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"lyr_coarse_tot": 120},
            r"row 2, column lyr_coarse_tot: 120\.0 is no percentage of coarse",
        ),
        ({"lyr_coarse_tot": -1}, r"row 2, column lyr_coarse_tot: -1\.0 is no percentage"),
        (
            {"lyr_coarse_density": 0},
            r"row 2, column lyr_coarse_density: 0\.0 is no density of frag",
        ),
        ({"lyr_bd_samp": "loose"}, "row 2, column lyr_bd_samp: 'loose' is not a number"),
    ],
)
def test_impossible_coarse_fragments_are_refused(read: Read, layer: Row, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tables([{"lyr_coarse_density": None}, {"lyr_coarse_density": None} | layer]))


@pytest.mark.parametrize(
    ("sheet", "column"),
    [("layer", "lyr_14c"), ("layer", "lyr_top"), ("site", "site_lat"), ("layer", "pro_name")],
)
def test_a_missing_column_is_named(read: Read, sheet: str, column: str) -> None:
    sheets = tables()
    del sheets[sheet][0][column]
    sheets["profile"][0].pop(column, None)  # or the flat table has it from there
    with pytest.raises(DataError, match=f"missing column: {column}"):
        read(sheets)


def test_a_text_in_a_number_names_row_column_and_value(read: Read) -> None:
    with pytest.raises(DataError, match=r"row 2, column lyr_14c: 'about -20'"):
        read(tables([{}, {"lyr_14c": "about -20"}]))


def test_a_text_in_a_number_of_a_sheet_names_the_sheet(tmp_path: Path) -> None:
    path = write_list(tmp_path, tables(profile={"pro_MAT": "cool"}))
    with pytest.raises(DataError, match=r"list\.xlsx, sheet profile: row 1, column pro_MAT: 'cool"):
        israd.read_list(path, None)


def test_percent_modern_is_refused(read: Read) -> None:
    with pytest.raises(DataError, match=r"row 1, column lyr_fraction_modern: 104\.2 is no fract"):
        read(tables([{"lyr_fraction_modern": 104.2}]))


def test_a_layer_without_a_profile_name_is_refused(read: Read) -> None:
    with pytest.raises(DataError, match="row 2, column pro_name: '' is no name"):
        read(tables([{}, {"pro_name": None}]))


@pytest.mark.parametrize("sheet", ["site", "profile", "layer"])
def test_a_missing_sheet_is_named(tmp_path: Path, sheet: str) -> None:
    sheets = tables()
    del sheets[sheet]
    path = write_list(tmp_path, sheets)
    assert israd.matches_list(path)
    with pytest.raises(DataError, match=rf"list\.xlsx: missing sheet: {sheet}; it has metadata"):
        israd.read_list(path, None)


def test_a_layer_without_its_profile_is_named(tmp_path: Path) -> None:
    path = write_list(tmp_path, tables([{}, {"pro_name": "P 9"}]))
    with pytest.raises(DataError, match="sheet layer: row 2: no profile Roe_2010/Hill/P 9"):
        israd.read_list(path, None)


def test_a_profile_twice_is_named(tmp_path: Path) -> None:
    sheets = tables()
    sheets["profile"] *= 2
    path = write_list(tmp_path, sheets)
    with pytest.raises(
        DataError, match="sheet profile: row 2 has Roe_2010/Hill/P 1 for the second"
    ):
        israd.read_list(path, None)


def test_an_empty_row_between_others_is_refused(tmp_path: Path) -> None:
    sheets = tables([{}, {}, {}])
    sheets["layer"][1] = dict.fromkeys(LAYER)
    with pytest.raises(DataError, match="sheet layer: row 2 is empty, others follow"):
        israd.read_list(write_list(tmp_path, sheets), None)


def test_empty_rows_at_the_end_are_no_rows(tmp_path: Path) -> None:
    sheets = tables([{}, {}])
    sheets["layer"][1] = dict.fromkeys(LAYER)
    assert len(israd.read_list(write_list(tmp_path, sheets), None)) == 1


def test_a_sheet_without_rows_is_refused(tmp_path: Path) -> None:
    sheets = tables()
    sheets["layer"] = [dict.fromkeys(LAYER)]
    with pytest.raises(DataError, match="sheet layer: has no rows"):
        israd.read_list(write_list(tmp_path, sheets), None)


def test_a_flat_table_without_rows_is_refused(tmp_path: Path) -> None:
    path = write_flat(tmp_path, tables())
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="has a header but no rows"):
        israd.read_flat(path, None)


def test_a_column_twice_in_a_sheet_is_named(tmp_path: Path) -> None:
    path = write_list(tmp_path, tables())
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["layer"]
    sheet.cell(1, sheet.max_column + 1, "lyr_top")
    workbook.save(path)
    with pytest.raises(DataError, match="sheet layer: column 'lyr_top' occurs twice"):
        israd.read_list(path, None)


def test_a_broken_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"PK\x03\x04 and no more")
    assert not israd.matches_list(path)
    with pytest.raises(DataError, match=r"list\.xlsx: cannot be read as a workbook"):
        israd.read_list(path, None)


def test_each_shape_is_known_by_its_own_marks(tmp_path: Path) -> None:
    flat, listed = write_flat(tmp_path, tables()), write_list(tmp_path, tables())
    assert [israd.matches_flat(path) for path in (flat, listed)] == [True, False]
    assert [israd.matches_list(path) for path in (flat, listed)] == [False, True]


@pytest.fixture(scope="module")
def example(data_folder: Path) -> pd.DataFrame:
    assert israd.matches_flat(data_folder / FLAT)
    return israd.read_flat(data_folder / FLAT, data_folder)


def test_both_shapes_of_the_example_are_equal(example: pd.DataFrame, data_folder: Path) -> None:
    assert israd.matches_list(data_folder / LIST)
    listed = israd.read_list(data_folder / LIST, data_folder)
    pd.testing.assert_frame_equal(example, listed, check_exact=True)


def test_the_example(example: pd.DataFrame) -> None:
    assert len(example) == 49
    assert example["profile"].nunique() == 5
    assert example["delta14c"].notna().sum() == 13
    assert example["peat"].sum() == 33
    assert example["organic"].sum() == 38
    pit = example[example["profile"].str.endswith("/Tower Pit") & ~example["organic"]]
    assert pit["delta14c"].round(1).tolist() == [7.7, -3.6, -49.8, -116.4, -113.8, -158.8, -116.4]
    assert set(pit["biome"]) == {3.0}
    assert set(pit["biome_source"]) == {"label"}
    assert example[["pct_c", "bulk_density", "coarse"]].notna().sum().tolist() == [26, 48, 0]
    assert not example[["pct_c_filled", "bulk_density_filled"]].any(axis=None)


def test_fraction_modern_of_the_example_gives_its_delta14c(data_folder: Path) -> None:
    table = pd.read_csv(data_folder / FLAT).dropna(subset=["lyr_14c", "lyr_fraction_modern"])
    assert len(table) == 13
    computed = delta14c_from_f14c(table["lyr_fraction_modern"], table["lyr_obs_date_y"])
    np.testing.assert_allclose(computed, table["lyr_14c"], atol=0.01)


def test_the_template_is_not_data(data_folder: Path) -> None:
    with pytest.raises(DataError, match="sheet site: missing column: entry_name"):
        israd.read_list(data_folder / TEMPLATE, None)

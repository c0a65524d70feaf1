"""The real tables: the counts that their README states, and both readers in agreement."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bayes_rootc.data.load import load_layers
from bayes_rootc.data.locate import LAYER_TABLES, locate_data
from bayes_rootc.data.table_data import TableData
from bayes_rootc.spec.turnover import DataSection

EVERYTHING = DataSection(
    keep_peat=True, keep_organic=True, keep_point_samples=True, keep_duplicates=True,
    keep_unpublished=True, keep_unmeasured=True, keep_treated=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def layers(data_folder: Path) -> TableData:
    return load_layers(data_folder, DataSection())


def test_the_default_selection_keeps_these_layers(layers: TableData) -> None:
    counts = {drop.reason: len(drop.rows) for drop in layers.drops}
    assert (layers.source, layers.format, layers.n_read) == ("real", "tidy", 4136)
    # 4136 rows, 3923 of them with Δ14C, 3917 with year too.
    assert counts == {
        "no_delta14c": 213, "no_sample_year": 6, "no_place": 25, "no_depth": 2, "organic": 802,
        "peatland": 14, "below_max_depth": 86, "unpublished": 89,
        "unmeasured": 23, "duplicate": 29,
    }  # fmt: skip
    assert (len(layers.table), layers.table["profile"].nunique()) == (2847, 564)
    assert layers.table["delta14c_err"].notna().sum() > 1600


def test_layers_and_profiles_of_each_biome(layers: TableData) -> None:
    by_biome = layers.table.groupby("biome")["profile"].agg(["size", "nunique"])
    assert by_biome["size"].tolist() == [378, 164, 725, 502, 143, 111, 43, 12, 769]
    assert by_biome["nunique"].tolist() == [74, 46, 166, 104, 31, 29, 10, 5, 99]
    assert (layers.table.groupby("profile")["biome"].nunique() == 1).all()


def test_usable_mineral_layers_are_those_of_the_readme(data_folder: Path) -> None:
    # The README counts peatlands, copies and unpublished entries in, point samples out: 2,998
    # layers in 596 profiles; 2 more are point samples.
    select = EVERYTHING.model_copy(update={"keep_organic": False})
    points = load_layers(data_folder, select)
    thick = load_layers(data_folder, select.model_copy(update={"keep_point_samples": False}))
    assert (len(points.table), points.table["profile"].nunique()) == (3000, 598)
    assert (len(thick.table), thick.table["profile"].nunique()) == (2998, 596)


def test_the_layers_worth_a_look_are_listed(layers: TableData) -> None:
    assert layers.implausible["row"].tolist() == [544, 3364, 3365, 3366, 3369, 3370, 3371, 3372]


def test_profiles_whose_biome_runs_down_the_column_are_put_right(layers: TableData) -> None:
    assert layers.notes[1] == (
        "16 rows were given the biome of the other rows of their profile "
        "(profiles 214, 217, 218, 219, 220, 221)"
    )
    forest = layers.table[layers.table["profile"].isin(["217", "218", "219", "220", "221"])]
    assert set(forest["biome"]) == {3}


def test_filled_densities_are_left_to_the_model_and_counted(
    data_folder: Path, layers: TableData
) -> None:
    filled = (
        "1582 values of bulk_density were filled in by the compilers and are not used (keep with "
        "data.keep_filled)"
    )
    assert layers.notes[2] == filled
    assert layers.notes[0].startswith("columns that are not read: row_id, author, doi")
    assert layers.notes[3] == (
        "profiles with layers at more than one place; each counts where it is said to be: 1 (187)"
    )
    assert layers.notes[4].startswith("layers that begin above the bottom of another one")
    assert len(layers.notes) == 5
    kept = load_layers(data_folder, DataSection(keep_filled=True))
    names = ["pct_c", "bulk_density", "coarse"]
    assert layers.table[names].notna().sum().tolist() == [2544, 893, 0]
    assert kept.table[names].notna().sum().tolist() == [2544, 2475, 0]
    assert kept.notes == tuple(note for note in layers.notes if note != filled)
    assert kept.data_hash != layers.data_hash


def test_a_profile_with_two_coordinates_is_one_profile(layers: TableData) -> None:
    rows = layers.table[layers.table["profile"] == "187"]
    assert len(rows) == 5 and rows["lon"].nunique() == 2


def test_the_original_gives_the_same_layers_as_the_tidy_table(
    data_folder: Path, layers: TableData
) -> None:
    original = load_layers(data_folder / LAYER_TABLES[1], DataSection())
    assert (original.format, original.source) == ("he2016", "file")
    assert original.drops == layers.drops
    same = ["row", "entry", "site", "profile", "lat", "lon", "top_cm", "bottom_cm", "sample_year"]
    pd.testing.assert_frame_equal(original.table[same], layers.table[same], check_dtype=False)
    rounded = ["delta14c", "delta14c_err", "mat", "map", "pct_c", "bulk_density", "coarse"]
    # The tidy table was rounded: the last digit of precipitation is 0.01 mm.
    pd.testing.assert_frame_equal(original.table[rounded], layers.table[rounded], atol=0.006)
    densities = rounded[-3:]
    pd.testing.assert_frame_equal(original.table[densities], layers.table[densities], atol=6e-5)


def test_a_table_in_the_folder_knows_its_folder(data_folder: Path) -> None:
    location = locate_data(data_folder / LAYER_TABLES[1])
    assert location is not None and location.folder == data_folder


def test_without_the_grid_the_biomes_of_the_original_are_called_guesses(
    data_folder: Path, tmp_path: Path, layers: TableData
) -> None:
    alone = tmp_path / "Yujie_dataset.csv"
    alone.write_bytes((data_folder / LAYER_TABLES[1]).read_bytes())
    guessed = load_layers(alone, DataSection())
    assert any("a climate estimated without the grid" in note for note in guessed.notes)
    # The biome plays no part in these; where it stays unknown, fewer copies are left to drop.
    assert {drop for drop in layers.drops if drop.reason != "duplicate"} < set(guessed.drops)

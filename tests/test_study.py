"""Published numbers of the reference study: those we could read, and gaps that stay gaps."""

from __future__ import annotations

import pytest

from bayes_rootc.report.comparison import COMPARED
from bayes_rootc.report.study import UNKNOWN, published, study_table

KNOWN = {
    "i_root": 3.50,
    "i_bulk": 0.60,
    "i_loss": 2.31,
    "loss_share": 0.779,
    "turnover_bias": 4.0,
    "r2_i_root": 0.50,
    "r2_i_bulk": 0.74,
}
RANGES = {"i_loss": (1.80, 3.36), "loss_share": (0.653, 0.909)}


def test_only_what_could_be_read_has_a_number() -> None:
    table = study_table()
    known = table[table["value"].notna()]
    assert dict(zip(known["quantity"], known["value"], strict=True)) == KNOWN
    assert set(known["biome"]) == {"all"}
    assert (known["where"] != "").all()
    unknown = table[table["value"].isna()]
    assert unknown[["low", "high"]].isna().all(axis=None)
    assert (unknown["where"] == "").all()
    assert UNKNOWN == "not given in what we could read"


def test_ranges_are_those_of_the_study() -> None:
    table = study_table()
    ranged = table[table["low"].notna()]
    assert {r["quantity"]: (r["low"], r["high"]) for r in ranged.to_dict("records")} == RANGES
    assert (ranged["low"] <= ranged["value"]).all()
    assert (ranged["value"] <= ranged["high"]).all()
    assert (ranged["range_is"] != "").all()


def test_rows_are_one_each_and_every_one_can_be_compared() -> None:
    table = study_table()
    assert not table.duplicated(["quantity", "biome", "layer_cm"]).any()
    assert set(table["quantity"]) == set(COMPARED)
    assert set(table["unit"]) == {"Mg C ha-1 yr-1", "1", "yr"}
    assert ((table["quantity"] == "i_loss") & (table["biome"] != "all")).sum() == 9


def test_one_number_can_be_asked_for() -> None:
    share = published("loss_share")
    assert (share.value, share.low, share.high, share.unit) == (0.779, 0.653, 0.909, "1")
    assert share.is_known
    assert not published("i_loss", "tundra").is_known
    assert not published("c_age", layer_cm="30-100").is_known


def test_unknown_row_is_named() -> None:
    with pytest.raises(KeyError, match="0 rows of i_loss, moon, 0-200"):
        published("i_loss", "moon")


def test_changing_the_table_changes_nothing_for_others() -> None:
    mine = study_table()
    mine["value"] = 1.0
    assert published("i_root").value == 3.5

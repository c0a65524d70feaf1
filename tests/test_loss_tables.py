"""Six estimates, tables by biome, contrasts with letters, drivers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_rootc.errors import RunError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.loss.drivers import bayes_r2, r2_table
from bayes_rootc.loss.estimates import (
    ESTIMATES,
    LAYER_LABELS,
    MEAN_OF_ALL,
    Summary,
    all_site_flows,
    estimate_by_biome,
    summarise,
)
from bayes_rootc.loss.joint import read_joint
from bayes_rootc.loss.letters import compact_letters
from bayes_rootc.loss.sites import SiteFlows
from bayes_rootc.loss.tables import (
    biome_table,
    contrast_table,
    depth_table,
    letter_table,
    loss_table,
)
from fake_joint import WITHOUT_LAYERS, WITHOUT_NPP, WITHOUT_ROOTS, fake_joint

MEAN, TYPICAL = "mean over sites", "typical (median) site"


@pytest.fixture(scope="module")
def run() -> xr.DataTree:
    return fake_joint()


@pytest.fixture(scope="module")
def flows(run: xr.DataTree) -> dict[str, SiteFlows]:
    return all_site_flows(run, seed=3)


@pytest.fixture(scope="module")
def summaries(flows: dict[str, SiteFlows]) -> list[Summary]:
    return summarise(flows)


@pytest.fixture(scope="module")
def table(summaries: list[Summary]) -> pd.DataFrame:
    return loss_table(summaries)


def one(table: pd.DataFrame, **where: str) -> Any:
    chosen = table
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


# --- the six estimates -----------------------------------------------------------------------


def test_the_six_estimates_are_those_of_the_study() -> None:
    assert [(e.number, e.kind, e.source) for e in ESTIMATES] == [
        (1, "npp", "bnpp"), (2, "npp", "npp"), (3, "delta14c", "bnpp"), (4, "delta14c", "npp"),
        (5, "root", "bnpp"), (6, "root", "npp"),
    ]  # fmt: skip
    gridded = [e.number for e in ESTIMATES if e.i_root.startswith("gridded NPP")]
    assert gridded == [e.number for e in ESTIMATES if e.source == "npp"]


@pytest.mark.parametrize(("statistic", "reduce"), [(MEAN, np.mean), (TYPICAL, np.median)])
@pytest.mark.parametrize("biome", ["tropical_forests", "all"])
def test_numbers_agree_with_their_definition(
    flows: dict[str, SiteFlows], table: pd.DataFrame, statistic: str, reduce: Any, biome: str
) -> None:
    found = flows["npp"]
    here = np.isfinite(found.i_root["npp"]).all(axis=0)
    if biome != "all":
        here &= found.biome == BIOME_KEYS.index(biome)
    root = found.i_root["npp"][:, here, None] * found.share[:, here].astype(float)
    bulk = found.i_bulk[:, here].astype(float)
    for layer, cut in (("20-40", lambda values: values[..., 1]), ("0-200", lambda v: v.sum(-1))):
        row = one(table, estimate="2", biome=biome, layer_cm=layer, statistic=statistic)
        by_site = {"i_root": cut(root), "i_bulk": cut(bulk), "i_loss": cut(root - bulk)}
        draws = {name: reduce(values, axis=1) for name, values in by_site.items()}
        draws["loss_share"] = draws["i_loss"] / draws["i_root"]
        draws["turnover_bias"] = draws["i_root"] / draws["i_bulk"]
        draws["p_loss_negative"] = (by_site["i_loss"] < 0).mean(axis=1)
        assert row["n_sites"] == here.sum()
        for name, values in draws.items():
            assert row[name] == pytest.approx(values.mean(), rel=1e-5)
            assert row[name + "_q50"] == pytest.approx(np.median(values), rel=1e-5)
            assert row[name + "_q025"] == pytest.approx(np.quantile(values, 0.025), rel=1e-5)
            assert row[name + "_q975"] == pytest.approx(np.quantile(values, 0.975), rel=1e-5)
        assert row["p_statistic_negative"] == (draws["i_loss"] < 0).mean()


def test_layers_sum_to_the_profile_in_every_draw(summaries: list[Summary]) -> None:
    for summary in summaries:
        for name in ("i_root", "i_bulk", "i_loss"):
            mean = summary.values[name][0]
            np.testing.assert_allclose(mean[:, :7].sum(axis=1), mean[:, 7], rtol=1e-9, atol=1e-9)
        loss = summary.values["i_root"] - summary.values["i_bulk"]
        np.testing.assert_allclose(summary.values["i_loss"][0], loss[0], rtol=1e-9, atol=1e-9)


def test_a_site_without_gridded_npp_has_no_value(table: pd.DataFrame) -> None:
    rows = {e.number: one(table, estimate=e.label, biome="all", layer_cm="0-200", statistic=MEAN)
            for e in ESTIMATES}  # fmt: skip
    counts = {number: row["n_sites"] for number, row in rows.items()}
    assert counts == {1: 15, 2: 15, 3: 24, 4: 22, 5: 16, 6: 15}
    assert table.drop(columns=["estimate"]).notna().all(axis=None)


def test_a_biome_without_sites_has_no_rows(table: pd.DataFrame) -> None:
    empty = {"1": WITHOUT_NPP, "3": WITHOUT_LAYERS, "5": WITHOUT_ROOTS}
    for estimate, numbers in empty.items():
        present = set(table.loc[table["estimate"] == estimate, "biome"])
        expected = {key for b, key in enumerate(BIOME_KEYS) if b + 1 not in numbers}
        assert present == expected | {"all"}


@pytest.mark.parametrize(("biome", "used"), [("all", 6), ("tundra", 4), ("deserts", 2)])
def test_mean_of_six_is_the_mean_in_every_draw(
    summaries: list[Summary], table: pd.DataFrame, biome: str, used: int
) -> None:
    b = [*BIOME_KEYS, "all"].index(biome)
    *six, mean = summaries
    present = [summary for summary in six if summary.n_sites[b]]
    assert len(present) == used
    for name, values in mean.values.items():
        expected = np.mean([summary.values[name][:, b] for summary in present], axis=0)
        np.testing.assert_allclose(values[:, b], expected, rtol=1e-12)
    row = one(table, estimate=MEAN_OF_ALL, biome=biome, layer_cm="0-200", statistic=MEAN)
    draws = mean.values["i_loss"][0, b, 7] / mean.values["i_root"][0, b, 7]
    assert row["loss_share"] == pytest.approx(draws.mean())


def test_tables_do_not_depend_on_chunks(run: xr.DataTree, table: pd.DataFrame) -> None:
    other = loss_table(summarise(all_site_flows(run, seed=3, sites_at_a_time=2)))
    pd.testing.assert_frame_equal(other, table, check_exact=True)


def test_negative_losses_are_kept(flows: dict[str, SiteFlows]) -> None:
    found = flows["npp"]
    little = {name: 1e-6 * values for name, values in found.i_root.items()}
    poor = SiteFlows(
        found.kind, found.labels, found.biome, found.place, little, found.share, found.i_bulk
    )
    values = estimate_by_biome(poor, ESTIMATES[0]).values
    assert (values["i_loss"][:, -1] < 0.0).all()
    assert (values["p_loss_negative"][:, -1] == 1.0).all()


def test_no_gridded_npp_at_all_is_an_error(flows: dict[str, SiteFlows]) -> None:
    found = flows["npp"]
    none = {"npp": np.full_like(found.i_root["npp"], np.nan)}
    nowhere = SiteFlows(
        found.kind, found.labels, found.biome, found.place, none, found.share, found.i_bulk
    )
    with pytest.raises(RunError, match=r"estimate 2 .* at none of 15 NPP sites; does the grid"):
        estimate_by_biome(nowhere, ESTIMATES[1])


def test_depth_shares_sum_to_one(summaries: list[Summary]) -> None:
    table = depth_table(summaries)
    sums = table.groupby(["estimate", "biome", "quantity"])["share"].agg(["sum", "size"])
    np.testing.assert_allclose(sums["sum"], 1.0, rtol=1e-9)
    assert (sums["size"] == 7).all()
    assert set(table["estimate"]) == {*"123456", MEAN_OF_ALL}


# --- biomes ----------------------------------------------------------------------------------


def test_all_nine_biomes_say_what_they_rest_on(run: xr.DataTree) -> None:
    table = biome_table(run)
    assert len(table) == 9 * 8 * 2
    assert set(table["layer_cm"]) == set(LAYER_LABELS)
    basis = table.groupby("biome")["basis"].first()
    assert basis["tropical_forests"] == "data"
    assert basis["tundra"] == "from the population: I_root"
    assert basis["deserts"] == "from the population: I_bulk, I_root"
    assert basis["croplands"] == "from the population: I_root, root depth"


def test_biome_table_summarises_what_was_derived(run: xr.DataTree) -> None:
    derived = run["derived"].to_dataset()
    row = one(biome_table(run), biome="boreal_forests", layer_cm="0-200", statistic=TYPICAL)
    loss = derived["i_loss_total_typical"].sel(biome="boreal_forests")
    assert row["i_loss"] == pytest.approx(float(loss.mean()))
    assert row["i_loss_q975"] == pytest.approx(float(loss.quantile(0.975)))
    share = derived["loss_share_typical"].sel(biome="boreal_forests")
    assert row["loss_share"] == pytest.approx(float(share.mean()))
    layer = one(biome_table(run), biome="tundra", layer_cm="60-80", statistic=MEAN)
    bulk = derived["i_bulk_mean"].sel(biome="tundra", standard_layer="60-80")
    assert layer["i_bulk_q025"] == pytest.approx(float(bulk.quantile(0.025)))


def with_loss(run: xr.DataTree, centres: Any, spread: float) -> xr.DataTree:
    """Copy a run whose biomes lose what is asked for."""
    data = run["derived"].to_dataset()
    noise = spread * np.random.default_rng(2).standard_normal(data["i_loss_total_mean"].shape)
    copy = run.copy()
    loss = (data["i_loss_total_mean"].dims, np.asarray(centres) + noise)
    copy["derived"] = xr.DataTree(data.assign(i_loss_total_mean=loss))
    return copy


def test_contrasts_by_hand(run: xr.DataTree) -> None:
    table = contrast_table(with_loss(run, np.arange(9.0), 0.0))
    assert len(table) == 36
    row = one(table, biome_1="tropical_forests", biome_2="temperate_forests")
    assert (row["difference"], row["q025"], row["q975"], row["p_greater"]) == (-2, -2, -2, 0)


def test_biomes_that_lose_apart_have_letters_of_their_own(run: xr.DataTree) -> None:
    table = letter_table(with_loss(run, np.arange(9.0), 0.01))
    assert list(table["biome"]) == list(BIOME_KEYS[::-1])
    assert list(table["letters"]) == list("abcdefghi")
    same = letter_table(with_loss(run, np.ones(9), 0.5))
    assert set(same["letters"]) == {"a"}


def test_a_letter_is_shared_exactly_where_the_interval_holds_zero(run: xr.DataTree) -> None:
    spread = with_loss(run, [0, 0.4, 0.5, 1, 1.5, 1.6, 2, 2.2, 3], 0.35)
    letters = letter_table(spread).set_index("biome")["letters"]
    contrasts = contrast_table(spread)
    holds = (contrasts["q025"] <= 0) & (contrasts["q975"] >= 0)
    assert 0 < holds.sum() < 36
    for row, zero in zip(contrasts.itertuples(), holds, strict=True):
        assert bool(set(letters[row.biome_1]) & set(letters[row.biome_2])) == zero


# --- letters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "pairs", "expected"),
    [
        (3, [], ["a", "a", "a"]),
        (3, [(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
        (3, [(0, 2)], ["a", "ab", "b"]),
        (4, [(0, 2), (0, 3), (1, 3)], ["a", "ab", "bc", "c"]),
        # Piepho (2004): groups that differ crosswise need letters that are not in a row.
        (4, [(0, 1), (2, 3)], ["ab", "cd", "ac", "bd"]),
        (1, [], ["a"]),
    ],
)
def test_letters_by_hand(n: int, pairs: list[tuple[int, int]], expected: list[str]) -> None:
    differs = np.zeros((n, n), bool)
    for i, j in pairs:
        differs[i, j] = differs[j, i] = True
    assert compact_letters(differs) == expected


@given(st.lists(st.booleans(), min_size=36, max_size=36))
@settings(max_examples=60)
def test_letters_say_no_more_and_no_less(flags: list[bool]) -> None:
    differs = np.zeros((9, 9), bool)
    for (i, j), flag in zip(combinations(range(9), 2), flags, strict=True):
        differs[i, j] = differs[j, i] = flag
    letters = compact_letters(differs)
    assert all(letters)
    for i, j in combinations(range(9), 2):
        assert bool(set(letters[i]) & set(letters[j])) != differs[i, j]
    columns = [{i for i in range(9) if x in letters[i]} for x in set("".join(letters))]
    assert not any(a < b for a in columns for b in columns)


# --- drivers ---------------------------------------------------------------------------------


def test_bayes_r2_by_hand() -> None:
    predictor = np.array([[0.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(bayes_r2(predictor, np.array([3.0, 3.0])), [0.25, 0.0])


def test_r2_grows_with_what_is_known(run: xr.DataTree) -> None:
    table = r2_table(run)
    assert list(table["n"]) == [15, 15, 15, 94, 94]
    assert ((table["r2"] > 0) & (table["r2"] < 1)).all()
    site, record, known_site, layer, known_profile = table["r2"]
    assert record < site
    assert record < known_site
    assert layer < known_profile


def test_r2_leaves_out_what_it_says(run: xr.DataTree) -> None:
    posterior = run["posterior"].to_dataset()
    kept = run["derived"]["draw_kept"].values
    tau, between = (
        posterior[name].values[:, kept].ravel() ** 2 for name in ("tau_bnpp", "sigma_place_bnpp")
    )
    table = r2_table(run)
    bnpp = np.log(run["derived"]["bnpp"].values.reshape(20, -1))
    expected = (bnpp.var(axis=1) / (bnpp.var(axis=1) + tau)).mean()
    assert table["r2"][2] == pytest.approx(expected)
    joint = read_joint(run)
    place = joint.constant("npp_site_place_index", "npp_site")
    biome = joint.constant("npp_site_biome_index", "npp_site")
    level = joint.level("bnpp", biome, joint.constants["components"].values[place]).var(axis=1)
    assert table["r2"][0] == pytest.approx((level / (level + between)).mean())
    assert table["r2"][1] == pytest.approx((level / (level + between + tau)).mean())


@pytest.mark.parametrize("make", [biome_table, contrast_table, letter_table, r2_table])
def test_every_table_asks_for_all_blocks(run: xr.DataTree, make: Any) -> None:
    lacking = run.copy()
    lacking["posterior"] = xr.DataTree(run["posterior"].to_dataset().drop_vars("a_k"))
    with pytest.raises(RunError, match=r"lacks the blocks turnover; .* fit models/joint\.toml"):
        make(lacking)


def test_a_missing_count_is_named(run: xr.DataTree) -> None:
    lacking = run.copy()
    data = run["constant_data"].to_dataset().drop_vars("n_bnpp_sites")
    lacking["constant_data"] = xr.DataTree(data)
    with pytest.raises(RunError, match="constant_data/n_bnpp_sites is missing"):
        biome_table(lacking)

"""Report of the joint model: numbers are the run's, the study stands beside, gaps are marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes

from bayes_rootc.errors import RunError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.loss.tables import letter_table
from bayes_rootc.report import answer, flow_tables, loss_tables
from bayes_rootc.report.comparison import comparison_table
from bayes_rootc.report.content import build_report
from bayes_rootc.report.drivers import DEPTH, coefficients_table
from bayes_rootc.report.figures import prior_posterior, rank_plots, style
from bayes_rootc.report.figures.flow_catalogue import FLOW_FIGURES, LOSS_FIGURES
from bayes_rootc.report.flow_columns import FLOW_TABLES
from bayes_rootc.report.html import render_html
from bayes_rootc.report.kinds import KINDS, kind_of
from bayes_rootc.report.loss_columns import LOSS_TABLES
from bayes_rootc.report.losses import DENSITIES, kept, losses, with_losses
from bayes_rootc.report.markdown import render_markdown
from bayes_rootc.report.parts import Report, make_table
from bayes_rootc.report.sensitivity import with_sensitivity
from bayes_rootc.report.stored import has
from bayes_rootc.report.study import UNKNOWN
from bayes_rootc.variables import EFFECTS
from fake_joint import COMPONENTS, fake_joint
from fake_run import fake_diagnostics
from test_report import Page

HOSTILE = "<script>alert('x')</script>|`& \"q\""
ON_PAGE = ("six_estimates", "loading_map")  # every figure is drawn once more, on its own


@pytest.fixture(scope="module")
def run() -> xr.DataTree:
    return with_losses(fake_joint())


@pytest.fixture(scope="module")
def report() -> Report:
    stored = fake_joint(simulated=True)
    stored.attrs["origin"] = HOSTILE
    names = [*COMPONENTS[:-1], HOSTILE]
    for name in ("posterior", "constant_data"):
        data = stored[name].to_dataset().assign_coords(component=names)
        stored[name] = xr.DataTree(data)
    shown = {name: FLOW_FIGURES[name] for name in ON_PAGE}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 40)
        patch.setitem(KINDS, "joint", _with_figures("joint", shown))
        return build_report(stored, fake_diagnostics())


def _with_figures(name: str, figures: Any) -> Any:
    return replace(KINDS[name], figures=figures)


def draws(run: xr.DataTree, where: str, name: str, **chosen: Any) -> Any:
    return run[f"{where}/{name}"].sel(chosen).to_numpy().reshape(-1)


def _effect_of(name: str) -> str:
    return next((e for e in ("f_bnpp", *EFFECTS) if name.endswith(f"_{e}")), "")


def alone(run: xr.DataTree, model: str, effect: str, *, counts: tuple[str, ...]) -> xr.DataTree:
    """Return what the run of one block would hold."""
    groups = {name: run[name].to_dataset() for name in run.children}
    posterior = groups["posterior"]
    mine = [name for name in posterior if _effect_of(str(name)) == effect]
    derived = [f"i_root_total_{average}" for average in ("mean", "typical")]
    components = [name for name in groups["constant_data"] if str(name).startswith("component")]
    found = {
        "posterior": posterior[mine],
        "constant_data": groups["constant_data"][[*components, *counts]],
        "derived": groups["derived"][derived if effect == "bnpp" else []],
    }
    root = xr.Dataset(attrs=run.attrs | {"model": model, "spec": json.dumps({"model": model})})
    return xr.DataTree.from_dict({"/": root, **found})


# --- page ------------------------------------------------------------------------------------


def test_page_is_whole_and_holds_all_that_applies(report: Report) -> None:
    page = Page(render_html(report))
    always = {
        name for name, record in FLOW_TABLES.items()
        if not record.hide_if_empty and name != "two_modes"
    }  # fmt: skip
    drawn = set(ON_PAGE)
    assert always | drawn | {"key_numbers", "checks", "certificate"} <= set(page.ids)
    assert page.tags.count("img") == len(drawn)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert set(FLOW_TABLES).isdisjoint(FLOW_FIGURES)


def test_hostile_names_stay_text(report: Report) -> None:
    page = Page(render_html(report))
    assert "script" not in page.tags
    assert HOSTILE in page.texts
    assert "<script" not in render_markdown(report)


def test_report_says_how_far_the_share_is_from_the_study(report: Report) -> None:
    assert "the study's 77.9 % (65.3 % to 90.9 %)" in report.lead
    assert "percentage points" in report.lead
    assert "Why they may differ: I_root is " in report.lead
    assert " here and 3.5 there, I_bulk is " in report.lead
    assert [banner.word for banner in report.banners] == ["SIMULATED WORLD"]
    assert [row[0] for row in report.key_table.cells][:3] == ["I_root", "I_bulk", "I_loss"]
    assert report.key_table.cells[0][-1] == "3.5"


def test_empty_blocks_are_marked(report: Report) -> None:
    flows = next(table for table in report.tables if table.name == "flows")
    desert = next(row for row in flows.cells if row[0] == "Deserts")
    assert desert[-1] == "turnover, carbon density, BNPP, BNPP/NPP"
    forest = next(row for row in flows.cells if row[0] == "Boreal forests")
    assert forest[-1] == ""


# --- numbers ---------------------------------------------------------------------------------


def test_flows_are_quantiles_of_the_draws(run: xr.DataTree) -> None:
    table = flow_tables.flows_table(run).set_index("biome_key")
    for average in ("mean", "typical"):
        loss = draws(run, "derived", f"i_loss_total_{average}", biome="tundra")
        root = draws(run, "derived", f"i_root_total_{average}", biome="tundra")
        bulk = draws(run, "derived", f"i_bulk_total_{average}", biome="tundra")
        row = table.loc["tundra"]
        ends = [row[f"i_loss_{average}{end}"] for end in ("", "_q025", "_q975")]
        np.testing.assert_allclose(ends, np.quantile(loss, (0.5, 0.025, 0.975)))
        assert row[f"p_loss_negative_{average}"] == (loss < 0).mean()
        assert row[f"loss_share_{average}"] == pytest.approx(np.median(loss / root))
        assert row[f"turnover_bias_{average}"] == pytest.approx(np.median(root / bulk))


def test_depths_add_up_and_percent_is_of_the_total_of_the_draw(run: xr.DataTree) -> None:
    table = flow_tables.depth_table(run).set_index(["biome_key", "statistic", "standard_layer_cm"])
    top = table.loc[("tundra", "mean of the population", "0-20")]
    layers = run["derived/i_bulk_mean"].sel(biome="tundra")
    percent = 100 * (layers / layers.sum("standard_layer")).sel(standard_layer="0-20")
    assert top["i_bulk_percent"] == pytest.approx(float(percent.median()))
    whole = table.xs("0-200", level="standard_layer_cm")
    assert np.allclose(whole[[n for n in whole if "_percent" in str(n)]], 100.0)
    total = draws(run, "derived", "i_loss_total_typical", biome="croplands")
    there = table.loc[("croplands", "typical site of the population", "0-200"), "i_loss"]
    assert there == pytest.approx(np.median(total), rel=1e-6)


def test_letters_stand_with_their_biomes(run: xr.DataTree) -> None:
    table = loss_tables.flows_with_letters(run).set_index("biome_key")
    for average in ("mean", "typical"):
        letters = letter_table(run, average).set_index("biome")["letters"]
        assert dict(table[f"letters_{average}"]) == dict(letters)


def test_six_estimates_are_named_and_the_mean_comes_first_in_the_long_table(
    run: xr.DataTree,
) -> None:
    table = loss_tables.estimates_table(run)
    assert len(table) == 14
    first = table.iloc[0]
    assert (first["i_root_from"], first["i_bulk_from"]) == ("observed BNPP", "predicted")
    long = loss_tables.ordered_losses(run)
    assert len(long) == len(losses(run))
    assert long.iloc[0][["estimate", "layer_cm", "statistic"]].tolist() == [
        "mean of six", "0-200", "mean over sites",
    ]  # fmt: skip


def test_densities_are_densities(run: xr.DataTree) -> None:
    table = kept(run, DENSITIES)
    for _, part in table.groupby(["estimate", "quantity"]):
        step = np.diff(part["value"]).mean()
        assert part["density"].sum() * step == pytest.approx(part["share_shown"].iloc[0])
    assert table["share_shown"].between(0.5, 1.0).all()


def test_bulk_coefficients_are_sums_of_those_of_k_and_density(run: xr.DataTree) -> None:
    table = coefficients_table(run).set_index(["quantity", "biome_key", "component"])
    where = {"biome": "tundra", "component": "soil 1"}
    both = sum(draws(run, "posterior", f"slopes_{name}", **where) for name in ("k", "rho"))
    row = table.loc[("i_bulk", "tundra", "soil 1")]
    assert row["coefficient"] == pytest.approx(both.mean())
    depth = draws(run, "posterior", "beta_k") + draws(run, "posterior", "beta_rho")
    typical = table.loc[("i_bulk", "typical biome", DEPTH)]
    assert typical["coefficient_q975"] == pytest.approx(np.quantile(depth, 0.975))
    inside = (table["coefficient_q025"] <= 0) & (table["coefficient_q975"] >= 0)
    assert (table["holds_zero"] == inside).all()
    assert table.loc[("i_root", "deserts", "soil 1"), "basis"] == "from the population"
    assert table.loc[("i_root", "boreal_forests", "soil 1"), "basis"] == "data"


def test_turnover_time_of_the_median_layer(run: xr.DataTree) -> None:
    table = flow_tables.layer_c_age_table(run).set_index("layer_cm")
    depth = run["constant_data/depth_cm"].to_numpy()
    k = run["derived/k"].to_numpy().reshape(-1, depth.size)
    shallow = depth < 30
    expected = np.median([np.median(1 / row[shallow]) for row in k])
    assert table.loc["0-30", "c_age"] == pytest.approx(expected)
    assert table["n_layers"].sum() == (depth < 100).sum()


def test_typical_turnover_is_at_the_mean_components_of_the_sites() -> None:
    run = fake_joint()
    data = run["constant_data"].to_dataset()
    data["components"] = xr.zeros_like(data["components"])
    run["constant_data"] = xr.DataTree(data)
    row = flow_tables.typical_turnover_table(run).set_index(["biome_key", "standard_layer_cm"])
    a, s = (draws(run, "posterior", name, biome="tundra") for name in ("a_k", "s_k"))
    ln_k = a + s * (np.log1p(9.0) - np.log1p(2.0))  # 80-100 cm, middle 90 cm
    assert row.loc[("tundra", "80-100"), "c_age_typical"] == pytest.approx(np.median(np.exp(-ln_k)))


def test_a_site_counts_once_in_the_mean_components() -> None:
    run = fake_joint()
    before = flow_tables.site_components(run)
    data = run["constant_data"].to_dataset()
    n = data.sizes["root_profile"]
    twice = np.concatenate([np.arange(n), np.zeros(5, int)])
    run["constant_data"] = xr.DataTree(data.isel(root_profile=twice))
    np.testing.assert_allclose(flow_tables.site_components(run), before)


# --- the study -------------------------------------------------------------------------------


def test_comparison_has_ours_everywhere_and_never_invents_theirs(run: xr.DataTree) -> None:
    table = comparison_table(run)
    assert table[["ours", "ours_q025", "ours_q975"]].notna().all(axis=None)
    unknown = table["value"].isna()
    assert (table.loc[unknown, "theirs_text"] == UNKNOWN).all()
    assert (table.loc[unknown, "verdict"] == "nothing to compare with").all()
    assert not (table.loc[~unknown, "theirs_text"] == UNKNOWN).any()
    assert (table["why"].str.len() > 30).all()
    row = table[(table["quantity"] == "loss_share")].iloc[0]
    assert row["theirs_text"] == "0.779 (0.653 to 0.909)"
    mine = answer.global_losses(run)
    assert row["ours"] == mine["loss_share_q50"]
    assert row["our_data"] == f"{mine['n_sites']} sites (NPP, Δ14C, root)"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        ((0.80, 0.70, 0.90), "2.1 percentage points above the study's 77.9 %"),
        ((0.80, 0.70, 0.90), "lies inside our 95 % interval"),
        ((0.60, 0.50, 0.70), "17.9 percentage points below"),
        ((0.60, 0.50, 0.70), "outside our 95 % interval, which overlaps its range"),
        ((0.40, 0.30, 0.50), "do not overlap"),
        (
            (0.80, 0.70, 0.90),
            "At the typical site it is 80.0 % (70.0 % to 90.0 %), which holds the",
        ),
        ((0.60, 0.50, 0.70), "which does not hold the study's"),
    ],
)
def test_distance_in_words(
    share: tuple[float, float, float], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("loss_share_q50", "loss_share_q025", "loss_share_q975")
    row = dict(zip(names, share, strict=True))
    monkeypatch.setattr(answer, "global_losses", lambda *_: row)
    assert text in answer.distance_sentence(xr.DataTree())


# --- figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LOSS_FIGURES, "driver_map", "loading_map"])
def test_every_axis_with_numbers_says_its_unit(run: xr.DataTree, name: str) -> None:
    record = FLOW_FIGURES[name]
    assert len(record.data(run)) > 0
    figure = record.draw(run)
    labels = [text for ax in figure.axes for text in _labels(ax)]
    assert labels
    assert [text for text in labels if not text.endswith(")")] == []


def _labels(ax: Axes) -> list[str]:
    return [text for text in (ax.get_xlabel(), ax.get_ylabel()) if text]


def test_figure_of_biomes_has_letters_and_marks(run: xr.DataTree) -> None:
    ax = FLOW_FIGURES["loss_biomes"].draw(run).axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[7].startswith("Deserts\n(population: turnover, carbon density")
    assert names[0] == "Tropical/subtropical forests"
    assert len(ax.texts) == 2 * len(BIOME_KEYS)


def test_plots_of_parameters_show_scalars_only(run: xr.DataTree) -> None:
    for module in (prior_posterior, rank_plots):
        names = set(module.data(run)["parameter"])
        assert {"kappa", "alpha_bnpp", "tau_d50", "bd_slope"} <= names
        assert not any("[" in name for name in names)


# --- kinds of runs ---------------------------------------------------------------------------


def test_block_alone_has_a_report_of_what_it_knows(
    run: xr.DataTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"loading_map": FLOW_FIGURES["loading_map"], **LOSS_FIGURES}
    monkeypatch.setitem(KINDS, "bnpp", _with_figures("bnpp", figures))
    report = build_report(alone(run, "bnpp", "bnpp", counts=("n_bnpp_sites",)), {})
    assert report.title.startswith("Carbon input by roots: ")
    assert [picture.name for picture in report.pictures] == ["loading_map"]
    names = {table.name for table in report.tables}
    assert {"flows", "coefficients", "population", "biomes", "dropped"} <= names
    assert names.isdisjoint({"losses", "comparison", "turnover", "contrasts", "shares"})
    assert report.key_table.header == ("biome", "BNPP (Mg C ha⁻¹ yr⁻¹)")
    assert "from the population" in dict(report.key_table.cells)["Deserts"]


def test_unknown_model_is_named() -> None:
    with pytest.raises(RunError, match="no report for model 'weather'; it must be one of turnover"):
        kind_of(xr.DataTree(xr.Dataset(attrs={"model": "weather"})))


def test_losses_of_a_run_without_a_block_name_it() -> None:
    run = fake_joint()
    run["posterior"] = xr.DataTree(run["posterior"].to_dataset().drop_vars("a_d50"))
    assert with_losses(run) is run
    with pytest.raises(RunError, match="lacks the blocks roots"):
        losses(run)


def test_losses_are_computed_once_and_leave_the_run_as_it_is(run: xr.DataTree) -> None:
    plain = fake_joint()
    wide = with_losses(plain)
    assert with_losses(wide) is wide
    assert set(wide.children) - set(plain.children) == {"_losses", "_depth_shares", "_densities"}
    assert losses(wide).equals(losses(run))
    other = with_losses(plain, seed=7)
    assert not losses(other).equals(losses(wide))


def test_every_loss_table_applies_to_a_joint_run(run: xr.DataTree) -> None:
    assert all(has(run, *record.needs) for record in LOSS_TABLES.values())


# --- sensitivity -----------------------------------------------------------------------------


def test_sensitivity_is_shown_where_the_folder_has_it(tmp_path: Path) -> None:
    flows = ("i_bulk_total_mean", "i_loss_total_mean", "loss_share_mean")
    columns = [f"{name}{end}" for name in flows for end in ("", "_q025", "_q975")]
    (tmp_path / "sensitivity.csv").write_text(
        "quantity,prior,likelihood,what\nkappa,0.0123,0.3,fine\n", encoding="utf-8"
    )
    (tmp_path / "settings.csv").write_text(
        f"setting,biome,{','.join(columns)},converged\n"
        f"as fitted,tundra,{','.join(['1.5'] * 9)},False\n",
        encoding="utf-8",
    )
    run = with_sensitivity(fake_joint(draws=4, keep=4), tmp_path)
    cells = {}
    for name in ("sensitivity", "settings"):
        table = make_table(name, FLOW_TABLES[name], run, {})
        assert table is not None
        cells[name] = table.cells
    assert cells["sensitivity"] == (("kappa", "0.0123", "0.3", "fine"),)
    assert cells["settings"] == (("as fitted", "Tundra", *["1.5 (1.5 to 1.5)"] * 3, "no"),)
    assert make_table("settings", FLOW_TABLES["settings"], fake_joint(draws=4, keep=4), {}) is None


def test_damaged_sensitivity_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.csv").write_text("")
    with pytest.raises(RunError, match=r"settings\.csv: cannot be read"):
        with_sensitivity(fake_joint(draws=4, keep=4), tmp_path)

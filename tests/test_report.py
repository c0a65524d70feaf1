"""Reports of stored runs: the numbers are the run's, warnings come first, nothing is trusted."""

from __future__ import annotations

import argparse
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.cli.fit import _remedy
from bayes_rootc.cli.report import add_arguments
from bayes_rootc.cli.report import run as run_verb
from bayes_rootc.errors import RunError, WriteError
from bayes_rootc.inference.gate import UNRESOLVED
from bayes_rootc.report import tables
from bayes_rootc.report.columns import TABLES
from bayes_rootc.report.content import build_report
from bayes_rootc.report.figures import style
from bayes_rootc.report.figures.catalogue import FIGURES
from bayes_rootc.report.html import join, render_html, tag
from bayes_rootc.report.markdown import plain, render_markdown
from bayes_rootc.report.numbers import NOT_AVAILABLE, three_digits, year
from bayes_rootc.report.write import write_report
from fake_run import TRUTH, fake_diagnostics, fake_run

if TYPE_CHECKING:
    from bayes_rootc.inference.fit import Fit

HOSTILE = "<script>alert('x')</script>|`& \"q\""
VOID = {"meta", "link", "img", "br"}


@pytest.fixture(autouse=True)
def small_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw few pixels: these tests are about pages."""
    monkeypatch.setattr(style, "DPI", 60)


class Page(HTMLParser):
    """Checks that tags are balanced and collects what a reader and a browser meet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(name)
        values = dict(attrs)
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.links += [str(values[key]) for key in ("src", "href") if key in values]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def hostile() -> str:
    return render_html(build_report(fake_run(site=HOSTILE), fake_diagnostics()))


def banners(diagnostics: dict[str, Any], **options: Any) -> list[str]:
    report = build_report(fake_run(n_profiles=2, draws=20, **options), diagnostics)
    return [banner.word for banner in report.banners]


# --- tables ----------------------------------------------------------------------------------


def test_population_numbers_are_those_of_the_run() -> None:
    run = fake_run()
    table = tables.population_table(run).set_index("parameter")
    tau = run["posterior/tau"].values
    assert table.loc["tau", "mean"] == tau.mean()
    assert table.loc["tau", "q95"] == np.quantile(tau, 0.95)
    dry = run["posterior/gamma"].sel(covariate="map").values
    assert table.loc["gamma[map]", "sd"] == pytest.approx(dry.std(ddof=1))
    assert list(table.index[:3]) == ["alpha", "beta", "gamma[mat]"]
    assert "truth" not in table


def test_r_hat_and_ess_of_independent_draws_and_of_a_drifting_chain() -> None:
    good = tables.population_table(fake_run(draws=400))
    assert good["r_hat"].max() < 1.02
    assert good["ess_bulk"].between(800, 2500).all()
    bad = tables.population_table(fake_run(converged=False)).set_index("parameter")
    assert bad.loc["alpha", "r_hat"] > 1.5


def test_too_few_draws_have_no_r_hat() -> None:
    table = tables.population_table(fake_run(n_profiles=1, chains=1, draws=1))
    assert table[["sd", "r_hat", "ess_bulk", "ess_tail"]].isna().all(axis=None)
    assert np.isfinite(table["mean"]).all()


def test_simulated_world_has_its_truth() -> None:
    table = tables.population_table(fake_run(simulated=True)).set_index("parameter")
    assert table.loc["alpha", "truth"] == TRUTH["alpha"]
    assert table.loc["gamma[mat]", "truth"] == TRUTH["gamma"]["mat"]
    biomes = tables.biome_table(fake_run(simulated=True)).set_index("parameter")
    assert biomes.loc["a_biome[tundra]", "truth"] == TRUTH["a_biome"]["tundra"]


def test_turnover_numbers_are_those_of_the_run() -> None:
    run = fake_run()
    table = tables.turnover_table(run).set_index(["biome_key", "standard_layer_cm"])
    assert len(table) == 9 * 7
    place = {"biome": "boreal_forests", "standard_layer": "60-80"}
    for name in tables.QUANTITIES:
        draws = run[f"derived/{name}"].sel(place).values.ravel()
        row = table.loc[("boreal_forests", "60-80")]
        ends = [row[name], row[f"{name}_q025"], row[f"{name}_q975"]]
        np.testing.assert_allclose(ends, np.quantile(draws, (0.5, 0.025, 0.975)))
    assert table["n_layers"].sum() == run["observed_data"].sizes["layer"]


def test_turnover_says_what_it_rests_on() -> None:
    table = tables.turnover_table(fake_run(n_profiles=8, empty_biome=7))
    desert = table[table["biome_key"] == "deserts"]
    assert set(desert["basis"]) == {tables.FROM_POPULATION}
    assert desert["n_layers"].sum() == 0
    rest = table[table["biome_key"] != "deserts"]
    assert ((rest["n_layers"] > 0) == (rest["basis"] == tables.FROM_DATA)).all()
    assert tables.FROM_TREND in set(rest["basis"])
    assert (rest["n_profiles"] <= rest["n_layers"]).all()


def test_two_modes_are_sorted_and_split_fast_and_slow() -> None:
    run = fake_run()
    table = tables.two_mode_table(run)
    assert len(table) == (run["derived/n_modes"].values >= 2).sum()
    assert len(table) > 0
    assert (table["c_age_1"] < table["c_age_2"]).all()
    assert (table["mass_1"] - 0.5).abs().is_monotonic_increasing
    rows = run["constant_data/row"].values
    at = int(np.flatnonzero(rows == table["row"].iloc[0])[0])
    assert table["c_age_2"].iloc[0] == np.nanmax(run["derived/mode_c_age"].values[at])


def test_dropped_rows_keep_their_reason_and_numbers() -> None:
    table = tables.dropped_table(fake_run())
    assert table["n_rows"].tolist() == [2, 1]
    assert table["rows"].tolist() == ["3 9", "12"]
    run = fake_run()
    run.attrs["drops"] = "[]"
    assert tables.dropped_table(run).empty


def test_implausible_layers_are_listed_where_the_run_has_them() -> None:
    run = fake_run(n_profiles=2, draws=10)
    assert tables.implausible_table(run).empty
    run.attrs["implausible"] = (
        '[{"row": 7, "profile": "p", "delta14c": 800.0, "sample_year": 1999, "why": "<above>"}]'
    )
    page = render_html(build_report(run, {}))
    assert "&lt;above&gt;" in page


# --- errors ----------------------------------------------------------------------------------


def test_missing_group_is_named() -> None:
    run = fake_run(n_profiles=1, draws=5)
    del run["derived"]
    with pytest.raises(RunError, match="group derived is missing; it has posterior, prior"):
        tables.turnover_table(run)


def test_missing_variable_is_named() -> None:
    run = fake_run(n_profiles=1, draws=5)
    run["derived"] = xr.DataTree(run["derived"].to_dataset().drop_vars("k_mean"))
    with pytest.raises(RunError, match="derived/k_mean is missing; fit the model again"):
        tables.turnover_table(run)


def test_wrong_dimensions_are_named() -> None:
    run = fake_run(n_profiles=1, draws=5)
    derived = run["derived"].to_dataset().rename(standard_layer="depth")
    run["derived"] = xr.DataTree(derived.assign_coords(standard_layer=["0-20"]))
    with pytest.raises(RunError, match=r"c_age_typical has dimensions .*depth.*; right: \(chain"):
        tables.turnover_table(run)


def test_damaged_attribute_is_named() -> None:
    run = fake_run(n_profiles=1, draws=5)
    run.attrs["drops"] = "{not json"
    with pytest.raises(RunError, match="attribute drops is not JSON"):
        tables.dropped_table(run)


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match="taken: is a file; the report needs a folder"):
        write_report(fake_run(n_profiles=1, draws=5), {}, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "a file"


# --- page ------------------------------------------------------------------------------------


def test_page_is_whole_and_holds_every_table_and_figure(hostile: str) -> None:
    page = Page(hostile)
    shown = {name for name, record in TABLES.items() if not record.hide_if_empty} | {"checks"}
    assert shown | set(FIGURES) | {"certificate"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("img") == len(FIGURES)
    assert len(hostile.encode()) < 8_000_000


def test_page_needs_no_network(hostile: str) -> None:
    assert "http" not in hostile
    page = Page(hostile)
    inside = ("data:", "#")
    assert [link[:60] for link in page.links if not link.startswith(inside)] == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "@import" not in hostile
    assert "url(" not in hostile


def test_hostile_names_stay_text(hostile: str) -> None:
    assert "script" not in Page(hostile).tags
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in hostile
    assert HOSTILE in Page(hostile).texts


def test_hostile_names_do_not_break_markdown() -> None:
    text = render_markdown(build_report(fake_run(site=HOSTILE), fake_diagnostics()))
    assert "<script" not in text
    grids = [line for line in text.splitlines() if line.startswith("| ")]
    widths = {line.replace("\\|", "").count("|") for line in grids if "script" in line}
    assert widths == {len(TABLES["two_modes"].columns) + 1}


def test_every_number_of_the_population_table_is_on_the_page() -> None:
    run = fake_run()
    page = Page(render_html(build_report(run, fake_diagnostics())))
    for value in tables.population_table(run)["mean"]:
        assert three_digits(value) in page.texts


@pytest.mark.parametrize(
    ("options", "diagnostics", "words"),
    [
        ({}, fake_diagnostics(), []),
        ({"simulated": True}, fake_diagnostics(), ["SIMULATED WORLD"]),
        ({"partial": True}, fake_diagnostics(), ["PARTIAL"]),
        ({}, fake_diagnostics(passed=False), ["NOT CONVERGED"]),
        (
            {},
            fake_diagnostics(passed=False) | {"verdict": f"{UNRESOLVED} reaches down to 0.13"},
            ["NOT RESOLVED"],
        ),
        ({}, {}, ["NOT CHECKED"]),
    ],
    ids=["clean", "simulated", "partial", "not_converged", "not_resolved", "not_checked"],
)
def test_banners_say_what_is_wrong(
    options: dict[str, Any], diagnostics: dict[str, Any], words: list[str]
) -> None:
    assert banners(diagnostics, **options) == words


def test_partial_run_says_how_far_it_came_and_verdict_names_the_parameter() -> None:
    run = fake_run(n_profiles=1, chains=2, draws=5, partial=True)
    page = Page(render_html(build_report(run, fake_diagnostics(passed=False))))
    text = " ".join(page.texts)
    assert "5 of 1000 draws of each of the 2 chains that had enough" in text
    assert "Gate FAILED. R-hat of sigma_biome is 1.73, above 1.01" in text


def test_first_screen_has_the_key_numbers() -> None:
    run = fake_run()
    report = build_report(run, fake_diagnostics())
    facts = dict(report.facts)
    assert facts["layers"] == str(run["observed_data"].sizes["layer"])
    assert facts["rows dropped"] == "3"
    assert len(report.key_table.cells) == 9
    desert = next(row for row in report.key_table.cells if row[0] == "Deserts")
    assert all("from the population" in cell for cell in desert[2:])


def test_certificate_is_on_the_page() -> None:
    page = render_html(build_report(fake_run(n_profiles=2, draws=10), fake_diagnostics()))
    for value in ("5" * 64, "d" * 64, "20260101", "2026-02-03", "0.1.0"):
        assert value in page


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_profiles": 1, "chains": 2, "draws": 5, "partial": True},
        {"n_profiles": 1, "chains": 1, "draws": 1},
    ],
    ids=["usual", "five_draws", "one_draw"],
)
def test_files_are_written_and_csv_holds_the_full_numbers(
    options: dict[str, Any], tmp_path: Path
) -> None:
    run = fake_run(**options)
    page = write_report(run, fake_diagnostics(), tmp_path / "report")
    assert page == tmp_path / "report" / "report.html"
    for name in FIGURES:
        assert (page.parent / "figures" / f"{name}.png").stat().st_size > 10_000
        assert len(pd.read_csv(page.parent / "figures" / f"{name}.csv")) > 0
        assert f"figures/{name}.png" in (page.parent / "report.md").read_text(encoding="utf-8")
    stored = pd.read_csv(page.parent / "tables" / "turnover.csv")
    pd.testing.assert_frame_equal(stored, tables.turnover_table(run), check_dtype=False)
    assert list(tmp_path.rglob("*.part")) == []


def test_all_rows_are_in_the_csv_and_the_page_says_so(tmp_path: Path) -> None:
    run = fake_run(n_profiles=60)
    page = write_report(run, fake_diagnostics(), tmp_path)
    rows = pd.read_csv(tmp_path / "tables" / "two_modes.csv")
    n = int((run["derived/n_modes"].values >= 2).sum())
    assert len(rows) == n > 25
    assert f"25 of {n} rows; all in tables/two_modes.csv." in page.read_text(encoding="utf-8")


def test_same_run_gives_same_files_and_other_files_stay(tmp_path: Path) -> None:
    run = fake_run(n_profiles=4, draws=30)
    (tmp_path / "mine.txt").write_text("keep me")
    write_report(run, fake_diagnostics(), tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_report(run, fake_diagnostics(), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_verb_reports_a_stored_fit(
    small_fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args([str(small_fit.folder), "--output", str(tmp_path / "out")])
    assert run_verb(args) == 0
    said = capsys.readouterr().out.strip()
    assert said == os.fspath(tmp_path / "out" / "report.html")
    page = Page(Path(said).read_text(encoding="utf-8"))
    assert "SIMULATED WORLD" in page.texts
    stored = pd.read_csv(tmp_path / "out" / "tables" / "population.csv").set_index("parameter")
    assert stored.loc["tau", "mean"] == pytest.approx(float(small_fit.run["posterior/tau"].mean()))
    assert stored["truth"].notna().all()


def test_verb_on_a_folder_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run"):
        run_verb(argparse.Namespace(run=tmp_path / "nothing", output=None, plugin=[], compare=None))


# --- building blocks -------------------------------------------------------------------------


def test_markup_escapes_by_default() -> None:
    assert tag("p", "<b>", tag("i", "&")) == "<p>&lt;b&gt;<i>&amp;</i></p>"
    assert tag("a", "x", href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;">x</a>'
    assert join("<", ">") == "&lt;&gt;"
    assert plain("a\nb | <c> $x$") == "a b \\| &lt;c&gt; \\$x\\$"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999.6, "1,000"),
        (123456.0, "123,000"),
        (-0.012345, "-0.0123"),
        (1.2e-5, "1.2e-05"),
        (float("inf"), "∞"),
        (float("nan"), NOT_AVAILABLE),
        (None, NOT_AVAILABLE),
    ],
)
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert three_digits(value) == text


def test_years_have_no_comma() -> None:
    assert year(2004.0) == "2004"
    assert year(2004.5) == "2004.5"


def test_the_remedy_fits_what_failed() -> None:
    assert "more draws do not help" in _remedy(f"{UNRESOLVED} reaches down to 0.13")
    assert "draws = 3000" in _remedy("not converged: largest R-hat 1.2")

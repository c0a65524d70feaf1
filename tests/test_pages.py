"""Pages under hard conditions: hostile names, hardly any data, warnings, paper, small screens."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.report import kinds
from bayes_rootc.report.compare import compare
from bayes_rootc.report.content import build_report
from bayes_rootc.report.figures import style
from bayes_rootc.report.figures.flow_catalogue import FLOW_FIGURES
from bayes_rootc.report.html import STYLE, render_html
from bayes_rootc.report.learning_report import learning_report
from bayes_rootc.report.markdown import render_markdown
from bayes_rootc.report.parts import Report
from bayes_rootc.report.stored import labels
from bayes_rootc.report.write import write_pages
from fake_joint import COMPONENTS, fake_joint
from fake_learning import fake_learning
from fake_run import fake_diagnostics, fake_run
from test_report import Page

NAMES = {
    "script": "<script>alert('x')</script>",
    "quotes": '" onload="alert(1)" x=\'',
    "markdown": "a|b`c*d_e[f](http://x)#~$y$\\",
    "newline": "two\nlines\r\n| and | a | table |\n# and a heading",
    "formula": "=cmd|' /C calc'!A0",
    "unicode": "Łódź 土壤 \u202eabc\u202c 🌱 e\u0301",
    "long": "x" * 4000,
    "empty": "",
}


@pytest.fixture(autouse=True)
def small_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "DPI", 40)
    few = {name: FLOW_FIGURES[name] for name in ("driver_map", "loading_map", "loss_densities")}
    for name in ("joint", "turnover"):
        figures = few if name == "joint" else {}
        monkeypatch.setitem(kinds.KINDS, name, replace(kinds.KINDS[name], figures=figures))


def renamed(run: xr.DataTree, **labels_of: list[str]) -> xr.DataTree:
    """Return the run with other labels of dimensions and texts of layers, wherever they stand."""
    found = run.copy(deep=False)
    for where in run.children:
        data = run[where].to_dataset()
        for name, values in labels_of.items():
            if name in data.dims:
                data = data.assign_coords({name: values})
            elif name in data:
                data[name] = (data[name].dims, np.array(values * data.sizes["layer"], dtype=object))
        found[where] = xr.DataTree(data)
    found.attrs = dict(run.attrs)
    return found


def turnover_report(name: str) -> Report:
    run = fake_run(n_profiles=4, draws=8)
    profiles = [f"{name} {n}" for n in range(4)]
    run = renamed(run, profile=profiles, site=[name], entry=[name])
    drop = {"reason": name, "text": name, "rows": [1], "table": name}
    strange = {"row": 7, "profile": name, "delta14c": 800.0, "sample_year": 1999, "why": name}
    run.attrs |= {
        "origin": name, "data_format": name, "notes": json.dumps([name]),
        "drops": json.dumps([drop]), "implausible": json.dumps([strange]),
    }  # fmt: skip
    return build_report(run, fake_diagnostics() | {"verdict": name})


def joint_report(name: str) -> Report:
    run = renamed(fake_joint(draws=4, keep=4), component=[*COMPONENTS[:-1], name])
    run = renamed(run, grid_component=[*COMPONENTS[:-1], name])
    run.attrs |= {"origin": name, "notes": json.dumps([name])}
    drop = {"reason": name, "text": name, "rows": [1], "table": name}
    run.attrs["drops"] = json.dumps([drop])
    return build_report(run, fake_diagnostics())


def learned_report(name: str) -> Report:
    return learning_report(*fake_learning(name, f"feature {name}"))


def compared_report(name: str) -> Report:
    run = fake_run(n_profiles=4, draws=8)
    return compare((name, run, fake_diagnostics()), ("other", run, fake_diagnostics(False)))


REPORTS: dict[str, Callable[[str], Report]] = {
    "turnover": turnover_report,
    "joint": joint_report,
    "learning": learned_report,
    "comparison": compared_report,
}


# --- hostile names ---------------------------------------------------------------------------


@functools.cache
def harmless(kind: str) -> Report:
    return REPORTS[kind]("harmless")


SLOW_TO_MAKE = {"joint": ("script", "markdown", "newline", "empty")}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in REPORTS for name in SLOW_TO_MAKE.get(kind, NAMES)],
)
def test_names_stay_text_in_every_report(kind: str, name: str, tmp_path: Path) -> None:
    report, plain = REPORTS[kind](NAMES[name]), harmless(kind)
    page, usual = Page(render_html(report)), Page(render_html(plain))
    assert page.tags == usual.tags
    assert page.ids == usual.ids
    assert all(link.startswith(("#", "data:")) for link in page.links)
    if NAMES[name]:
        assert any(NAMES[name].split("\r")[0] in text for text in page.texts)
    markdown, likewise = (render_markdown(one).splitlines() for one in (report, plain))
    assert [_shape(line) for line in markdown] == [_shape(line) for line in likewise]
    write_pages(report, tmp_path)
    for table in (report.key_table, *report.tables):
        path = tmp_path / "tables" / f"{table.name}.csv"
        stored = pd.read_csv(path, keep_default_na=False, dtype=str)
        texts = table.frame.select_dtypes(["object", "str"])
        for column in texts:
            expected = ["" if pd.isna(v) else str(v).replace("\r\n", "\n") for v in texts[column]]
            found = [str(v).replace("\r\n", "\n") for v in stored[column]]
            if texts[column].map(lambda v: isinstance(v, str)).all():
                assert found == expected


def _shape(line: str) -> tuple[str, int]:
    """Kind of a line of Markdown, and the number of its cells."""
    kind = re.match(r"#+ |> |- |\| |!\[|\*\*|", line)
    assert kind is not None
    assert "<" not in line
    return kind[0], len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) if kind[0] == "| " else 0


# --- hardly any data -------------------------------------------------------------------------


def first_layers(run: xr.DataTree, n: int) -> xr.DataTree:
    found = run.copy(deep=False)
    for where in run.children:
        data = run[where].to_dataset()
        if "layer" in data.dims:
            found[where] = xr.DataTree(data.isel(layer=np.arange(n)))
    return found


def one_layer_each(run: xr.DataTree) -> xr.DataTree:
    owner = run["constant_data/profile_index"].to_numpy()
    first = np.unique(owner, return_index=True)[1]
    found = run.copy(deep=False)
    for where in run.children:
        data = run[where].to_dataset()
        if "layer" in data.dims:
            found[where] = xr.DataTree(data.isel(layer=first))
    return found


FEW: dict[str, Callable[[], xr.DataTree]] = {
    "one profile": lambda: fake_run(n_profiles=1, draws=8),
    "one layer": lambda: first_layers(fake_run(n_profiles=1, draws=8), 1),
    "one layer, one draw": lambda: first_layers(fake_run(n_profiles=1, chains=1, draws=1), 1),
    "biome without rows": lambda: fake_run(n_profiles=16, draws=8, empty_biome=2),
    "joint, one draw": lambda: fake_joint(chains=1, draws=1, keep=1),
    "joint, one layer a profile": lambda: one_layer_each(fake_joint(draws=4, keep=4)),
}


@pytest.mark.parametrize("what", FEW)
def test_a_run_of_hardly_any_data_has_a_whole_report(what: str, tmp_path: Path) -> None:
    report = build_report(FEW[what](), fake_diagnostics(passed=False))
    page = Page(write_pages(report, tmp_path).read_text(encoding="utf-8"))
    assert "nan" not in " ".join(page.texts).lower().split()
    assert "NOT CONVERGED" in page.texts
    for table in (report.key_table, *report.tables):
        assert (tmp_path / "tables" / f"{table.name}.parquet").is_file()


def test_a_biome_without_rows_says_what_its_numbers_rest_on() -> None:
    report = build_report(fake_run(n_profiles=16, draws=8, empty_biome=2), fake_diagnostics())
    turnover = next(table for table in report.tables if table.name == "turnover")
    rows = [row for row in turnover.cells if row[0] == "Temperate forests"]
    assert len(rows) == 7
    assert {(row[2], row[3], row[4]) for row in rows} == {("0", "0", "from the population")}
    assert "from the population" in report.key_table.cells[2][2]


def test_a_run_of_an_older_version_is_refused_by_name() -> None:
    with pytest.raises(RunError, match="dimension grid_component is missing; it has chain, draw"):
        labels(xr.Dataset({"a": (("chain", "draw"), np.zeros((1, 1)))}), "grid_component")


# --- warnings --------------------------------------------------------------------------------


def _compared(**options: bool) -> Report:
    good = fake_run(n_profiles=2, draws=8)
    bad = fake_run(n_profiles=2, draws=8, partial=options["partial"])
    return compare(
        ("one", good, fake_diagnostics()), ("two", bad, fake_diagnostics(options["passed"]))
    )


def _joint(**options: bool) -> Report:
    run = fake_joint(draws=4, keep=4)
    run.attrs |= {"status": "partial"} if options["partial"] else {}
    return build_report(run, fake_diagnostics(options["passed"]))


def _turnover(**options: bool) -> Report:
    run = fake_run(n_profiles=2, draws=8, partial=options["partial"])
    return build_report(run, fake_diagnostics(options["passed"]))


MADE: dict[str, Callable[..., Report]] = {
    "turnover": _turnover, "joint": _joint, "comparison": _compared,
}  # fmt: skip


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partial": False, "passed": True}, []),
        ({"partial": True, "passed": True}, ["PARTIAL"]),
        ({"partial": False, "passed": False}, ["NOT CONVERGED"]),
        ({"partial": True, "passed": False}, ["PARTIAL", "NOT CONVERGED"]),
    ],
    ids=["good", "partial", "not_converged", "both"],
)
def test_warnings_come_first_and_in_words(
    kind: str, options: dict[str, bool], words: list[str]
) -> None:
    report = MADE[kind](**options)
    assert_warned(report, words)


@pytest.mark.parametrize("converged", [True, False])
def test_learning_from_a_run_that_did_not_converge_warns(converged: bool) -> None:
    report = learning_report(*fake_learning(converged=converged))
    assert_warned(report, [] if converged else ["NOT CONVERGED"])


def assert_warned(report: Report, words: list[str]) -> None:
    assert [banner.word for banner in report.banners] == words
    html = render_html(report)
    # The title of the page is what a browser's tab and a screen reader say first.
    title = re.search("<title>(.*?)</title>", html, re.DOTALL)
    assert title is not None
    assert title[1].startswith(": ".join(words))
    header = html[html.index("<header>") : html.index("</header>")]
    assert header.count('role="alert"') == len(words)
    for word in words:
        before = header[: header.index(f"{word}</strong>")]
        assert '<span aria-hidden="true">⚠ </span>' in before
        assert "<p>" not in before  # nothing but the heading stands above
        assert "<table" not in before
    lines = [line for line in render_markdown(report).splitlines() if line]
    assert [line.split("**")[1] for line in lines[1 : 1 + len(words)]] == [
        f"⚠ {word}" for word in words
    ]
    assert not lines[1 + len(words)].startswith(">")


def test_a_warning_does_not_rest_on_colour() -> None:
    banner = re.search(r"\.banner \{(.*?)\}", STYLE, re.DOTALL)
    assert banner is not None
    assert "double" in banner[1]
    assert ".gate.failed { border-color: #a33c00; border-left-style: double;" in STYLE
    assert "border-color: #000" in _block("@media print")


# --- print and small screens -----------------------------------------------------------------


def _block(start: str) -> str:
    """Return the text between the braces that follow."""
    depth, begin = 0, STYLE.index("{", STYLE.index(start))
    for at in range(begin, len(STYLE)):
        depth += {"{": 1, "}": -1}.get(STYLE[at], 0)
        if depth == 0:
            return STYLE[begin : at + 1]
    raise AssertionError(start)


def test_style_is_balanced_and_prints_whole_tables_and_figures() -> None:
    assert STYLE.count("{") == STYLE.count("}")
    paper = _block("@media print")
    assert "@page" in paper
    assert ".wide { overflow: visible; }" in paper
    assert "thead { display: table-header-group; }" in paper
    assert re.search(r"figure, tr, [^{]*\{ break-inside: avoid; \}", paper)
    assert re.search(r"figure img \{[^}]*max-width: 100%; max-height: \d+mm;", paper)
    assert re.search(r"td, th \{[^}]*overflow-wrap: anywhere", paper)
    assert "break-after: avoid" in paper


def test_wide_things_scroll_in_their_own_box() -> None:
    html = render_html(build_report(fake_run(n_profiles=2, draws=8), fake_diagnostics()))
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert ".wide { overflow-x: auto; }" in STYLE
    body = html[html.index("<main>") : html.index("</main>")]
    boxes = re.findall(r'<div class="wide" tabindex="0" role="region" aria-label="[^"]+">', body)
    assert len(boxes) == body.count("<table>") + body.count("<img ")
    assert not re.search(r"width: [5-9]\d{2,}px", STYLE)

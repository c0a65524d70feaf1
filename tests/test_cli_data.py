"""The verb `data`: exit codes, what is printed where, and which data are found."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from bayes_rootc.cli import data
from bayes_rootc.data import locate
from bayes_rootc.data.fetch import Fetched, Source
from bayes_rootc.data.locate import ENVIRONMENT, LAYER_TABLES, locate_data
from bayes_rootc.errors import DataError, SpecError
from bayes_rootc.spec.turnover import DataSection

GOOD = (
    "profile,lat,lon,top_cm,bottom_cm,sample_year,delta14c,biome,peatland\n"
    "P1,48.7,9.2,0,10,1998,85,temperate_forests,0\n"
    "P1,48.7,9.2,10,30,1998,-960,temperate_forests,0\n"
    "P2,60.1,25.0,0,10,2001,40,boreal_forests,1\n"
)
BAD = GOOD.replace("P2,60.1", "P2,99.1").replace(",40,", ",4000,")


@pytest.fixture(autouse=True)
def nothing_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data of the machine leak into these tests."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr(locate, "fetched_folder", lambda: tmp_path / "fetched")


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    data.add_arguments(parser)
    return data.run(parser.parse_args([str(word) for word in words]))


def table(folder: Path, text: str = GOOD, name: str = "layers.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_check_reports_and_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", table(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "rows read 3, kept 2 in 1 profiles, dropped 1" in out and err == ""
    assert "row 2, profile P1: Δ14C -960 ‰ in 1998, below -950 ‰: almost no 14C" in out


def test_check_lists_every_impossible_row_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path, BAD)
    assert run("check", path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" is impossible")[0] for line in err.splitlines()] == [
        f"{path}: row 3, column delta14c: 4000",
        f"{path}: row 3, column lat: 99.1",
    ]


def test_check_ends_with_2_where_no_layer_is_left(tmp_path: Path) -> None:
    assert run("check", table(tmp_path, GOOD.replace(",0\n", ",1\n"))) == 2


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (BAD, 2)])
def test_check_json_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    assert run("check", table(tmp_path, text), "--json") == code
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is (code == 0)
    assert len(report["problems"]) == code
    if report["ok"]:
        assert (report["n_read"], report["n_kept"], report["n_profiles"]) == (3, 2, 1)
        assert [(drop["reason"], drop["rows"]) for drop in report["drops"]] == [("peatland", [3])]
        assert [row["row"] for row in report["implausible"]] == [2]


def test_check_takes_the_switches_of_the_model_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path)
    run("check", path, "--keep-peat", "--no-keep-implausible", "--max-depth-cm", "20", "--json")
    report = json.loads(capsys.readouterr().out)
    assert [(drop["reason"], drop["rows"]) for drop in report["drops"]] == [
        ("below_max_depth", [2])
    ]
    assert report["n_kept"] == 2


def test_every_switch_of_the_model_file_has_its_flag() -> None:
    switches = {
        name for name, field in DataSection.model_fields.items() if field.annotation is bool
    }
    assert set(data.KEEP) == switches


def test_check_refuses_a_depth_and_a_format_that_do_not_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SpecError, match="--max-depth-cm 900 is wrong; above 0, at most 200 cm"):
        run("check", table(tmp_path), "--max-depth-cm", "900")
    assert run("check", table(tmp_path), "--format", "xls") == 2
    assert "format 'xls' is unknown; it must be one of tidy" in capsys.readouterr().err


def test_check_without_any_data_says_what_to_give() -> None:
    with pytest.raises(DataError, match=r"nothing to check: give FILE or --data"):
        run("check")


def test_where_looks_in_the_stated_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*words: str | Path) -> tuple[str | None, str | None]:
        assert run("where", "--json", *words) == 0
        report = json.loads(capsys.readouterr().out)
        return report["layers"], report.get("found_by")

    assert found() == (None, None)
    fetched = table(tmp_path, name=f"fetched/{LAYER_TABLES[0]}")
    assert found() == (str(fetched), "fetched data")
    named = table(tmp_path, name=f"named/{LAYER_TABLES[0]}")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "named"))
    assert found() == (str(named), f"environment variable {ENVIRONMENT}")
    own = table(tmp_path)
    assert found("--data", own) == (str(own), "--data")


def test_where_says_that_nothing_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("where") == 0
    out = capsys.readouterr().out
    assert out.startswith("no data: the simulated world is used.")
    assert f"environment variable {ENVIRONMENT}: not set" in out


def test_where_names_the_table_and_its_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = table(tmp_path)
    assert run("where", "--data", own) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == [str(own), "  format tidy, found by --data"]


def test_a_place_that_was_named_and_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(DataError, match=rf"{gone} \(--data\): no such file or folder"):
        locate_data(gone)
    with pytest.raises(DataError, match=r"\(--data\): holds no table of layers; it needs tables/"):
        locate_data(tmp_path)
    monkeypatch.setenv(ENVIRONMENT, str(gone))
    message = rf"{gone} \(environment variable {ENVIRONMENT}\): no such file or folder"
    with pytest.raises(DataError, match=message):
        locate_data()


def test_the_tidy_table_comes_before_the_original(tmp_path: Path) -> None:
    original = table(tmp_path, name=LAYER_TABLES[1])
    first = locate_data(tmp_path)
    tidy = table(tmp_path, name=LAYER_TABLES[0])
    second = locate_data(tmp_path)
    assert first is not None and second is not None
    assert (first.layers, second.layers) == (original, tidy)
    assert (first.source, first.folder) == ("real", tmp_path)


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_fetch_prints_the_terms_and_the_files(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
) -> None:
    source = Source("a.csv", "https://host/a.csv", "0" * 64, 3, "Doe (2001)", "Ask Doe.")
    asked = []

    def fake(folder: Path | None, base_url: str | None, progress: bool) -> tuple[Fetched, ...]:
        asked.append((folder, base_url, progress))
        return (Fetched(source, tmp_path / "a.csv", downloaded=True),)

    monkeypatch.setattr("bayes_rootc.data.fetch.fetch", fake)
    monkeypatch.setattr("bayes_rootc.data.fetch.sources", lambda: (source,))
    assert run("fetch", "--to", tmp_path, "--base-url", "http://mirror", *flags) == 0
    out = capsys.readouterr().out
    assert asked == [(tmp_path, "http://mirror", False)]
    assert "Doe (2001)" in out and "Ask Doe." in out and str(tmp_path / "a.csv") in out
    if flags:
        assert json.loads(out)["files"][0]["downloaded"] is True

"""What the commands of maps say to wrong input, and what they explain."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bayes_rootc.cli.main import main
from bayes_rootc.spec.load import load_map
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.map import BuildSection, LayerSection
from map_worlds import grid, store_joint

HEAD = 'schema = 1\nmodel = "map"\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["map", "nope.toml"], "nope.toml: no such model file; the packaged one is map"),
        (["map", "mapp"], "mapp: no such model file; did you mean map?"),
        (["grid", "check", "turnovr"], "turnovr: no such model file; the packaged one is map"),
        (["learn", "nope"], "nope: no such model file; the packaged one is learning"),
        (["learn", "lerning"], "lerning: no such model file; did you mean learning?"),
        (["show", "nope"], "nope: no such model file; models: "),
    ],
)
def test_a_file_that_is_not_there_suggests_none_of_another_kind(
    words: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not [*here.iterdir()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("engines = []", "m.toml: engines [] must name forest, posterior or both, each once"),
        (
            'engines = ["forest", "forest"]',
            "m.toml: engines ['forest', 'forest'] must name forest, posterior or both, each once",
        ),
        (
            "[output]\nquantiles = []",
            "m.toml: output: quantiles [] must hold 0.5 and numbers on both sides of it: the "
            "median, and the ends of the interval",
        ),
        ("[output]\nquantiles = [0.5]", "m.toml: output: quantiles [0.5] must hold 0.5 and num"),
        ("[output]\nquantiles = [0.1, 0.5]", "m.toml: output: quantiles [0.1, 0.5] must hold"),
        ("[output]\nquantiles = [0.9, 0.5, 0.1]", "m.toml: output: quantiles [0.9, 0.5, 0.1] mu"),
    ],
)
def test_lists_of_a_map_file_are_refused_in_plain_words(
    text: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "m.toml").write_text(f"{HEAD}{text}\n", encoding="utf-8")
    assert main(["map", "m.toml"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_a_file_is_no_folder_of_maps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").write_text("", encoding="utf-8")
    assert main(["map", "--maps", "file"]) == 2
    said = capsys.readouterr().err
    assert said == "error: --maps file: is a file; it must be a folder, or a new name\n"


def test_forests_without_a_learning_run_say_what_to_do(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_joint(here / "joint")
    grid().to_netcdf(here / "grid.nc", engine="h5netcdf")
    (here / "m.toml").write_text(f'{HEAD}[grid]\nfile = "grid.nc"\n', encoding="utf-8")
    assert main(["map", "m.toml", "--run", "joint"]) == 2
    said = capsys.readouterr().err
    assert "runs/learning: is no finished learning run" in said
    assert 'name another with --learning, or do without forests: engines = ["posterior"]' in said
    assert not (here / "maps" / "map").exists()


def test_unknown_learners_are_told_with_their_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'schema = 1\nmodel = "learning"\nlearners = ["forrest", "svm"]\n'
    (here / "l.toml").write_text(text, encoding="utf-8")
    for words in (["learn", "l.toml"], ["learn", "crossval", "l.toml"]):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: l.toml: learners names forrest, which is none; right: fo")


def test_show_explains_a_map_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "map"]) == 0
    said = capsys.readouterr().out
    spec = load_map(find_model("map"))
    named = (spec.run, spec.learning, spec.grid.file, "held_out", "0.025, 0.5, 0.975")
    for words in ("joint run", "learning run", "forest engine", "posterior engine", *named):
        assert words in said
    layer = '[[build.layers]]\nname = "t"\nfile = "t.tif"\nunits = "degC"\n'
    text = f'{HEAD}engines = ["posterior"]\n{layer}'
    (here / "m.toml").write_text(text, encoding="utf-8")
    assert main(["show", "m.toml"]) == 0
    said = capsys.readouterr().out
    assert "forest" not in said
    assert "t.tif, degC" in said


def test_help_of_grid_names_every_key_and_its_example_is_right(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what in ("build", "check"):
        with pytest.raises(SystemExit):
            main(["grid", what, "--help"])
        said = capsys.readouterr().out
        for key in (*LayerSection.model_fields, *BuildSection.model_fields):
            assert key in said
        example = said.split("for instance\n")[1].split("then, to map")[0]
        (here / "m.toml").write_text(textwrap.dedent(example), encoding="utf-8")
        layers = load_map(here / "m.toml").build.layers
        assert [layer.name for layer in layers] == ["bio01", "biome"]

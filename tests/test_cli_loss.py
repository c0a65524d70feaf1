"""The verb ``loss``: what it writes and prints, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.cli import stored_run
from bayes_rootc.cli.main import main
from bayes_rootc.report import write
from bayes_rootc.report.figures import style
from bayes_rootc.report.figures.flow_catalogue import LOSS_FIGURES
from bayes_rootc.report.loss_columns import LOSS_TABLES
from fake_joint import fake_joint
from fake_run import fake_diagnostics, fake_run
from stored_runs import store

Load = Callable[..., Path]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Hand a run to the verb as if read from a folder: reading hundreds of variables is slow."""

    def put(run: xr.DataTree, *, passed: bool = True) -> Path:
        monkeypatch.setattr(stored_run, "load", lambda _: (run, fake_diagnostics(passed)))
        return Path("runs/joint")

    return put


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "LOSS_FIGURES", {})


def test_writes_tables_and_figures_of_a_stored_run_and_prints_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "DPI", 40)
    joint = store(fake_joint(), tmp_path / "runs" / "joint")
    out = tmp_path / "out"
    assert main(["loss", str(joint), "--output", str(out)]) == 0
    said = capsys.readouterr().out
    for name in LOSS_TABLES:
        assert len(pd.read_csv(out / "tables" / f"{name}.csv")) > 0
    for name in LOSS_FIGURES:
        assert (out / "figures" / f"{name}.png").stat().st_size > 5_000
        assert len(pd.read_csv(out / "figures" / f"{name}.csv")) > 0
    assert list(tmp_path.rglob("*.part")) == []
    answer = pd.read_csv(out / "tables" / "key_numbers.csv").set_index("name")
    for name in ("I_root", "I_bulk", "I_loss", "I_loss / I_root"):
        line = next(line for line in said.splitlines() if line.startswith(f"{name} "))
        assert answer.loc[name, "mean_text"] in line
        assert answer.loc[name, "typical_text"] in line
    assert "the study's 77.9 % (65.3 % to 90.9 %)" in said
    assert said.splitlines()[-2:] == [str(out / "tables"), str(out / "figures")]


@pytest.mark.usefixtures("no_figures")
def test_default_folder_is_that_of_the_run(
    loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["loss", str(loaded(fake_joint()))]) == 0
    assert (tmp_path / "reports" / "joint" / "loss" / "tables" / "losses.csv").is_file()


@pytest.mark.usefixtures("no_figures")
def test_same_seed_same_numbers_other_seed_others(loaded: Load, tmp_path: Path) -> None:
    joint, found = loaded(fake_joint(draws=6, keep=3)), []
    for n, seed in enumerate(("3", "3", "4")):
        assert main(["loss", str(joint), "--output", str(tmp_path / str(n)), "--seed", seed]) == 0
        found.append((tmp_path / str(n) / "tables" / "losses.csv").read_bytes())
    assert found[0] == found[1] != found[2]


@pytest.mark.usefixtures("no_figures")
def test_partial_simulated_and_unconverged_runs_say_so(
    loaded: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fake_joint(simulated=True)
    run.attrs |= {"status": "partial", "draws_asked": 1000}
    folder = loaded(run, passed=False)
    assert main(["loss", str(folder), "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "used are 20 draws of each of 2 chains that had enough, asked for were 1000" in said
    assert "SIMULATED WORLD" in said
    assert "NOT CONVERGED" in said


def test_missing_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", str(tmp_path / "nothing")]) == 2
    assert "nothing: no such run" in capsys.readouterr().err


def test_run_without_the_blocks_is_named_and_told_what_to_fit(
    loaded: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = loaded(fake_run(n_profiles=2, draws=5))
    assert main(["loss", str(folder), "--output", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"{folder}: is a run of the model turnover, which lacks blocks" in said
    assert "fit joint" in said
    assert not (tmp_path / "out").exists()


def test_run_that_lacks_a_variable_writes_nothing(
    loaded: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fake_joint()
    run["derived"] = xr.DataTree(run["derived"].to_dataset().drop_vars("rho"))
    folder = loaded(run)
    assert main(["loss", str(folder), "--output", str(tmp_path / "out")]) == 2
    assert "derived/rho is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_place_that_is_a_file_is_named(
    loaded: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("mine")
    assert main(["loss", str(loaded(fake_joint())), "--output", str(tmp_path / "taken")]) == 2
    assert "taken: is a file" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("seed", ["-1", "half"])
def test_wrong_seed_is_named(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["loss", "runs/joint", "--seed", seed])
    assert ended.value.code == 2
    assert f"{seed!r}: must be a whole number, 0 or more" in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["loss", "--help"])
    said = capsys.readouterr().out
    assert "python -m bayes_rootc loss runs/joint --out" in said
    assert "Nothing is fitted" in said

"""Two runs side by side: what differs is found, what is alike is not, and runs are not mixed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.cli import stored_run
from bayes_rootc.cli.main import main
from bayes_rootc.errors import RunError
from bayes_rootc.report.compare import compare, parameters_of_both, write_comparison
from fake_joint import fake_joint
from fake_run import fake_diagnostics, fake_run

PASSED = fake_diagnostics(passed=True)


def moved(run: xr.DataTree, name: str, by_sd: float) -> xr.DataTree:
    """Return the run with a parameter moved by so many of its standard deviations."""
    found = run.copy(deep=True)
    posterior = found["posterior"].to_dataset()
    values = posterior[name]
    posterior[name] = values + by_sd * values.std(("chain", "draw"))
    found["posterior"] = xr.DataTree(posterior)
    return found


def test_a_parameter_that_moved_is_first_and_others_do_not_differ() -> None:
    run = fake_run()
    frame = parameters_of_both(run, moved(run, "alpha", 5.0))
    assert frame["parameter"][0] == "alpha"
    assert frame["difference_sd"][0] == pytest.approx(5.0 / np.sqrt(2.0))
    assert (frame["difference_sd"][1:].fillna(0.0) == 0.0).all()
    draws = run["posterior"]["alpha"].to_numpy()
    assert frame["q50_1"][0] == pytest.approx(np.median(draws))
    assert frame["mean_2"][0] == pytest.approx(draws.mean() + 5.0 * draws.std())


def test_the_report_says_which_run_did_not_converge_and_escapes_names(tmp_path: Path) -> None:
    run = fake_run()
    hostile = "<script>alert(1)</script>"
    pair = (("first", run, PASSED), (hostile, moved(run, "alpha", 5.0), fake_diagnostics(False)))
    report = compare(*pair)
    assert [banner.sentence.split(":")[0] for banner in report.banners] == [hostile]
    assert not report.passed
    assert "1 of" in report.verdict
    page = write_comparison(*pair, tmp_path / "both").read_text(encoding="utf-8")
    assert hostile not in page
    assert "&lt;script&gt;" in page
    table = pd.read_csv(tmp_path / "both" / "tables" / "parameters.csv")
    pd.testing.assert_frame_equal(table, parameters_of_both(run, pair[1][1]), check_dtype=False)
    keys = pd.read_csv(tmp_path / "both" / "tables" / "key_numbers.csv")
    assert set(keys["run"]) == {"first", hostile}


def test_the_verb_compares_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = {"one": fake_run(), "two": fake_run(seed=2), "joint": fake_joint()}
    monkeypatch.setattr(stored_run, "load", lambda path: (runs[path.name], PASSED))
    assert main(["report", "runs/one", "--compare", "runs/two"]) == 0
    assert (tmp_path / "reports" / "one-two" / "report.html").is_file()
    assert main(["report", "runs/one", "--compare", "runs/one"]) == 2
    assert "--compare runs/one: is the run itself" in capsys.readouterr().err
    assert main(["report", "runs/one", "--compare", "runs/joint"]) == 2
    assert "compare runs of like models" in capsys.readouterr().err


def test_runs_without_a_common_parameter_are_refused() -> None:
    run = fake_run()
    other = run.copy(deep=True)
    other["posterior"] = xr.DataTree(run["posterior"].to_dataset()[["alpha"]].rename(alpha="x"))
    with pytest.raises(RunError, match="share no parameter"):
        parameters_of_both(run, other)


def test_figures_are_written_as_png_and_svg_with_their_numbers(tmp_path: Path) -> None:
    pair = (("one", fake_run(), PASSED), ("two", fake_run(seed=2), PASSED))
    for name in ("first", "again"):
        write_comparison(*pair, tmp_path / name)
    made = sorted(path.name for path in (tmp_path / "first" / "figures").iterdir())
    assert made == ["parameters.csv", "parameters.png", "parameters.svg"]
    svg = [
        (tmp_path / name / "figures" / "parameters.svg").read_bytes() for name in ("first", "again")
    ]
    assert svg[0] == svg[1]
    assert b"sigma_biome" in svg[0]

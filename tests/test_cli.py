"""The command line: verbs, their output, and what is said when something is wrong."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from arrows import SOURCE
from bayes_rootc.cli import main as cli
from bayes_rootc.cli.main import VERBS, main
from bayes_rootc.cli.turnover import years
from bayes_rootc.errors import RunError, SamplingInterrupted
from bayes_rootc.radiocarbon.atmosphere import load_atmosphere
from bayes_rootc.radiocarbon.one_pool import pool_delta14c

PNG = b"\x89PNG\r\n\x1a\n"
TURNOVER = ["turnover", "--year", "2000", "--lat", "45", "--delta14c"]


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data folder, whatever the machine has; relative paths go to the test's own folder."""
    monkeypatch.delenv("BAYES_ROOTC_DATA", raising=False)
    monkeypatch.setattr("bayes_rootc.data.locate.fetched_folder", lambda: tmp_path / "fetched")
    monkeypatch.chdir(tmp_path)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; gives exit code, output and errors."""

    def call(*argv: str) -> tuple[int, str, str]:
        try:
            code = main(argv)
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


# --- the program -----------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_the_verbs(run: Run, argv: list[str]) -> None:
    code, out, err = run(*argv)
    assert (code, err) == (0, "")
    for name, verb in VERBS.items():
        assert f"  {name} " in out
        assert verb.help in out
    assert "examples:" in out


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_keeps_the_contract(run: Run, name: str) -> None:
    module = importlib.import_module(VERBS[name].module)
    assert VERBS[name].help == module.HELP
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"{name} " in module.EPILOG
    assert module.EPILOG.splitlines()[0] in out


def test_version(run: Run) -> None:
    from bayes_rootc import __version__

    assert run("--version") == (0, f"bayes_rootc {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["turnovr"], "unknown verb 'turnovr'; did you mean turnover?"),
        (["xyzzy"], "unknown verb 'xyzzy'; it must be one of fit, show"),
        (["--versoin"], "unrecognized arguments: --versoin; did you mean --version?"),
        ([*TURNOVER, "5", "--latt", "3"], "unrecognized arguments: --latt 3; did you mean --lat?"),
        (["turnover", "--year", "2000"], "the following arguments are required: --delta14c"),
        ([*TURNOVER, "modern"], "argument --delta14c: 'modern' is not a number"),
        ([*TURNOVER, "nan"], "argument --delta14c: 'nan' is not a finite number"),
        (["curve", "--turnover"], "argument --turnover: expected one argument"),
        (["show"], "the following arguments are required: MODEL"),
    ],
)
def test_arguments_that_do_not_parse(run: Run, argv: list[str], message: str) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.endswith("--help` explains\n")


def faulty(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the verb `show` fail in a given way."""

    def fail(_: argparse.Namespace) -> int:
        raise error

    module = SimpleNamespace(HELP="fail", EPILOG="", add_arguments=lambda _: None, run=fail)
    monkeypatch.setattr(cli.importlib, "import_module", lambda _: module)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RunError("runs/x: no such run"), 2, "error: runs/x: no such run\n"),
        (SamplingInterrupted("stopped; kept"), 130, "error: stopped; kept\n"),
        (KeyboardInterrupt(), 130, "stopped by the user\n"),
        (BrokenPipeError(), 141, ""),
        (OSError(28, "No space left on device"), 2, "error: output: No space left on device\n"),
        (PermissionError(13, "Permission denied", "a.csv"), 2, "error: a.csv: Permission denied\n"),
    ],
)
def test_errors_become_one_line_and_a_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    faulty(monkeypatch, error)
    assert run("show") == (code, "", message)


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(monkeypatch, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        main(["show"])


def test_start_up_loads_nothing_heavy() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r}); import atexit, runpy\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "sys.argv = ['bayes_rootc', '--help']; runpy.run_module('bayes_rootc', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = set(done.stderr.split())
    assert done.returncode == 0
    assert "usage: bayes_rootc" in done.stdout
    assert "bayes_rootc.cli.main" in loaded
    assert (
        loaded & {"pymc", "pytensor", "pandas", "matplotlib", "xarray", "numpy", "scipy"} == set()
    )


def test_a_reader_that_leaves_is_no_error() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n"
        "from bayes_rootc.cli.main import main\n"
        "sys.exit(main('curve --turnover 9 --zone NHZone2 --start -9000'.split()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "year,delta14c\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


# --- turnover --------------------------------------------------------------------------------


def test_turnover_of_old_carbon(run: Run) -> None:
    code, out, err = run(*TURNOVER, "-150")
    assert (code, err) == (0, "")
    assert "one solution fits:" in out
    assert "1,560" in out
    assert "NHZone1" in out
    assert "atmosphere: Hua et al. 2021 (packaged annual means)" in out


def test_turnover_of_bomb_carbon(run: Run) -> None:
    _, out, _ = run(*TURNOVER, "100")
    assert "two solutions fit:" in out
    assert "2.59" in out
    assert "90.1" in out
    assert "cannot tell them apart" in out


@pytest.mark.parametrize("written", ["-150", "-150.0", "-1.5e2", "-.15e3"])
def test_negative_numbers_in_every_spelling(run: Run, written: str) -> None:
    code, out, _ = run(*TURNOVER, written, "--json")
    assert code == 0
    assert json.loads(out)["delta14c"] == -150.0


def test_negative_latitude(run: Run) -> None:
    _, out, _ = run("turnover", "--delta14c", "-150", "--year", "2000", "--lat", "-45", "--json")
    assert json.loads(out)["zone"] == "SHZone12"


def test_turnover_json_is_one_document(run: Run) -> None:
    _, out, _ = run(
        *TURNOVER, "100", "--json", "--sd", "4", "--level", "0.9", "--initial", "calibrated",
        "--lag", "1.5",
    )  # fmt: skip
    answer = json.loads(out)
    assert len(answer["modes"]) == 2
    for mode in answer["modes"]:
        assert 0 < mode["lower"] < mode["turnover_years"] < mode["upper"]
    assert sum(mode["mass"] for mode in answer["modes"]) == pytest.approx(1.0, abs=0.01)
    assert {key: answer[key] for key in ("sd", "level", "initial", "lag", "year", "zone")} == {
        "sd": 4.0, "level": 0.9, "initial": "calibrated", "lag": 1.5, "year": 2000.5,
        "zone": "NHZone1",
    }  # fmt: skip
    assert answer["extrapolated"] is False


def test_turnover_says_what_is_extrapolated_and_what_is_a_bound(run: Run) -> None:
    _, out, _ = run("turnover", "--delta14c", "-999", "--year", "2022", "--zone", "NHZone2")
    assert "The atmosphere after 2019.2 is extrapolated by its trend." in out
    assert "the data give a bound, not a value" in out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--delta14c", "1500"], "Δ14C = 1500 is impossible"),
        (["--delta14c", "700"], "is beyond any pool in NHZone1"),
        (["--lat", "91"], "latitude 91 is impossible"),
        (["--zone", "NHZone9"], "zone 'NHZone9' is unknown; it must be one of NHZone1"),
        (["--year", "2030"], "year 2030.5 is beyond the atmospheric record"),
        (["--year", "98"], "in four digits"),
        (["--sd", "-1"], "sd = -1 is impossible"),
        (["--level", "95"], "level = 95 is impossible; it must lie between 0 and 1"),
        (["--initial", "bomb"], "initial state 'bomb' is unknown"),
        (["--lag", "-3"], "--lag -3 is wrong; it must lie between 0 and 100 years"),
        (["--prebomb", "500"], "--prebomb 500 is wrong; it must lie between -100 and 100"),
        (["--data", "nowhere"], "nowhere (--data): no such file or folder"),
        (["--plot", "a.pdf"], "a.pdf: plots are PNG files"),
        (["--structure", "gama"], "--structure: name = 'gama' is wrong"),
        (["--structure", "gamma"], "structure gamma takes either a shape"),
        (["--structure", "two_pool", "--shape", "9", "--fraction", "1.2"], "fraction = 1.2 is"),
        (
            ["--structure", "gamma", "--shape", "0.7", "--mean-age"],
            "gamma with shape 0.7 has no mean age of the stock; the shape must be above 1",
        ),
    ],
)
def test_turnover_refuses(run: Run, more: list[str], message: str) -> None:
    code, out, err = run(*TURNOVER, "-150", *more)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err


def test_turnover_of_many_rates(run: Run) -> None:
    _, out, _ = run(*TURNOVER, "-150", "--json", "--mean-age")
    (one,) = json.loads(out)["modes"]
    assert one["mean_age_years"] == one["turnover_years"]
    gamma = ["--structure", "gamma", "--shape"]
    _, out, _ = run(*TURNOVER, "-150", *gamma, "1.5", "--json", "--mean-age")
    (many,) = json.loads(out)["modes"]
    assert many["mean_age_years"] == pytest.approx(3.0 * many["turnover_years"])
    assert many["turnover_years"] < one["turnover_years"] < many["mean_age_years"]
    _, out, _ = run(*TURNOVER, "-150", *gamma, "1e4", "--json")
    (close,) = json.loads(out)["modes"]
    assert close["turnover_years"] == pytest.approx(one["turnover_years"], rel=1e-3)
    _, out, _ = run(*TURNOVER, "-150", *gamma, "1.5", "--mean-age")
    assert "mean age (years)" in out


def test_a_place_is_needed(run: Run) -> None:
    code, _, err = run("turnover", "--delta14c", "-150", "--year", "2000")
    assert code == 2
    assert err.startswith("error: give --lat, or --zone (one of NHZone1, ")


def test_turnover_plot(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(*TURNOVER, "100", "--plot", "a.png")
    assert code == 0
    assert "two solutions fit" in out
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("value", "text"), [(2.627, "2.63"), (86.44, "86.4"), (1556.0, "1,560"), (995000.0, "995,000")]
)
def test_years_have_three_figures(value: float, text: str) -> None:
    assert years(value) == text


# --- curve -----------------------------------------------------------------------------------

CURVE = ["curve", "--turnover", "100", "--zone", "NHZone2"]


def test_curve_by_month(run: Run) -> None:
    code, out, err = run(*CURVE, "--start", "1950", "--stop", "2019")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "year,delta14c"
    assert len(lines) == 1 + 69 * 12 + 1
    assert lines[1] == "1950.0000,-11.9517"
    assert lines[2].startswith("1950.0833,")
    assert lines[-1].startswith("2019.0000,")
    table = np.genfromtxt(io.StringIO(out), delimiter=",", names=True)
    expected = pool_delta14c(0.01, load_atmosphere("NHZone2"), 1950 + np.arange(829) / 12)[0]
    assert table["delta14c"] == pytest.approx(expected, abs=5.1e-5)


def test_curve_settings(run: Run) -> None:
    _, out, _ = run(
        *CURVE, "--start", "1990.5", "--stop", "1990.6", "--initial", "calibrated", "--lag", "3",
        "--prebomb", "-5",
    )  # fmt: skip
    atmosphere = load_atmosphere("NHZone2", None, "calibrated", -5.0, 3.0)
    expected = pool_delta14c(0.01, atmosphere, 1990.5 + np.arange(2) / 12)[0]
    table = np.genfromtxt(io.StringIO(out), delimiter=",", names=True)
    assert table["delta14c"] == pytest.approx(expected, abs=5.1e-5)


def test_curve_by_latitude_is_that_of_its_zone(run: Run) -> None:
    by_zone = run(*CURVE)
    assert by_zone[0] == 0
    assert run("curve", "--turnover", "100", "--lat", "25") == by_zone


def test_curve_into_files(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(*CURVE, "--stop", "2024", "--output", "out/c.csv", "--plot", "c.png")
    assert code == 0
    assert "889 months, atmosphere: Hua et al. 2021" in out
    text = (tmp_path / "out" / "c.csv").read_text(encoding="utf-8")
    assert text.splitlines()[-1].startswith("2024.0000,")
    assert (tmp_path / "c.png").read_bytes().startswith(PNG)


def test_one_month_can_be_drawn(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(*CURVE, "--start", "2000", "--stop", "2000", "--plot", "c.png")
    assert (code, len(out.splitlines())) == (0, 2)
    assert (tmp_path / "c.png").is_file()


def test_data_come_from_the_option_then_from_the_environment(
    run: Run, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = run(*CURVE)
    given = run(*CURVE, "--data", str(data_folder))
    assert given[0] == 0
    assert given != packaged
    monkeypatch.setenv("BAYES_ROOTC_DATA", str(data_folder))
    assert run(*CURVE) == given


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--turnover", "0"], "turnover = 0 is impossible; it must be above 0 years"),
        (["--turnover", "-3"], "turnover = -3 is impossible"),
        (["--start", "2000", "--stop", "1990"], "the stop not before the start"),
        (["--start", "-60000"], "the start must be -53050 or later"),
        (["--stop", "2028"], "is beyond the atmospheric record; it must be 2026 or earlier"),
        (["--output", "blocked/c.csv"], "cannot be written"),
    ],
)
def test_curve_refuses(run: Run, tmp_path: Path, more: list[str], message: str) -> None:
    (tmp_path / "blocked").touch()
    code, out, err = run(*CURVE, *more)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err


# --- show ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["turnover", "models/turnover.toml"])
def test_show_the_packaged_model(run: Run, name: str) -> None:
    code, out, err = run("show", name)
    assert (code, err) == (0, "")
    assert "turnover at 20 cm, typical biome: 20.8 to 2,890 years" in out
    assert "spec hash " in out


def test_show_loads_no_pymc() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n"
        "from bayes_rootc.cli.main import main\n"
        "assert main(['show', 'turnover']) == 0\n"
        "assert not {'pymc', 'pytensor', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_show_names_a_wrong_key(run: Run, tmp_path: Path) -> None:
    from bayes_rootc.spec.locate import find_model

    text = find_model("turnover").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("chains = 4", "chain = 4"), encoding="utf-8")
    code, out, err = run("show", "mine.toml")
    assert (code, out) == (2, "")
    assert "mine.toml: unknown key sampler.chain; did you mean sampler.chains?" in err


def test_show_says_that_prior_means_are_missing(run: Run, tmp_path: Path) -> None:
    from bayes_rootc.spec.locate import find_model

    text = find_model("joint").read_text(encoding="utf-8")
    more = '\n[prior_means]\nrun = "runs/none"\n'
    (tmp_path / "mine.toml").write_text(text + more, encoding="utf-8")
    code, out, _ = run("show", "mine.toml")
    assert code == 0
    assert "note: `fit` will refuse this model: prior_means.run = runs/none: is no finished" in out


def test_show_without_such_a_model(run: Run) -> None:
    code, _, err = run("show", "turnovr")
    assert (code, err) == (2, "error: turnovr: no such model file; did you mean turnover?\n")

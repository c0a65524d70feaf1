"""A fit that is stopped or killed leaves a partial run that can be read and says so."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import nutpie
import pytest
import xarray as xr

from bayes_rootc.cli.main import main
from bayes_rootc.errors import WriteError
from bayes_rootc.inference import sampling
from bayes_rootc.inference.sampling import STATISTICS, read_draws
from bayes_rootc.spec.turnover import SamplerSection

CHAINS = 2
ENOUGH = 60
PATIENCE_SECONDS = 240


def start_long_fit(folder: Path) -> subprocess.Popen[str]:
    """Start a fit that would take far longer than the test."""
    command = [
        sys.executable, "-m", "bayes_rootc", "fit", "turnover", "--simulated", "60",
        "--name", "long",
        "--runs", "runs", "--no-report", "--chains", str(CHAINS), "--tune", "200",
        "--draws", "20000",
    ]  # fmt: skip
    # Where the tests run in the background, SIGINT is ignored, and a child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for_draws(process: subprocess.Popen[str], checkpoint: Path) -> None:
    """Wait until every chain has some draws on disk."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if checkpoint.is_file():
            posterior = read_draws(checkpoint).posterior
            if posterior.sizes["chain"] == CHAINS and posterior.sizes["draw"] >= ENOUGH:
                return
        time.sleep(0.5)
    process.kill()
    pytest.fail(f"no draws in {PATIENCE_SECONDS} s: {process.communicate()}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_fit_leaves_a_readable_partial_run(
    how: signal.Signals, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = start_long_fit(tmp_path)
    run = tmp_path / "runs" / "long"
    wait_for_draws(process, run / "draws.nc")
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    assert output.startswith("data: SIMULATED world of known truth (asked for), 60 layers")
    assert not (run / "fit.nc").exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped after" in errors
        assert "reads them as a partial run" in errors
        assert "Traceback" not in errors

    assert main(["report", str(run), "--output", str(tmp_path / "report")]) == 0
    assert "partial" in capsys.readouterr().out.lower()
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "PARTIAL" in page
    assert (run / "draws.nc").is_file()


def test_a_full_disk_ends_the_sampler_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []

    class Running:
        """A sampler that is never finished, as nutpie shows one."""

        is_finished = False

        def inspect(self) -> xr.DataTree:
            draws = np.zeros((2, 30))
            statistics = dict.fromkeys(STATISTICS, (("chain", "draw"), draws))
            posterior = xr.Dataset({"tau": (("chain", "draw"), draws)})
            return xr.DataTree.from_dict(
                {"posterior": posterior, "sample_stats": xr.Dataset(statistics)}
            )

        def abort(self) -> None:
            stopped.append(True)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(nutpie, "sample", lambda *_, **__: Running())
    monkeypatch.setattr(xr.DataTree, "to_netcdf", full)
    monkeypatch.setattr(sampling, "CHECKPOINT_SECONDS", (0.0, 0.0))
    section = SamplerSection(chains=2, tune=100, draws=100, seed=1)
    with pytest.raises(WriteError, match="No space left"):
        sampling.sample(None, section, target_accept=0.9, checkpoint=tmp_path / "draws.nc")
    assert stopped == [True]
    assert list(tmp_path.iterdir()) == []

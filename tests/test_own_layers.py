"""A newcomer's table: twenty layers with nothing but what is needed, from CSV to report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayes_rootc.cli.main import main
from bayes_rootc.inference.store import load_run


def test_layers_without_any_covariate_are_fitted_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BAYES_ROOTC_DATA", raising=False)
    rng = np.random.default_rng(3)
    rows = ["profile,lat,lon,biome,top_cm,bottom_cm,sample_year,delta14c"]
    for pit in range(5):
        for depth, (top, bottom) in enumerate(((0, 10), (10, 25), (25, 45), (45, 80))):
            value = 60.0 - 90.0 * depth + 45.0 * rng.standard_normal()
            place = f"{45 + pit},{8 + 2 * pit},temperate_forests"
            rows.append(f"pit{pit},{place},{top},{bottom},2008,{value:.1f}")
    (tmp_path / "own.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = ["--tune", "300", "--draws", "100", "--chains", "2"]
    # 1: stored, but so few draws do not pass the gate.
    assert main(["fit", "--data", "own.csv", "--name", "mine", *words]) in (0, 1)
    run, _ = load_run(tmp_path / "runs" / "mine")
    assert run["posterior"].sizes["profile"] == 5
    assert "gamma" not in run["prior"].data_vars
    assert np.isfinite(run["prior_predictive/delta14c"]).all()
    age = run["derived/c_age"].median(("chain", "draw_kept")).to_numpy()
    assert ((age > 5.0) & (age < 50_000.0)).all()
    assert main(["report", "runs/mine"]) == 0
    assert (tmp_path / "reports" / "mine" / "report.html").is_file()
    assert "report" in capsys.readouterr().out

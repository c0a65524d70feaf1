"""The public surface is frozen, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bayes_rootc
from bayes_rootc.errors import RunError
from fake_joint import fake_joint

PUBLIC = {
    "__version__", "build_grid", "check_grid", "check_layers", "compare_runs",
    "compare_structures", "crossval",
    "explain", "export_maps", "fetch_data", "find_data", "fit", "forward_curve", "learn",
    "learn_crossval", "load_learned", "load_run", "losses", "maps", "plan_maps",
    "plot_applicability", "plot_curves", "plot_turnover", "read_layers", "results", "sensitivity",
    "simulate_world", "template", "template_columns", "turnover", "write_report",
}  # fmt: skip


def test_public_names_are_these_and_no_others() -> None:
    assert set(bayes_rootc.__all__) == PUBLIC == set(dir(bayes_rootc))
    for name in PUBLIC:
        assert getattr(bayes_rootc, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(bayes_rootc, "fit_all_the_things")


def test_import_and_help_load_no_heavy_library() -> None:
    code = (
        "import sys, bayes_rootc.cli.main as m\n"
        "try:\n    m.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pymc', 'pytensor', 'nutpie', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_losses_and_reports_from_python(tmp_path: Path) -> None:
    run = fake_joint()
    found = bayes_rootc.losses(run)
    assert {"estimate", "biome", "layer_cm", "i_loss_q50"} <= set(found)
    with pytest.raises(RunError, match="no such run"):
        bayes_rootc.write_report(tmp_path / "none", tmp_path / "out")
    with pytest.raises(RunError, match="no such run"):
        bayes_rootc.learn(run=tmp_path / "none", folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()

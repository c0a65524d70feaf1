"""The public surface is frozen, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys

import bayes_rootc

PUBLIC = {
    "__version__", "check_layers", "fit", "forward_curve", "load_run", "read_layers",
    "simulate_world", "turnover",
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

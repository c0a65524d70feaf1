"""A fit of the comparison that did not converge is sampled once more, with shorter steps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bayes_rootc.inference import structures
from bayes_rootc.inference.structures_folder import seconds_of
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model

JOINT = load_spec(find_model("joint"))


class Fits:
    """Stands for the fits of one folder: what was asked for, what is there."""

    def __init__(self, *passed: bool) -> None:
        self.passed = list(passed)
        self.accepted: list[float] = []
        self.there: Any = None

    def fit_model(self, spec: Any, *_: Any, **__: Any) -> Any:
        self.accepted.append(spec.sampler.target_accept)
        self.there = spec, self.passed.pop(0)
        return self.open_run(Path())

    def is_current(self, _: Path, spec: Any, __: Any) -> bool:
        return self.there is not None and bool(self.there[0] == spec)

    def open_run(self, _: Path) -> Any:
        return SimpleNamespace(diagnostics={
            "passed": self.there[1], "verdict": "18 divergences", "sampling_seconds": 10.0,
        })  # fmt: skip


@pytest.mark.parametrize(
    ("passed", "accepted"),
    [([True], [0.9]), ([False, True], [0.9, 0.975]), ([False, False], [0.9, 0.975])],
)
def test_fits_that_fail_are_repeated_once_and_kept(
    passed: list[bool], accepted: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = Fits(*passed)
    for name in ("fit_model", "is_current", "open_run"):
        monkeypatch.setattr(structures, name, getattr(fits, name))
    said: list[str] = []
    inputs: Any = None
    for _ in range(2):
        fit = structures.fitted(JOINT, inputs, tmp_path, ("joint", "gamma"), said.append)
        assert fit.diagnostics["passed"] == passed[-1]
    assert fits.accepted == pytest.approx(accepted)
    assert sum("once more, with shorter steps" in line for line in said) == len(passed) - 1
    assert "fitted already" in said[-1]
    # All attempts count as time that the structure takes.
    assert seconds_of(tmp_path) == {"joint/gamma": 10.0 * len(accepted)}

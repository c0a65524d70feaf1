"""What diverges is sampled once more, with shorter steps; what is there already is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayes_rootc.errors import SamplingInterrupted
from bayes_rootc.inference import sampling, structures
from bayes_rootc.inference.sampling import Draws, sample_with_retry, shorter_steps
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model

JOINT = load_spec(find_model("joint"))


def draws(divergences: int) -> Draws:
    diverging = np.arange(20).reshape(2, 10) < divergences
    statistics = xr.Dataset({"diverging": (("chain", "draw"), diverging)})
    return Draws(xr.Dataset(), statistics, complete=True, seconds=10.0)


@pytest.mark.parametrize(
    ("found", "allowed", "accepted"),
    [([0], 0, [0.9]), ([2], 2, [0.9]), ([3, 0], 2, [0.9, 0.975]), ([1, 4], 0, [0.9, 0.975])],
)
def test_what_diverges_too_often_is_sampled_once_more(
    found: list[int], allowed: int, accepted: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    left = list(found)

    def sample(*_: Any, target_accept: float, checkpoint: Path, cores: int) -> Draws:
        assert (checkpoint, cores) == (Path("nowhere"), 1)
        asked.append(target_accept)
        return draws(left.pop(0))

    monkeypatch.setattr(sampling, "sample", sample)
    said: list[str] = []
    kept = sample_with_retry(
        None, JOINT.sampler, target_accept=0.9, divergences_max=allowed, say=said.append,
        checkpoint=Path("nowhere"), cores=1,
    )  # fmt: skip
    assert asked == pytest.approx(accepted)
    assert kept.attempts == len(found)
    assert kept.seconds == 10.0 * len(found)
    assert int(kept.sample_stats["diverging"].sum()) == found[-1]
    assert len(said) == len(found) - 1
    assert all(f"diverged ({found[0]} of 20 draws" in line for line in said)


def test_stopped_in_the_second_attempt_leaves_nothing_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "draws.nc"
    found = [3]

    def sample(*_: Any, **__: Any) -> Draws:
        if not found:
            raise SamplingInterrupted("stopped")
        checkpoint.write_bytes(b"all draws of the first attempt")
        return draws(found.pop())

    monkeypatch.setattr(sampling, "sample", sample)
    with pytest.raises(SamplingInterrupted):
        sample_with_retry(
            None, JOINT.sampler, target_accept=0.9, divergences_max=0, say=lambda _: None,
            checkpoint=checkpoint,
        )  # fmt: skip
    assert not checkpoint.exists()


def test_steps_get_shorter() -> None:
    assert shorter_steps(0.8) == pytest.approx(0.95)
    assert 0.99 < shorter_steps(shorter_steps(0.9)) < 1.0


def test_a_comparison_opens_the_fits_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def fit_model(_: Any, __: Any, path: Path, **___: Any) -> None:
        made.append(path)

    monkeypatch.setattr(structures, "fit_model", fit_model)
    monkeypatch.setattr(structures, "is_current", lambda path, *_: path in made)
    monkeypatch.setattr(structures, "open_run", lambda path: path)
    said: list[str] = []
    inputs: Any = None
    for _ in range(2):
        structures.fitted(JOINT, inputs, tmp_path / "joint" / "gamma", said.append)
    assert made == [tmp_path / "joint" / "gamma"]
    assert ["fitted already" in line for line in said] == [False, True]

"""A learner and an estimate of the loss from outside the package, by registration alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.cli import stored_run
from bayes_rootc.cli.main import main
from bayes_rootc.errors import SpecError
from bayes_rootc.extend import Estimate, register_estimate, register_learner
from bayes_rootc.learning.cross import cross_predict
from bayes_rootc.learning.learners import LEARNERS
from bayes_rootc.loss.estimates import ESTIMATES, MEAN_OF_ALL, STUDY
from bayes_rootc.report import write
from fake_joint import fake_joint
from fake_run import fake_diagnostics
from learning_worlds import spec_of, table_of

LEARNER = """
from sklearn.neighbors import KNeighborsRegressor

from bayes_rootc.extend import Learner, register_learner

register_learner(
    "nearest",
    Learner(
        "mean of the nearest rows", "sklearn",
        lambda settings, seed: KNeighborsRegressor(**settings),
        grid=({"n_neighbors": 5}, {"n_neighbors": 10}), takes_weight=False, quick={},
    ),
)
"""
ESTIMATE = """
from dataclasses import replace

from bayes_rootc.extend import Estimate, SiteFlows, register_estimate


def halved(flows: SiteFlows) -> SiteFlows:
    return replace(flows, i_root={name: 0.5 * root for name, root in flows.i_root.items()})


register_estimate(
    Estimate(
        7, "delta14c", "bnpp", "Δ14C", "half of predicted BNPP", "observed I_bulk distribution",
        "observed", change=halved,
    )
)
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with modules of a user; what they register is taken back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_learner.py").write_text(LEARNER, encoding="utf-8")
    (tmp_path / "my_estimate.py").write_text(ESTIMATE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("import no_such_thing\n", encoding="utf-8")
    yield tmp_path
    LEARNERS.pop("nearest", None)
    del ESTIMATES[len(STUDY) :]
    for name in ("my_learner", "my_estimate"):
        sys.modules.pop(name, None)


def test_a_sixth_learner_learns_in_every_process(modules: Path) -> None:
    del modules
    spec = spec_of("svm", "nearest", plugins=["my_learner"], validation={"n_folds": 3})
    one, two = (
        cross_predict(table_of(n_groups=40), spec, "grouped", seed=5, n_jobs=n) for n in (1, 2)
    )
    assert one.learners == ("svm", "nearest", "ensemble")
    assert np.array_equal(one.prediction, two.prediction)
    assert (one.weights.groupby("learner")["weight"].std() > 0.0).all()


def test_a_seventh_estimate_stands_beside_the_six(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: xr.DataTree = fake_joint()
    monkeypatch.setattr(stored_run, "load", lambda _: (run, fake_diagnostics(passed=True)))
    assert main(["loss", "runs/joint", "--output", "six"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(write, "LOSS_FIGURES", {})
        words = ["loss", "runs/joint", "--output", "seven", "--plugin", "my_estimate"]
        assert main(words) == 0
    index = ["statistic", "biome", "layer_cm"]
    six, seven = (
        pd.read_csv(modules / name / "tables" / "losses.csv", dtype={"estimate": str})
        for name in ("six", "seven")
    )
    ours, third = (seven[seven["estimate"] == name].set_index(index) for name in ("7", "3"))
    assert len(ours) == len(third) > 0
    ratio = (ours["i_root_q50"] / third["i_root_q50"]).dropna()
    assert ratio.to_numpy() == pytest.approx(0.5)
    assert ours["i_bulk_q50"].equals(third["i_bulk_q50"])
    means = (t[t["estimate"] == MEAN_OF_ALL].reset_index(drop=True) for t in (six, seven))
    pd.testing.assert_frame_equal(*means)


def test_what_cannot_be_registered_is_told(
    modules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del modules
    assert main(["loss", "runs/x", "--plugin", "broken"]) == 2
    assert "plugin broken: cannot be imported (ModuleNotFoundError" in capsys.readouterr().err
    with pytest.raises(SpecError, match="learner forest: there is one of this name already"):
        register_learner("forest", LEARNERS["svm"])
    with pytest.raises(SpecError, match=r"estimate 6: taken are .*; right: 7"):
        register_estimate(Estimate(6, "npp", "bnpp", "", "", "", ""))
    with pytest.raises(SpecError, match="kind somewhere; right: npp, delta14c, root"):
        register_estimate(Estimate(9, "somewhere", "bnpp", "", "", "", ""))

"""Prior means of places: read from a learning run, refused where they are of other data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.data.prior_means import CERTIFICATE, TABLE, add_prior_means
from bayes_rootc.errors import DataError
from bayes_rootc.spec.joint import JointSpec, PriorMeansSection
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model


@pytest.fixture(scope="module")
def world() -> Inputs:
    spec = load_spec(find_model("joint"))
    assert isinstance(spec, JointSpec)
    return simulate_inputs(spec, 40, seed=2)


def learned(folder: Path, world: Inputs, data_hash: str | None = None) -> PriorMeansSection:
    """Write what a learning run leaves for a fit, one place left out."""
    table = pd.DataFrame({"place": world.places["place"][1:]})
    table["prior_k"] = np.linspace(-8.0, -5.0, len(table))
    table.to_csv(folder / TABLE, index=False)
    about = {"data_hash": data_hash or world.data_hash}
    (folder / CERTIFICATE).write_text(json.dumps(about), encoding="utf-8")
    return PriorMeansSection(run=str(folder))


def test_predictions_stand_beside_the_places(world: Inputs, tmp_path: Path) -> None:
    found = add_prior_means(world, learned(tmp_path, world))
    assert list(found.places["place"]) == list(world.places["place"])
    assert np.isnan(found.places["prior_k"].iloc[0])
    assert found.places["prior_k"].iloc[-1] == pytest.approx(-5.0)
    assert found.data_hash != world.data_hash
    assert found.notes[-1] == f"prior means of prior_k from {tmp_path}; 1 places have none"


def test_nothing_is_added_unless_asked(world: Inputs) -> None:
    assert add_prior_means(world, None) is world


def test_predictions_of_other_data_are_refused(world: Inputs, tmp_path: Path) -> None:
    section = learned(tmp_path, world, data_hash="0123")
    with pytest.raises(DataError, match=r"learned from data 0123, but these are .* learn again"):
        add_prior_means(world, section)


def test_a_folder_without_a_learning_run_is_refused(world: Inputs, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no finished learning run .* learn models/learning"):
        add_prior_means(world, PriorMeansSection(run=str(tmp_path / "none")))

"""Held-out places of a simulated world, by the joint model with and without prior means."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.errors import SpecError
from bayes_rootc.inference.learning_crossval import METHODS, compare_prior_means
from bayes_rootc.spec.joint import JointSpec
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec
from bayes_rootc.spec.locate import find_model
from learning_worlds import spec_of


def joint_of(*blocks: str) -> JointSpec:
    content = dump_spec(load_spec(find_model("joint")))
    content["blocks"] = [block for block in content["blocks"] if block["model"] in blocks]
    spec = parse_spec(content)
    assert isinstance(spec, JointSpec)
    return spec


def test_without_turnover_there_is_nothing_to_score() -> None:
    spec = joint_of("bnpp")
    with pytest.raises(SpecError, match="blocks: turnover is missing; held-out layers are scored"):
        compare_prior_means(spec, spec_of("svm"), simulate_inputs(spec, 60, seed=7))


@pytest.mark.slow
def test_methods_are_scored_on_the_same_layers() -> None:
    spec = joint_of("turnover", "bnpp")
    inputs = simulate_inputs(spec, 150, seed=7)
    learning = spec_of("svm", "mars", validation={"n_folds": 3, "inner_folds": 2})
    scores, heldout = compare_prior_means(spec, learning, inputs, n_folds=2, n_jobs=1)
    n = len(inputs.tables["layers"].table)
    assert list(scores["method"]) == list(METHODS)
    assert (scores["n_layers"] == n).all()
    assert len(heldout) == 3 * n
    assert np.isfinite(heldout[["crps", "log_score"]]).all(axis=None)
    by_method = scores.set_index("method")
    assert by_method.loc["prior_means", "lambda"] == pytest.approx(1.0, abs=1.0)
    assert by_method.loc["prior_means", "crps"] == pytest.approx(
        by_method.loc["joint", "crps"], rel=0.3
    )
    assert 0.7 < by_method.loc["joint", "coverage_90"] <= 1.0

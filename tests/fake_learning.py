"""Tables of a small learning run, made up: nothing is learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

TARGETS, RULES = ("i_root", "ln_k"), ("random", "grouped")


def fake_learning(
    learner: str = "forest", feature: str = "soil_clay", *, converged: bool = True
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Return tables and certificate; one learner and one feature may have names of one's own."""
    rng = np.random.default_rng(1)
    cases = pd.MultiIndex.from_product([TARGETS, RULES], names=["target", "rule"]).to_frame(False)
    learners = [learner, "svm", "ensemble"]
    scores = cases.merge(pd.DataFrame({"learner": learners}), how="cross")
    scores["rmse"] = rng.uniform(0.5, 1.0, len(scores))
    scores["r2"] = rng.uniform(-0.3, 0.8, len(scores))
    scores.loc[0, "r2"] = -3.0
    weights = scores[scores["learner"] != "ensemble"][["target", "rule", "learner"]].assign(fold=0)
    predictions = cases.merge(pd.DataFrame({"row": range(12)}), how="cross")
    predictions["y"] = rng.normal(size=len(predictions))
    predictions["ensemble"] = predictions["y"] + 0.3 * rng.normal(size=len(predictions))
    features = pd.DataFrame({"feature": [feature, "bio01"]})
    targets = pd.DataFrame({"target": TARGETS})
    importance = targets.merge(features, how="cross").assign(importance=0.1, sd=0.02)
    dependence = pd.concat(
        [
            targets.assign(feature=name, value=value, prediction=0.1 * n)
            for name, values in ((feature, (0.0, 1.0, 2.0)), ("biome", ("tundra", feature)))
            for n, value in enumerate(values)
        ]
    )
    curve = cases.merge(pd.DataFrame({"n": [50, 100, 200]}), how="cross").assign(learner=learner)
    curve["rmse"] = 1.0 / np.log(curve["n"])
    layers = pd.DataFrame({"layer": np.repeat(["0-20", "20-40"], 9)})
    layers[["learner", "model"]] = rng.lognormal(-2.0, 1.0, (18, 2))
    tables = {
        "scores": scores,
        "weights": weights.assign(weight=0.5),
        "parameters": weights.assign(parameters="trees = 500", inner_rmse=0.6),
        "predictions": predictions,
        "importance": importance,
        "dependence": dependence,
        "curve": curve,
        "harmonised": layers,
    }
    info: dict[str, Any] = {
        "source": "real", "absent": {learner: "not installed"}, "version": "0.1.0", "seed": 1,
        "spec_hash": "5" * 64, "data_hash": "d" * 64, "seconds": 3.0,
        "run": {"passed": converged, "verdict": "" if converged else "R-hat of tau is 1.73"},
    }  # fmt: skip
    return tables, info

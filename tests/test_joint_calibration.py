"""Simulated joint worlds: intervals of every biome's I_loss cover the truth as often as they say.

Biomes without any BNPP are part of it: their I_loss rests on the population alone, so their
intervals must be wider and cover as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.data.world_truth import DEFAULT_TRUTH
from bayes_rootc.inference.flow_derive import biome_level, label
from bayes_rootc.inference.kinds import FLOW
from bayes_rootc.inference.sampling import compile_model, sample
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.flow_problem import assemble_flow
from bayes_rootc.spec.joint import JointSpec
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec
from bayes_rootc.variables import EFFECTS
from true_flows import true_flows

WORLDS = 30
LAYERS = 400
FIRST_SEED = 2000
NAMES = ("i_loss_total_mean", "i_loss_total_typical")
EMPTY = ("shrublands", "tundra", "deserts", "croplands")
"""Biomes without BNPP, as in the real data."""


def calibration_spec() -> JointSpec:
    """Return the joint model with a short sampler."""
    content = dump_spec(load_spec(Path(__file__).parents[1] / "models" / "joint.toml"))
    content["sampler"] |= {"chains": 2, "tune": 500, "draws": 500, "target_accept": 0.9}
    spec = parse_spec(content)
    assert isinstance(spec, JointSpec)
    return spec


def drawn_truth(seed: int) -> dict[str, Any]:
    """Levels and spreads between biomes that differ from world to world."""
    rng = np.random.default_rng([seed, 7])
    truth = dict(DEFAULT_TRUTH)
    for name in EFFECTS:
        truth[f"alpha_{name}"] += 0.3 * rng.standard_normal()
        truth[f"sigma_biome_{name}"] *= np.exp(0.3 * rng.standard_normal())
    return truth


def one_world(seed: int) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Fit one world; name → biome → 5 % quantile, truth, 95 % quantile of I_loss."""
    spec = calibration_spec()
    problem = assemble_flow(spec, simulate_inputs(spec, LAYERS, seed, truth=drawn_truth(seed)))
    draws = sample(
        compile_model(FLOW.build(spec, problem)),
        spec.sampler,
        target_accept=FLOW.target_accept(spec.sampler, problem),
        cores=1,
    )
    flows = biome_level(problem, label(draws.posterior, problem))
    truth = true_flows(problem)
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for name in NAMES:
        low, high = flows[name].quantile([0.05, 0.95], dim=("chain", "draw")).to_numpy()
        found[name] = {
            key: (float(low[b]), truth[name][key], float(high[b]))
            for b, key in enumerate(BIOME_KEYS)
        }
    return found


def covers(interval: tuple[float, float, float]) -> bool:
    low, truth, high = interval
    return low <= truth <= high


def judge(worlds: list[dict[str, dict[str, tuple[float, float, float]]]]) -> None:
    """Hold the coverage of all worlds against what 90 % intervals promise."""
    found = [(key, one) for world in worlds for name in NAMES for key, one in world[name].items()]
    coverage = float(np.mean([covers(one) for _, one in found]))
    without = [one for key, one in found if key in EMPTY]
    assert 0.85 <= coverage <= 0.95, coverage
    # 30 worlds x 4 biomes of one covariance: as wide a margin as chance needs.
    assert float(np.mean([covers(one) for one in without])) >= 0.80
    widths = [one[2] - one[0] for one in without]
    known = [one[2] - one[0] for key, one in found if key not in EMPTY]
    assert np.median(widths) > 1.5 * np.median(known)


@pytest.mark.slow
def test_intervals_of_biome_losses_cover_the_truth() -> None:
    judge([one_world(FIRST_SEED + number) for number in range(WORLDS)])

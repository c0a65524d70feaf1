"""What structures gain under controls: because layers have many rates, or for another reason.

Not a time. PSIS-LOO of one pool, gamma and gamma with a shape that changes with depth, each

- on other depth bases, log1p(z/c) with c of 2, 10 (the model's) and 50 cm: a structure bends the
  relation of Δ14C to ln k, and might only mend a wrong shape of ln k over depth;
- without the data sets of one laboratory (Becker-Heidmann, Scharpenseel), whose profiles of many
  thin layers are a quarter of all.

2 chains of 500 draws a fit. Standard errors of differences count studies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.data.source import find_source
from bayes_rootc.inference.kinds import target_acceptance
from bayes_rootc.inference.predictive import (
    flat_draws,
    layer_log_likelihood,
    layer_means,
    shape_place,
)
from bayes_rootc.inference.sampling import compile_model, sample
from bayes_rootc.inference.scores import clustered_error
from bayes_rootc.inference.structures import with_structure
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.models.turnover import build_model
from bayes_rootc.spec.load import dump_spec, load_structures, load_turnover, parse_spec
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec
from benchmarks.common import machine

OFFSETS_CM = (2.0, 10.0, 50.0)
OWN_OFFSET_CM = 10.0
STRUCTURES = ("one_pool", "gamma", "gamma_by_depth")
LABORATORY = ("*Becker-Heidmann*", "*Scharpenseel*")
SEED = 20260101


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Fit every structure under every control, and compare."""
    result: dict[str, Any] = {"machine": machine()}
    for name, leave_out, offset in (
        *((f"log1p(z/{c:g} cm)", (), c) for c in OFFSETS_CM),
        ("without one laboratory", LABORATORY, OWN_OFFSET_CM),
    ):
        scores = {key: _elpd(key, leave_out, offset) for key in STRUCTURES}
        one, study = scores["one_pool"][:2]
        result[name] = {"n_layers": len(one), "elpd_one_pool": float(one.sum())}
        for key in STRUCTURES[1:]:
            elpd, _, shape = scores[key]
            error = len(one) * clustered_error(pd.Series(elpd - one), study)
            result[name][key] = {"difference": float((elpd - one).sum()), "se": error, **shape}
        say(f"{name}: {result[name]}")
    return result


def _elpd(
    structure: str, leave_out: tuple[str, ...], offset: float
) -> tuple[np.ndarray, pd.Series, dict[str, list[float]]]:
    """Elpd and study of each layer, and the quantiles of the sampled shape."""
    section = dump_spec(load_structures(find_model("structures")).candidates[structure])
    content = dump_spec(with_structure(load_turnover(find_model("turnover")), section))
    content["data"]["leave_out"] = list(leave_out)
    spec = parse_spec(content, where="structure_controls")
    assert isinstance(spec, TurnoverSpec)
    inputs = find_source(spec).inputs
    problem = _on_basis(assemble(spec, inputs.tables["layers"], inputs.folder), spec, offset)
    sampler = SamplerSection(chains=2, tune=500, draws=500, seed=SEED)
    drawn = sample(
        compile_model(build_model(spec, problem.design, problem)), sampler,
        target_accept=target_acceptance(spec.sampler, problem.design),
    ).posterior  # fmt: skip
    draws = flat_draws(drawn)
    by_layer = layer_log_likelihood(
        layer_means(draws, problem.design), draws["tau"], problem,
        place=shape_place(problem, draws),
    )  # fmt: skip
    shaped = by_layer.reshape(drawn.sizes["chain"], drawn.sizes["draw"], -1).astype(float)
    likelihood = xr.Dataset({"delta14c": (("chain", "draw", "layer"), shaped)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few layers have high Pareto k under every structure
        tree = xr.DataTree.from_dict({"log_likelihood": likelihood, "posterior": drawn})
        loo = azs.loo(tree, var_name="delta14c", pointwise=True)
    shape = {key: np.quantile(draws[key], [0.025, 0.5, 0.975]).round(3).tolist()
             for key in ("shape", "shape_slope") if key in draws}  # fmt: skip
    return np.asarray(loo.elpd_i).ravel(), problem.layers["entry"].reset_index(drop=True), shape


def _on_basis(problem: Problem, spec: TurnoverSpec, offset: float) -> Problem:
    """Let ln k be a straight line of log1p(z/offset); the shape keeps its own basis."""
    middle = problem.layers[["top_cm", "bottom_cm"]].to_numpy(float).mean(axis=1)
    reference = spec.model_options.reference_depth_cm
    depth = np.log1p(middle / offset) - np.log1p(reference / offset)
    return replace(problem, design=replace(problem.design, depth=depth))

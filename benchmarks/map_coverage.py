"""Whether 95 % intervals of both engines hold what was measured in blocks of 5° held out.

Five folds of blocks. Forests are grown, and the joint model is fitted (2 chains of 500), without
the places of a fold. Compared with their predictive intervals: ln BNPP of held-out sites (mean of
the records) and ln I_bulk of held-out layers (the posterior median of a fit to all data, as the
learners take it). The posterior's draws are those of the engine that maps are made with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.site_table import place_id
from bayes_rootc.data.source import find_source
from bayes_rootc.inference.derive_layers import LayerDraws, kept_draws, per_layer, pick
from bayes_rootc.inference.flow_constants import flow_constants
from bayes_rootc.inference.flow_derive import label
from bayes_rootc.inference.flow_levels import layer_means_k, recover_density
from bayes_rootc.inference.kinds import FLOW
from bayes_rootc.inference.learning_tables import learning_tables
from bayes_rootc.inference.predictive import flat_draws
from bayes_rootc.inference.sampling import Draws, compile_model, sample
from bayes_rootc.learning.folds import block_names
from bayes_rootc.mapping.forest import NORMAL_95, TARGETS, grow_forest
from bayes_rootc.mapping.posterior import posterior_engine, taken
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow
from bayes_rootc.spec.joint import JointSpec
from bayes_rootc.spec.load import dump_spec, load_spec
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.map import ForestSection
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec
from bayes_rootc.units import Floats
from benchmarks.common import machine

FOLDS, DEGREES, KEPT, SEED = 5, 5.0, 500, 20260101
ENDS = (0.025, 0.975)


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Count, over all folds, how often an interval of 95 % holds what was held out."""
    before = machine()
    spec = load_spec(find_model("joint"))
    assert isinstance(spec, JointSpec)
    whole = assemble_flow(spec, find_source(spec).inputs)
    say(f"data: {whole.inputs.source}, {len(whole.inputs.places)} places")
    derived = _derived(whole, _sampled(spec, whole), np.random.default_rng(SEED))
    tables = learning_tables(whole, derived, TARGETS)
    places = whole.inputs.places
    block = block_names(places["lat"].to_numpy(float), places["lon"].to_numpy(float), DEGREES)
    names, of_place = np.unique(block, return_inverse=True)
    fold = (np.random.default_rng(SEED).permutation(len(names)) % FOLDS)[of_place]
    found: dict[str, list[pd.DataFrame]] = {}
    for number in range(FOLDS):
        held = fold == number
        _forests(found, tables, held, places)
        _posterior(found, spec, whole, held, tables)
        say(f"fold {number + 1} of {FOLDS} done")
    rows = {name: pd.concat(parts) for name, parts in found.items()}
    result: dict[str, Any] = {"machine": before}
    for name, frame in rows.items():
        result[name] = {"coverage_95": float(frame["inside"].mean()), "n": len(frame),
                        "median_width": float(frame["width"].median())}  # fmt: skip
        say(f"{name}: {result[name]}")
    return result


def _record(found: dict[str, list[pd.DataFrame]], name: str, y: Floats, ends: Any) -> None:
    low, high = ends
    inside = (low <= y) & (y <= high)
    found.setdefault(name, []).append(pd.DataFrame({"inside": inside, "width": high - low}))


def _forests(found: Any, tables: Any, held: np.ndarray, places: pd.DataFrame) -> None:
    out = set(places.loc[held, "place"])
    for group in ("profile", "block"):
        for target, table in tables.items():
            where = [place_id(a, b) for a, b in zip(table.lat, table.lon, strict=True)]
            mask = np.array([one in out for one in where])
            section = ForestSection(held_out=group)  # type: ignore[arg-type]
            mapped, _ = grow_forest(table.rows(~mask), section, SEED)
            mean, sd = mapped.predict(table.features[mask])
            half = NORMAL_95 * sd
            _record(found, f"forest_{group} {target}", table.y[mask], (mean - half, mean + half))


def _without(inputs: Inputs, out: set[str]) -> Inputs:
    tables = {}
    for name, data in inputs.tables.items():
        frame = data.table
        where = [place_id(a, b) for a, b in zip(frame["lat"], frame["lon"], strict=True)]
        keep = np.array([one not in out for one in where])
        tables[name] = replace(data, table=frame[keep].reset_index(drop=True))
    return replace(inputs, tables=tables)


def _posterior(
    found: Any, spec: JointSpec, whole: FlowProblem, held: np.ndarray, tables: Any
) -> None:
    out = set(whole.inputs.places.loc[held, "place"])
    problem = assemble_flow(spec, _without(whole.inputs, out))
    run = _tree(spec, problem, _sampled(spec, problem))
    engine = posterior_engine(run, KEPT, root="bnpp", clamp=True)
    rng = np.random.default_rng(SEED)
    rows, sites = whole.rows, whole.sites
    assert rows is not None
    site = rows.profile_site[rows.profile]
    mask = held[sites.place[site]]
    site, depth = site[mask], rows.depth[mask]
    _, bulk = engine.draw(whole.inputs.places.iloc[sites.place[site]], sites.biome[site], rng)
    # Of the engine's first layer: ln(k · rho) at the reference depth, residuals of place, profile
    # and layer included. The trend over depth carries it to the depth of the layer.
    at_reference = np.log(bulk[:, 0] / engine.bulk_length[sites.biome[site], 0])
    trend = (taken(run, "s_k", KEPT) + taken(run, "s_rho", KEPT))[:, sites.biome[site]].T
    layers = whole.inputs.tables["layers"].table
    thickness = (layers["bottom_cm"] - layers["top_cm"]).to_numpy(float)[mask]
    drawn = at_reference + trend * depth[:, None] + np.log(thickness)[:, None]
    _record(found, "posterior i_bulk", tables["i_bulk"].y[mask], np.quantile(drawn, ENDS, axis=1))
    records = whole.records["bnpp"]
    site, count = np.unique(records.site, return_counts=True)
    mask = held[sites.place[site]]
    site, count = site[mask], count[mask]
    root, _ = engine.draw(whole.inputs.places.iloc[sites.place[site]], sites.biome[site], rng)
    # What was measured is a mean of records, which scatter about the site.
    scatter = taken(run, "tau_bnpp", KEPT) / np.sqrt(count)[:, None]
    drawn = np.log(root.sum(axis=1)) + scatter * rng.standard_normal(scatter.shape)
    _record(found, "posterior i_root", tables["i_root"].y[mask], np.quantile(drawn, ENDS, axis=1))


def _tree(spec: JointSpec, problem: FlowProblem, draws: Draws) -> xr.DataTree:
    """As much of a stored run as the posterior engine takes."""
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"spec": json.dumps(dump_spec(spec)), "model": "joint"}),
            "posterior": draws.posterior,
            "derived": xr.Dataset(),
            "constant_data": flow_constants(problem),
        }
    )


def _sampled(spec: JointSpec, problem: FlowProblem) -> Draws:
    sampler = SamplerSection(chains=2, tune=500, draws=500, seed=SEED)
    compiled = compile_model(FLOW.build(spec, problem))
    draws = sample(compiled, sampler, target_accept=FLOW.target_accept(spec.sampler, problem))
    return replace(draws, posterior=label(draws.posterior, problem))


def _derived(problem: FlowProblem, draws: Draws, rng: np.random.Generator) -> Any:
    assert problem.likelihood is not None
    shape = (draws.posterior.sizes["chain"], draws.posterior.sizes["draw"])
    kept = kept_draws(shape, KEPT)
    some = {n: pick(v, shape, kept) for n, v in flat_draws(draws.posterior).items()}
    turnover = problem.blocks["turnover"]
    assert isinstance(turnover, TurnoverSpec)
    layers = LayerDraws(layer_means_k(problem, some), some["tau_k"], {}, shape[0], kept)
    df = turnover.likelihood.student_t_df
    derived = per_layer(problem.likelihood, df, layers, rng)["derived"]
    ln_rho, _ = recover_density(problem, some, rng)
    rho = np.exp(ln_rho).reshape(derived["k"].shape)
    return derived.assign(rho=(derived["k"].dims, rho))

"""A shape that changes with depth: known answers, the model, what is derived, recovery."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bayes_rootc.data.table_data import TableData
from bayes_rootc.data.world import simulate_world
from bayes_rootc.inference.derive_layers import LayerDraws, per_layer
from bayes_rootc.inference.kinds import target_acceptance
from bayes_rootc.inference.predictive import (
    layer_log_likelihood,
    replicate_delta14c,
    shape_place,
)
from bayes_rootc.inference.sampling import compile_model, sample
from bayes_rootc.layers import STANDARD_LAYERS, STANDARD_MIDDLES_CM, depth_basis
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.models.turnover import build_model
from bayes_rootc.spec.load import dump_spec
from bayes_rootc.spec.turnover import TurnoverSpec
from test_calibration import calibration_spec
from test_structures import PRIOR, SLOPE, with_structure

N = 30


@pytest.fixture(scope="module")
def world() -> TableData:
    return simulate_world(with_structure(calibration_spec(), name="gamma", shape=1.5), N, seed=3)


@pytest.fixture(scope="module")
def problem(world: TableData) -> Problem:
    return assemble(sloping(calibration_spec()), world)


def sloping(spec: TurnoverSpec) -> TurnoverSpec:
    return with_structure(spec, name="gamma", prior=PRIOR, slope=SLOPE)


def basis(problem: Problem) -> np.ndarray:
    layers = problem.layers
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    return depth_basis(middle, calibration_spec().model_options.reference_depth_cm)


def draws(shape: float, slope: float, n: int = 1) -> dict[str, np.ndarray]:
    return {"shape": np.full(n, shape), "shape_slope": np.full(n, slope)}


def test_a_section_without_it_has_the_hash_that_it_always_had() -> None:
    spec = with_structure(calibration_spec(), name="gamma", prior=PRIOR)
    assert "slope" not in dump_spec(spec)["structure"]
    assert "slope" in dump_spec(sloping(calibration_spec()))["structure"]


def test_shape_of_layers_is_that_of_their_depth(problem: Problem) -> None:
    knots = problem.knots
    assert knots is not None
    assert knots.depth == pytest.approx(basis(problem))
    found = knots.shape_at(draws(1.5, -0.4), knots.depth)
    assert found[0] == pytest.approx(1.5 * np.exp(-0.4 * basis(problem)))
    steep = knots.shape_at(draws(1.5, -9.0), knots.depth)
    assert steep.min() == pytest.approx(0.4)
    assert steep.max() == pytest.approx(40.0)
    half = knots.of(np.arange(N) % 2 == 0)
    assert half.place(draws(1.5, -0.4)) == pytest.approx(knots.place(draws(1.5, -0.4))[:, ::2])


def test_likelihood_of_each_layer_is_that_at_its_own_shape(
    problem: Problem, world: TableData
) -> None:
    mu, tau = np.full((1, N), -6.0), np.array([0.8])
    got = layer_log_likelihood(mu, tau, problem, place=shape_place(problem, draws(1.5, 0.5)))
    for i in (0, 4, 9):
        own = float(1.5 * np.exp(0.5 * basis(problem)[i]))
        exact = assemble(with_structure(calibration_spec(), name="gamma", shape=own), world)
        expected = layer_log_likelihood(mu, tau, exact, place=None)[0, i]
        assert got[0, i] == pytest.approx(expected, abs=0.01)


def test_model_holds_the_same_likelihood_and_its_slope(problem: Problem) -> None:
    spec = sloping(calibration_spec())
    model = build_model(spec, problem.design, problem)
    assert "shape_slope" in {variable.name for variable in model.free_RVs}
    point = model.initial_point()
    logp, dlogp = model.compile_logp(), model.compile_dlogp([model["shape_slope"]])
    at = [point | {"shape_slope": np.array(value)} for value in (0.199, 0.2, 0.201)]
    assert float(dlogp(at[1])[0]) == pytest.approx(
        float(logp(at[2]) - logp(at[0])) / 0.002, rel=0.02, abs=0.05
    )


def test_what_is_derived_knows_the_depth(problem: Problem) -> None:
    n = 50
    layers = LayerDraws(np.full((n, N), -6.0), np.full(n, 0.8), draws(3.0, 0.2, n), 1, np.arange(n))
    derived = per_layer(problem, 4.0, layers, np.random.default_rng(1))["derived"]
    factor = derived["age_factor"]
    assert factor.dims == ("chain", "draw_kept", "standard_layer")
    assert factor.sizes["standard_layer"] == len(STANDARD_LAYERS)
    reference = calibration_spec().model_options.reference_depth_cm
    shape = 3.0 * np.exp(0.2 * depth_basis(STANDARD_MIDDLES_CM, reference))
    assert factor.to_numpy()[0, 0] == pytest.approx(shape / (shape - 1.0))
    assert np.isfinite(derived["k"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("slope", [-0.5, 0.5])
def test_slope_is_recovered(slope: float) -> None:
    """Δ14C drawn anew, each layer at its own shape; enough layers to tell the sign."""
    plain = with_structure(calibration_spec(), name="gamma", shape=1.5)
    layers = simulate_world(plain, 3000, seed=11)
    spec = sloping(plain)
    problem = assemble(spec, layers)
    truth = layers.truth
    assert truth is not None
    rng = np.random.default_rng(5)
    anew = redrawn(problem, layers, draws(1.5, slope), rng)
    problem = assemble(spec, anew)
    model = build_model(spec, problem.design, problem)
    accept = target_acceptance(spec.sampler, problem.design)
    drawn = sample(compile_model(model), spec.sampler, target_accept=accept).posterior
    low, middle, high = np.quantile(drawn["shape_slope"], [0.005, 0.5, 0.995])
    print(f"slope {slope}: {middle:.2f} ({low:.2f} to {high:.2f})")
    assert low <= slope <= high
    assert np.sign(middle) == np.sign(slope)


def redrawn(
    problem: Problem, layers: TableData, shape: dict[str, np.ndarray], rng: np.random.Generator
) -> TableData:
    """The world with Δ14C of other shapes, about the same hierarchy of ln k."""
    design, truth = problem.design, layers.truth
    biome = design.biome[design.profile]
    a: Any = np.array([truth["a_biome"][key] for key in design.biomes])
    s: Any = np.array([truth["s_biome"][key] for key in design.biomes])
    eta = truth["sigma_profile"] * rng.standard_normal(len(design.profiles))
    mu = (a[biome] + eta[design.profile] + s[biome] * design.depth)[None]
    delta14c = replicate_delta14c(
        mu, np.array([truth["tau"]]), problem, place=shape_place(problem, shape), df=4.0, rng=rng
    )
    return replace(layers, table=layers.table.assign(delta14c=delta14c[0]))

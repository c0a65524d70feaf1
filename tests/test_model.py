"""The PyMC model: builds, is finite with finite gradient, and equals a direct computation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pymc as pm
import pytest
from numpy.typing import NDArray
from scipy import stats

from bayes_rootc.data.world import simulate_world
from bayes_rootc.layers import BIOMES, depth_basis
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.models.turnover import build_model
from bayes_rootc.radiocarbon.quadrature import log_marginal_grid
from bayes_rootc.spec.priors import frozen
from bayes_rootc.spec.turnover import TurnoverSpec


@pytest.fixture(scope="module")
def problem(short_spec: TurnoverSpec) -> Problem:
    return assemble(short_spec, simulate_world(short_spec, 300, seed=2))


def test_depth_basis_is_zero_at_the_reference_and_rises() -> None:
    assert depth_basis(20.0, 20.0) == pytest.approx(0.0)
    assert depth_basis([0.0, 100.0], 20.0) == pytest.approx([-np.log(3.0), np.log(11.0 / 3.0)])


def test_design_maps_layers_to_profiles_and_profiles_to_biomes(problem: Problem) -> None:
    design = problem.design
    names = np.array(design.profiles)[design.profile]
    assert (names == problem.layers["profile"].to_numpy()).all()
    assert design.covariates.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.2)
    assert problem.nodes.theta.shape == (300, 60)


def somewhere(model: pm.Model, seed: int) -> dict[str, NDArray[np.float64]]:
    """Return a point where no two biomes and no two profiles are alike."""
    rng = np.random.default_rng(seed)
    point = model.initial_point()
    return {name: v + 0.3 * rng.standard_normal(np.shape(v)) for name, v in point.items()}


def written_out(
    spec: TurnoverSpec, problem: Problem, point: Mapping[str, NDArray[np.float64]]
) -> float:
    """Log density by SciPy and the dense grid, on the natural scale."""
    priors, design = spec.priors, problem.design
    value = {name: np.exp(v) for name, v in point.items() if name.endswith("_log__")}
    value = {name.removesuffix("_log__"): v for name, v in value.items()} | dict(point)
    total = sum(
        float(frozen(getattr(priors, name)).logpdf(value[name]).sum())
        for name in type(priors).model_fields
    )
    total += sum(float(v) for name, v in point.items() if name.endswith("_log__"))  # Jacobian
    value["a_biome"], of_a = effects(value, "a_biome", value["alpha"], value["sigma_biome"])
    value["s_biome"], of_s = effects(value, "s_biome", value["beta"], value["sigma_slope"])
    # Layer by layer and profile by profile, by labels: no index of the design is used.
    biome_of = dict(zip(problem.layers["profile"], problem.layers["biome"], strict=True))
    keys = [BIOMES[int(biome_of[name])].key for name in design.profiles]
    place = [design.biomes.index(key) for key in keys]
    centre = value["a_biome"][place] + design.covariates @ value["gamma"]
    eta, of_eta = effects(value, "eta_profile", centre, value["sigma_profile"])
    middle = (problem.layers["top_cm"] + problem.layers["bottom_cm"]).to_numpy(float) / 2.0
    basis = np.log1p(middle / 10.0) - np.log1p(spec.model_options.reference_depth_cm / 10.0)
    own = [design.profiles.index(name) for name in problem.layers["profile"]]
    mu = eta[own] + value["s_biome"][np.array(place)[own]] * basis
    likelihood = log_marginal_grid(
        problem.table.theta, problem.log_likelihood, mu, float(value["tau"])
    )
    return total + of_a + of_s + of_eta + float(likelihood.sum())


def effects(
    value: Mapping[str, Any], name: str, centre: Any, spread: Any
) -> tuple[NDArray[np.float64], float]:
    """Return effects and their log prior, however the model samples them."""
    if name in value:
        return value[name], float(stats.norm.logpdf(value[name], centre, spread).sum())
    multiple = value[f"{name}_multiple"]
    return centre + spread * multiple, float(stats.norm.logpdf(multiple).sum())


@pytest.fixture(scope="module", params=[(1500, True), (300, False), (40, False)], ids=str)
def case(request: pytest.FixtureRequest, short_spec: TurnoverSpec) -> Problem:
    """Return worlds whose biomes are sampled centred (rich) and as multiples (sparse)."""
    n_layers, centred = request.param
    problem = assemble(short_spec, simulate_world(short_spec, n_layers, seed=2))
    assert problem.design.biomes_centred is centred
    return problem


# Nodes and weights hold 24 bits, so that a layer is right to some 1e-6 with either sign, and the
# quadrature is far better than its 1e-3 a layer where tau is larger than the least one: sums over
# 1500 layers differ by less than 1e-4.
TOLERANCE = 5e-3


@pytest.mark.parametrize("seed", [1, 2])
def test_log_density_equals_the_same_sum_written_out(
    short_spec: TurnoverSpec, case: Problem, seed: int
) -> None:
    model = build_model(short_spec, case.design, case)
    point = somewhere(model, seed)
    log_density = float(model.compile_logp()(point))
    assert np.isfinite(model.compile_dlogp()(point)).all()
    assert log_density == pytest.approx(written_out(short_spec, case, point), abs=TOLERANCE, rel=0)


def test_a_wrong_index_changes_the_density(short_spec: TurnoverSpec, problem: Problem) -> None:
    design = problem.design
    right = build_model(short_spec, design, problem)
    point = somewhere(right, 3)
    expected = float(right.compile_logp()(point))
    rng = np.random.default_rng(4)
    for name in ("profile", "biome", "depth", "covariates"):
        wrong = replace(design, **{name: rng.permutation(getattr(design, name))})
        density = float(build_model(short_spec, wrong, problem).compile_logp()(point))
        assert abs(density - expected) > 100 * TOLERANCE, name


def test_without_covariates_there_is_no_gamma(short_spec: TurnoverSpec) -> None:
    bare = short_spec.model_copy(
        update={"data": short_spec.data.model_copy(update={"covariates": ()})}
    )
    world = simulate_world(bare, 60)
    model = build_model(bare, assemble(bare, world).design, assemble(bare, world))
    assert "gamma" not in {variable.name for variable in model.free_RVs}


def test_rich_groups_are_centred_and_sparse_ones_are_not(short_spec: TurnoverSpec) -> None:
    rich = assemble(short_spec, simulate_world(short_spec, 1500)).design
    sparse = assemble(short_spec, simulate_world(short_spec, 40)).design
    assert (rich.biomes_centred, rich.profiles_centred) == (True, True)
    assert (sparse.biomes_centred, sparse.profiles_centred) == (False, False)

"""The PyMC model: builds, is finite with finite gradient, and equals a direct computation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayes_rootc.data.world import simulate_world
from bayes_rootc.layers import depth_basis
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


def test_log_density_equals_the_same_sum_written_out(
    short_spec: TurnoverSpec, problem: Problem
) -> None:
    centred = replace(problem.design)
    model = build_model(short_spec, centred, problem.nodes)
    point = model.initial_point()
    log_density = model.compile_logp()(point)
    gradient = model.compile_dlogp()(point)
    assert np.isfinite(log_density)
    assert np.isfinite(gradient).all()

    # The same by SciPy and the dense grid, on the natural scale.
    priors, design = short_spec.priors, problem.design
    value = {name: np.exp(v) for name, v in point.items() if name.endswith("_log__")}
    value = {name.removesuffix("_log__"): v for name, v in value.items()} | point
    total = sum(
        frozen(getattr(priors, name)).logpdf(value[name]).sum()
        for name in type(priors).model_fields
    )
    total += sum(v for name, v in point.items() if name.endswith("_log__"))  # Jacobian
    a, s = _effects(value, "a_biome", "alpha", "sigma_biome"), None
    s = _effects(value, "s_biome", "beta", "sigma_slope")
    centre = a[0][design.biome] + design.covariates @ value["gamma"]
    eta = (
        (value["eta_profile"], stats.norm.logpdf(
            value["eta_profile"], centre, value["sigma_profile"]).sum())
        if "eta_profile" in value
        else (centre + value["sigma_profile"] * value["eta_profile_multiple"],
              stats.norm.logpdf(value["eta_profile_multiple"]).sum())
    )  # fmt: skip
    mu = eta[0][design.profile] + s[0][design.biome[design.profile]] * design.depth
    likelihood = log_marginal_grid(
        problem.table.theta, problem.log_likelihood, mu, float(value["tau"])
    )
    total += a[1] + s[1] + eta[1] + likelihood.sum()
    assert log_density == pytest.approx(total, abs=1e-3 * 300, rel=0)


def _effects(value: dict, name: str, centre: str, spread: str) -> tuple:  # type: ignore[type-arg]
    if name in value:
        return value[name], stats.norm.logpdf(value[name], value[centre], value[spread]).sum()
    multiple = value[f"{name}_multiple"]
    return value[centre] + value[spread] * multiple, stats.norm.logpdf(multiple).sum()


def test_without_covariates_there_is_no_gamma(short_spec: TurnoverSpec) -> None:
    bare = short_spec.model_copy(
        update={"data": short_spec.data.model_copy(update={"covariates": ()})}
    )
    world = simulate_world(bare, 60)
    model = build_model(bare, assemble(bare, world).design, assemble(bare, world).nodes)
    assert "gamma" not in {variable.name for variable in model.free_RVs}


def test_rich_groups_are_centred_and_sparse_ones_are_not(short_spec: TurnoverSpec) -> None:
    rich = assemble(short_spec, simulate_world(short_spec, 1500)).design
    sparse = assemble(short_spec, simulate_world(short_spec, 40)).design
    assert (rich.biomes_centred, rich.profiles_centred) == (True, True)
    assert (sparse.biomes_centred, sparse.profiles_centred) == (False, False)

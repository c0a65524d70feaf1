"""The flow models: their density written out, blocks alone and together, missing halves."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import integrate, stats

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.errors import DataError
from bayes_rootc.models import effects, flow_problem
from bayes_rootc.models.flow import build_flow_model
from bayes_rootc.models.flow_design import DensityRows
from bayes_rootc.models.flow_levels import layer_biome
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow, density_terms
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.structure import SHAPES
from flow_density import QUICK, Point, WrittenOut, natural, somewhere

ALL = ("turnover", "stock", "bnpp", "f_bnpp", "roots")

# Nodes and weights hold 24 bits: some 1e-6 a layer, with either sign.
TOLERANCE = 5e-3


def joint_spec(*blocks: str, shared: bool = True, **covariates: Any) -> Any:
    """Return the joint model of some blocks."""
    content = dump_spec(load_spec(find_model("joint")))
    content["blocks"] = [block for block in content["blocks"] if block["model"] in (blocks or ALL)]
    content["covariance"]["shared"] = shared
    content["covariates"] |= covariates
    return parse_spec(content)


@pytest.fixture(scope="module")
def small_world() -> Inputs:
    return simulate_inputs(joint_spec(), 60, seed=3)


def density_of(model: pm.Model) -> Callable[[Point], float]:
    """Log density on the natural scale; added up here, for Python's own mode adds up few terms."""
    terms = model.compile_logp(jacobian=False, sum=False, mode=QUICK)
    return lambda point: float(sum(np.sum(term) for term in terms(point)))


def expect_written_out(problem: FlowProblem, seed: int) -> None:
    model = build_flow_model(problem)
    point = somewhere(model, seed)
    expected = WrittenOut(problem, natural(model, point)).total
    assert density_of(model)(point) == pytest.approx(expected, abs=TOLERANCE, rel=0)


@pytest.mark.parametrize("shared", [True, False])
def test_density_of_a_small_world(small_world: Inputs, shared: bool) -> None:
    problem = assemble_flow(joint_spec(shared=shared), small_world)
    assert not problem.is_nested
    expect_written_out(problem, 1)


@pytest.mark.parametrize("profiles", [2, 10_000], ids=["places out", "places sampled"])
@pytest.mark.parametrize("half", [0.5, 10_000.0], ids=["as they are", "multiples"])
def test_density_of_a_world_of_nested_profiles(
    small_world: Inputs, half: float, profiles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Effects sampled almost as they are, almost as multiples; those of sites integrated out."""
    for name in ("GROUPS_FOR_HALF", "SQUARES_FOR_HALF", "PROFILES_FOR_HALF"):
        monkeypatch.setattr(effects, name, half)
    monkeypatch.setattr(effects, "SITES_TO_CENTRE", 2 if half < 1.0 else 10_000)
    monkeypatch.setattr(flow_problem, "SITES_TO_NEST", 1)
    monkeypatch.setattr(flow_problem, "PROFILES_TO_CENTRE", profiles)
    problem = assemble_flow(joint_spec(), small_world)
    assert problem.is_nested
    assert problem.profiles_centred == (profiles == 2)
    expect_written_out(problem, 2)


GAMMA = {"name": "gamma", "prior": {"dist": "lognormal", "median": 2.0, "sigma": 1.0, "unit": "1",
                                    "reason": "a test"}}  # fmt: skip


def with_gamma(section: dict[str, Any]) -> Any:
    """Return the joint model whose layers have many decay rates."""
    content = dump_spec(joint_spec())
    for block in content["blocks"]:
        if block["model"] == "turnover":
            block["structure"] = section
    return parse_spec(content)


@pytest.mark.parametrize("nested", [False, True], ids=["profiles alone", "places integrated out"])
def test_density_where_a_shape_is_sampled(
    small_world: Inputs, nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that of the same effects at the same, fixed shape, and the prior of the shape.

    Effects are sampled less the shift of the data with the shape, which must cancel.
    """
    if nested:
        monkeypatch.setattr(flow_problem, "SITES_TO_NEST", 1)
        monkeypatch.setattr(flow_problem, "PROFILES_TO_CENTRE", 2)
    problem = assemble_flow(with_gamma(GAMMA), small_world)
    assert problem.is_nested == nested
    model = build_flow_model(problem)
    point = somewhere(model, 6)
    value = natural(model, point)
    low, high = SHAPES["gamma"].sampled  # type: ignore[union-attr]
    unit = 1.0 / (1.0 + np.exp(-point["shape_interval__"]))
    shape = float(low + (high - low) * unit)
    assert problem.likelihood is not None and problem.likelihood.knots is not None
    of_layer = np.polyval(problem.likelihood.knots.shift(), np.log(shape))
    biome = layer_biome(problem)
    shift = np.array([of_layer[biome == b].mean() if (biome == b).any() else 0.0 for b in range(9)])
    weight = problem.counts["k"] / (problem.counts["k"] + effects.GROUPS_FOR_HALF)
    moved = {name: v for name, v in value.items() if not name.startswith(("shape", "a_k_"))}
    moved["a_k_multiple"] = value["a_k_reduced"] + weight * shift
    fixed = assemble_flow(with_gamma({"name": "gamma", "shape": shape}), small_world)
    prior = stats.lognorm(1.0, scale=2.0)
    cut = np.log(prior.cdf(high) - prior.cdf(low))
    expected = WrittenOut(fixed, moved).total + float(prior.logpdf(shape)) - cut
    assert density_of(model)(point) == pytest.approx(expected, abs=0.05)
    # The shift matters: without it the effects would be others.
    assert np.abs(shift).max() > 0.1


def test_density_without_components(small_world: Inputs) -> None:
    """No variable of the grid: no slopes, and nothing else changes."""
    spec = joint_spec(climate=[], soil=[], topography=[], log=[])
    problem = assemble_flow(spec, small_world)
    names = {variable.name for variable in build_flow_model(problem).free_RVs}
    assert not {name for name in names if "gamma" in name or "slopes" in name}
    expect_written_out(problem, 3)


@pytest.mark.parametrize("grid", [True, False], ids=["and components", "alone"])
def test_density_with_prior_means(small_world: Inputs, grid: bool) -> None:
    """Each quantity follows its own prediction, with one weight in all biomes."""
    nothing: dict[str, Any] = {"climate": [], "soil": [], "topography": [], "log": []}
    content = dump_spec(joint_spec(**({} if grid else nothing)))
    spec = parse_spec(content | {"prior_means": {"run": "runs/learning"}})
    rng = np.random.default_rng(8)
    predicted = {f"prior_{name}": rng.standard_normal(len(small_world.places)) for name in
                 ("k", "rho", "bnpp")}  # fmt: skip
    predicted["prior_k"][2] = np.nan
    problem = assemble_flow(
        spec, replace(small_world, places=small_world.places.assign(**predicted))
    )
    assert problem.components.names[-3:] == ("prior mean k", "prior mean rho", "prior mean bnpp")
    scores = problem.scores[:, -3]
    assert scores[2] == 0.0
    assert scores[3] == pytest.approx(predicted["prior_k"][3] - np.nanmean(predicted["prior_k"]))
    names = {variable.name for variable in build_flow_model(problem).free_RVs}
    assert {name for name in names if "lambda" in name} == {"lambda_k", "lambda_rho", "lambda_bnpp"}
    expect_written_out(problem, 12)


def test_prior_means_that_are_not_there_are_asked_for(small_world: Inputs) -> None:
    content = dump_spec(joint_spec()) | {"prior_means": {"run": "runs/learning"}}
    with pytest.raises(DataError, match=r"has no prior means of k, .* prior_means\.run = runs/l"):
        assemble_flow(parse_spec(content), small_world)


def test_gradient_is_that_of_finite_differences(small_world: Inputs) -> None:
    """Along one direction that moves every parameter, latent effects included."""
    model = build_flow_model(assemble_flow(joint_spec(), small_world))
    total = reduce(operator.add, (term.sum() for term in model.logp(sum=False)))
    slopes = pytensor.grad(total, model.value_vars)
    function = model.compile_fn([total, *slopes], mode=Mode("py", optimizer=None))
    point = somewhere(model, 4)
    rng = np.random.default_rng(5)
    way = {name: rng.standard_normal(np.shape(v)) for name, v in point.items()}
    h = 1e-3
    ends = [
        float(function({name: v + sign * h * way[name] for name, v in point.items()})[0])
        for sign in (1.0, -1.0)
    ]
    along = sum(
        float(np.sum(slope * way[v.name]))
        for v, slope in zip(model.value_vars, function(point)[1:], strict=True)
    )
    assert along == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-3)


def names_of(model: pm.Model) -> set[str]:
    return {variable.name for variable in model.value_vars}


def test_blocks_that_share_nothing_are_a_sum_of_blocks(small_world: Inputs) -> None:
    joint = build_flow_model(assemble_flow(joint_spec(shared=False), small_world))
    point = somewhere(joint, 6)
    total = 0.0
    for blocks in (("turnover", "stock"), ("bnpp",), ("f_bnpp",), ("roots",)):
        # A block alone is a joint model of one block; its own file gives the same.
        spec = joint_spec(*blocks)
        if len(blocks) == 2:
            spec = joint_spec(*blocks, shared=False)
        part = build_flow_model(assemble_flow(spec, small_world))
        assert names_of(part) < names_of(joint)
        total += density_of(part)({name: point[name] for name in names_of(part)})
    assert density_of(joint)(point) == pytest.approx(total, rel=1e-10)


def test_a_block_file_is_the_joint_model_of_one_block(small_world: Inputs) -> None:
    own = build_flow_model(assemble_flow(load_spec(find_model("roots")), small_world))
    joint = build_flow_model(assemble_flow(joint_spec("roots"), small_world))
    point = somewhere(own, 7)
    assert names_of(own) == names_of(joint)
    assert density_of(own)(point) == pytest.approx(density_of(joint)(point))


def test_without_kappa_density_knows_nothing_of_turnover(small_world: Inputs) -> None:
    together = build_flow_model(
        assemble_flow(joint_spec("turnover", "stock", shared=False), small_world)
    )
    point = somewhere(together, 8) | {"kappa": np.array(0.0)}
    total = 0.0
    for block in ("turnover", "stock"):
        alone = build_flow_model(assemble_flow(joint_spec(block), small_world))
        assert "kappa" not in names_of(alone)
        total += density_of(alone)({name: point[name] for name in names_of(alone)})
    prior = stats.norm.logpdf(0.0, 0.0, 0.5)
    assert density_of(together)(point) == pytest.approx(total + prior, rel=1e-10)


def test_effects_are_independent_where_the_covariance_is_not_shared(small_world: Inputs) -> None:
    """An effect says nothing of another's: their prior is a sum."""
    model = build_flow_model(assemble_flow(joint_spec(shared=False), small_world))
    assert not {name for name in names_of(model) if name.startswith("partial")}
    point = somewhere(model, 9)
    before = natural(model, point)
    after = natural(model, point | {"a_k_multiple": point["a_k_multiple"] + 1.0})
    assert (after["a_k"] != before["a_k"]).all()
    for name in ("a_rho", "a_bnpp", "a_f_bnpp", "a_d50"):
        assert (after[name] == before[name]).all(), name


def test_effects_move_together_where_the_covariance_is_shared(
    small_world: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "GROUPS_FOR_HALF", 1e15)  # all as multiples of their spread
    model = build_flow_model(assemble_flow(joint_spec(), small_world))
    point = somewhere(model, 9)
    before = natural(model, point)
    after = natural(model, point | {"a_k_multiple": point["a_k_multiple"] + 1.0})
    for number, name in enumerate(("rho", "bnpp", "f_bnpp", "d50"), start=1):
        moved = after[f"a_{name}"] - before[f"a_{name}"]
        # The first effect's partial correlations are correlations.
        correlation = 2.0 * before["partial_correlation"][number - 1] - 1.0
        assert moved == pytest.approx(np.full(9, before[f"sigma_biome_{name}"] * correlation)), name


def test_biomes_without_data_are_sampled_as_multiples(small_world: Inputs) -> None:
    """No data hold them: as a multiple of the spread they cannot make a funnel."""
    problem = assemble_flow(joint_spec("bnpp"), small_world)
    model = build_flow_model(problem)
    point = somewhere(model, 10)
    by_biome = model.compile_logp(vars=[model["a_bnpp_multiple"]], sum=False, mode=QUICK)(point)[0]
    empty = problem.counts["bnpp"] == 0
    assert empty.tolist() == [False] * 4 + [True, False, True, True, True]
    expected = stats.norm.logpdf(natural(model, point)["a_bnpp_multiple"])
    assert np.isclose(by_biome, expected).tolist() == empty.tolist()


CASES = {
    "both": (0.4, 0.1),
    "carbon": (0.4, np.nan),
    "bulk": (np.nan, 0.1),
}
PARAMETERS = {
    "tau_rho": 0.45, "bd_intercept": -0.1, "bd_slope": -0.3, "bd_depth": 0.2, "tau_bd": 0.25,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_missing_half_is_integrated_out(case: str) -> None:
    """Against the integral over the unknown ln rho, at a known effect of the profile."""
    carbon, bulk = CASES[case]
    mean, effect, depth = 0.7, -0.35, 0.9
    rows = DensityRows(np.array([0]), np.array([carbon]), np.array([bulk]))
    residual, loading, variance = density_terms(
        rows, np.array([depth]), np.array([mean]), PARAMETERS, where=np.where
    )
    got = stats.norm.logpdf(residual - loading * effect, 0.0, np.sqrt(variance))[0]

    def of_density(ln_rho: float) -> float:
        return float(stats.norm.pdf(ln_rho, mean + effect, PARAMETERS["tau_rho"]))

    def of_bulk(ln_rho: float, ln_bulk: float) -> float:
        expected = (
            PARAMETERS["bd_intercept"] + PARAMETERS["bd_slope"] * ln_rho
            + PARAMETERS["bd_depth"] * depth
        )  # fmt: skip
        return float(stats.norm.pdf(ln_bulk, expected, PARAMETERS["tau_bd"]))

    if case == "both":
        # The density itself; its bulk density is a factor of its own in the model.
        expected = of_density(carbon + bulk)
    elif case == "carbon":
        expected = integrate.quad(lambda x: of_density(x) * of_bulk(x, x - carbon), -8, 8)[0]
    else:
        expected = integrate.quad(lambda x: of_density(x) * of_bulk(x, bulk), -8, 8)[0]
    assert np.exp(got) == pytest.approx(expected, rel=1e-7)


def without(inputs: Inputs, table: str, *columns: str) -> Inputs:
    """Return inputs of which some columns of a table are unknown."""
    data = inputs.tables[table]
    bare = replace(data, table=data.table.assign(**dict.fromkeys(columns, np.nan)))
    return replace(inputs, tables=dict(inputs.tables) | {table: bare})


@pytest.mark.parametrize(
    ("table", "columns", "named"),
    [
        ("npp", ("npp",), "f_bnpp"),
        ("npp", ("bnpp",), "bnpp, f_bnpp"),
        ("layers", ("pct_c", "bulk_density"), "rho"),
    ],
)
def test_a_block_without_data_is_named(
    small_world: Inputs, table: str, columns: tuple[str, ...], named: str
) -> None:
    with pytest.raises(DataError, match=f"no data for {named}; leave out its block"):
        assemble_flow(joint_spec(), without(small_world, table, *columns))


def test_a_wrong_index_changes_the_density(small_world: Inputs) -> None:
    """Sites, profiles, depth and components all count."""
    problem = assemble_flow(joint_spec("stock", "bnpp"), small_world)
    rows = problem.rows
    assert rows is not None
    model = build_flow_model(problem)
    point: Point = somewhere(model, 11)
    expected = density_of(model)(point)
    rng = np.random.default_rng(12)
    wrong = {
        "depth": replace(problem, rows=replace(rows, depth=rng.permutation(rows.depth))),
        "profile": replace(problem, rows=replace(rows, profile=rng.permutation(rows.profile))),
        "scores": replace(problem, scores=rng.permutation(problem.scores)),
        "biome": replace(
            problem, sites=replace(problem.sites, biome=rng.permutation(problem.sites.biome))
        ),
    }
    for name, other in wrong.items():
        density = density_of(build_flow_model(other))(point)
        assert abs(density - expected) > 20 * TOLERANCE, name

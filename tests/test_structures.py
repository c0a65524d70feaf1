"""Structures of a layer's carbon: known answers, direct integration, sampled shapes, messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bayes_rootc.data.mixture import mixture_of
from bayes_rootc.data.world import simulate_world
from bayes_rootc.errors import SpecError
from bayes_rootc.inference.derive_layers import LayerDraws, per_layer
from bayes_rootc.inference.predictive import layer_log_likelihood, shape_place
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.models.quadrature_op import log_marginal_kernel
from bayes_rootc.models.shaped_op import log_marginal_shaped, log_marginal_shaped_kernel
from bayes_rootc.models.turnover import build_model
from bayes_rootc.radiocarbon.atmosphere import load_atmosphere
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.radiocarbon.structures import STRUCTURES, Mixture, mixing_weights
from bayes_rootc.radiocarbon.table import build_mixtures, build_table, theta_grid
from bayes_rootc.spec.load import dump_spec, parse_spec, spec_hash
from bayes_rootc.spec.structure import SHAPES, StructureSection
from bayes_rootc.spec.turnover import TurnoverSpec

TIMES = np.array([1949.5, 1962.5, 1964.5, 1975.5, 1990.5, 2005.5, 2019.5])
ZONE = np.full(len(TIMES), "NHZone2")
GRID = theta_grid()
SLOPE = {"dist": "normal", "mean": 0.0, "sd": 0.3, "unit": "1", "reason": "a test"}
PRIOR = {"dist": "lognormal", "median": 2.0, "sigma": 1.0, "unit": "1", "reason": "a test"}


def curves(mixture: Mixture) -> np.ndarray:
    return build_mixtures(ZONE, TIMES, GRID, [mixture])[0].delta14c


def with_structure(spec: TurnoverSpec, **section: Any) -> TurnoverSpec:
    changed = parse_spec(dump_spec(spec) | {"structure": section})
    assert isinstance(changed, TurnoverSpec)
    return changed


# ---- closed forms


@given(a=st.floats(1.05, 1e3), k=st.floats(1e-5, 1.0))
def test_gamma_has_the_age_and_the_flux_of_its_closed_form(a: float, k: float) -> None:
    mixture = Mixture("gamma", a)
    assert mixture.mean_stock_age(k) == pytest.approx(a / ((a - 1.0) * k))
    assert mixture.mean_transit_time(k) == pytest.approx(1.0 / k)


@pytest.mark.parametrize(
    "mixture",
    [Mixture(), Mixture("gamma", 0.7), Mixture("lognormal", 1.5), Mixture("two_pool", 30.0, 0.2)],
    ids=str,
)
def test_flux_is_what_the_parts_of_the_stock_lose(mixture: Mixture) -> None:
    u, share = mixture.parts()
    assert share.sum() == pytest.approx(1.0)
    assert share @ (0.01 * np.exp(u)) == pytest.approx(mixture.flux_per_stock(0.01))


@pytest.mark.parametrize(
    ("name", "shape", "fraction", "rate"),
    [
        ("gamma", 3.0, np.nan, stats.gamma(3.0, scale=1 / 3.0)),
        ("gamma", 30.0, np.nan, stats.gamma(30.0, scale=1 / 30.0)),
        ("lognormal", 0.8, np.nan, stats.lognorm(0.8, scale=np.exp(-0.32))),
    ],
)
def test_age_factor_is_the_mean_of_one_over_k(
    name: str, shape: float, fraction: float, rate: Any
) -> None:
    assert rate.mean() == pytest.approx(1.0)
    expected = integrate.quad(lambda u: np.exp(u) * rate.pdf(np.exp(u)) / np.exp(u), -20, 6)[0]
    assert Mixture(name, shape, fraction).mean_stock_age(1.0) == pytest.approx(expected, rel=1e-6)


def test_two_pools_by_hand() -> None:
    # 20 % of the stock at 0.1 per year, 80 % at 0.001: flux 0.0208 of the stock.
    k = 0.2 * 0.1 + 0.8 * 0.001
    mixture = Mixture("two_pool", 100.0, 0.2)
    u, share = mixture.parts()
    assert k * np.exp(u) == pytest.approx([0.1, 0.001])
    assert share == pytest.approx([0.2, 0.8])
    assert mixture.mean_stock_age(k) == pytest.approx(0.2 * 10.0 + 0.8 * 1000.0)


@given(
    name=st.sampled_from(["gamma", "lognormal", "two_pool"]),
    share=st.floats(0.0, 1.0),
    fraction=st.floats(0.05, 0.95),
)
def test_parts_are_shares_with_mean_rate_one(name: str, share: float, fraction: float) -> None:
    known = SHAPES[name]
    assert known is not None
    low, high = known.sampled
    u, stock = Mixture(name, low * (high / low) ** share, fraction).parts()
    assert stock.sum() == pytest.approx(1.0)
    assert (stock >= 0).all()
    assert stock @ np.exp(u) == pytest.approx(1.0)
    weights, _ = mixing_weights(Mixture(name, low * (high / low) ** share, fraction), 0.02)
    assert weights.sum() == pytest.approx(1.0)


@given(shape=st.floats(1.01, 50.0), name=st.sampled_from(["gamma", "lognormal"]))
def test_stored_carbon_is_older_than_what_leaves(shape: float, name: str) -> None:
    mixture = Mixture(name, min(shape, 4.0) if name == "lognormal" else shape)
    assert mixture.mean_stock_age(0.01) >= mixture.mean_transit_time(0.01)


def test_narrow_structures_are_one_pool() -> None:
    one = build_table(ZONE, TIMES, GRID).delta14c
    assert np.abs(curves(Mixture("gamma", 1e4)) - one).max() < 0.05
    assert np.abs(curves(Mixture("two_pool", 1.0, 0.3)) - one).max() < 1e-9
    assert np.abs(curves(Mixture("lognormal", 0.01)) - one).max() < 0.05
    assert np.array_equal(curves(Mixture()), one)


# ---- against direct integration


def by_quantiles(rate: Any, k_mean: float) -> np.ndarray:
    """Δ14C by Gauss-Legendre over ln k in 60 stretches; the last part has no 14C left."""
    x, w = np.polynomial.legendre.leggauss(40)
    edges = np.linspace(max(np.log(rate.ppf(1e-13)), -60.0), np.log(rate.isf(1e-13)), 61)
    half = 0.5 * np.diff(edges)[:, None]
    u = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * x
    mass = (half * w * np.exp(u) * rate.pdf(np.exp(u))).ravel()
    k = np.append(np.maximum(k_mean * np.exp(u.ravel()), 1e-30), 1e-30)
    return np.append(mass, 1.0 - mass.sum()) @ pool_delta14c(k, load_atmosphere("NHZone2"), TIMES)


@pytest.mark.parametrize(
    ("mixture", "rate"),
    [
        *((Mixture("gamma", a), stats.gamma(a, scale=1 / a)) for a in (0.1, 0.4, 1.5, 40.0)),
        *(
            (Mixture("lognormal", s), stats.lognorm(s, scale=np.exp(-(s**2) / 2)))
            for s in (0.1, 0.8, 3.0)
        ),
    ],
)
def test_mixture_is_the_integral_over_rates(mixture: Mixture, rate: Any) -> None:
    table = curves(mixture)
    for place in range(0, len(GRID), 60):
        assert table[:, place] == pytest.approx(by_quantiles(rate, np.exp(GRID[place])), abs=0.1)


def test_mixture_of_two_pools_is_their_weighted_mean() -> None:
    table, slow = curves(Mixture("two_pool", 30.0, 0.2)), 0.8
    for place in range(0, len(GRID), 60):
        fast = np.exp(GRID[place]) / (0.2 + slow / 30.0)
        parts = pool_delta14c(np.array([fast, fast / 30.0]), load_atmosphere("NHZone2"), TIMES)
        assert table[:, place] == pytest.approx(np.array([0.2, slow]) @ parts, abs=0.1)


# ---- a sampled shape


@pytest.fixture(scope="module")
def sampled(short_spec: TurnoverSpec) -> tuple[TurnoverSpec, Problem]:
    spec = with_structure(short_spec, name="gamma", prior=PRIOR)
    return spec, assemble(spec, simulate_world(spec, 40, seed=3))


@pytest.mark.parametrize(
    ("section", "shapes"),
    [
        ({"name": "gamma"}, (0.9, 1.55, 3.3)),
        ({"name": "lognormal"}, (0.5, 0.88, 1.2)),
        ({"name": "two_pool", "fraction": 0.3}, (2.5, 4.6, 30.0)),
    ],
    ids=lambda value: value.get("name", "") if isinstance(value, dict) else "",
)
def test_cubic_through_the_knots_is_the_likelihood_at_the_shape(
    short_spec: TurnoverSpec, section: dict[str, Any], shapes: tuple[float, ...]
) -> None:
    spec = with_structure(short_spec, **section, prior=PRIOR)
    world = simulate_world(spec, 40, seed=3)
    problem = assemble(spec, world)
    mu, tau = np.full((1, 40), -6.0), np.array([0.8])
    for shape in shapes:
        exact = assemble(with_structure(short_spec, **section, shape=shape), world)
        expected = layer_log_likelihood(mu, tau, exact, place=None)
        place = shape_place(problem, {"shape": np.array([shape])})
        got = layer_log_likelihood(mu, tau, problem, place=place)
        assert got == pytest.approx(expected, abs=0.01)


@given(place=st.floats(1.1, 28.9), mu=st.floats(-9.0, -2.0), tau=st.floats(0.3, 2.0))
def test_derivatives_of_the_shaped_kernel(
    sampled: tuple[TurnoverSpec, Problem], place: float, mu: float, tau: float
) -> None:
    nodes = knots_of(sampled[1]).as_read

    def value(mu: float, tau: float, place: float) -> Any:
        n = len(nodes[0])
        return log_marginal_shaped_kernel(np.full(n, mu), np.array(tau), np.full(n, place), *nodes)

    _, by_mu, by_tau, by_place = value(mu, tau, place)
    h = 1e-3
    difference: Callable[[Any, Any], Any] = lambda a, b: (a[0] - b[0]) / (2 * h)  # noqa: E731
    expected = difference(value(mu + h, tau, place), value(mu - h, tau, place))
    assert by_mu == pytest.approx(expected, rel=0.01, abs=0.01)
    expected = difference(value(mu, tau + h, place), value(mu, tau - h, place))
    assert by_tau == pytest.approx(expected, rel=0.01, abs=0.02)
    expected = difference(value(mu, tau, place + h), value(mu, tau, place - h))
    assert by_place == pytest.approx(expected, rel=0.01, abs=0.01)


def test_cubic_is_exact_at_the_knots(sampled: tuple[TurnoverSpec, Problem]) -> None:
    knots = knots_of(sampled[1])
    nodes = knots.nodes
    mu, tau = np.full(len(nodes.theta), -6.0), np.array(0.8)
    for knot in (1, 7, nodes.theta.shape[1] - 2):
        theta, log_weight = (np.ascontiguousarray(one[:, knot])
                             for one in (nodes.theta, nodes.log_weight))  # fmt: skip
        exact = log_marginal_kernel(mu, tau, theta, log_weight)
        place = np.full(len(mu), float(knot))
        got = log_marginal_shaped_kernel(mu, tau, place, *knots.as_read)
        for mine, its in zip(got[:3], exact, strict=True):
            assert mine == pytest.approx(its, rel=1e-5, abs=1e-5)  # single precision


def test_every_layer_has_the_nodes_of_its_own_in_any_order(
    sampled: tuple[TurnoverSpec, Problem],
) -> None:
    knots = knots_of(sampled[1])
    n, n_knots, _ = knots.nodes.theta.shape
    order, theta, log_weight = knots.as_read
    assert not (order == np.arange(n)).all()
    assert (np.diff(knots.depth[order]) >= 0.0).all()
    rng = np.random.default_rng(2)
    mu, place = rng.uniform(-8.0, -4.0, n), rng.integers(1, n_knots - 1, n)
    got = log_marginal_shaped_kernel(
        mu, np.array(0.8), place.astype(float), order, theta, log_weight
    )
    own = (one[np.arange(n), place] for one in (knots.nodes.theta, knots.nodes.log_weight))
    for mine, its in zip(got[:3], log_marginal_kernel(mu, np.array(0.8), *own), strict=True):
        assert mine == pytest.approx(its, rel=1e-5, abs=1e-5)  # single precision


def test_op_runs_and_differentiates_in_a_graph(sampled: tuple[TurnoverSpec, Problem]) -> None:
    nodes = knots_of(sampled[1]).as_read
    n = len(nodes[0])
    mu, tau, place = pt.dvector(), pt.dscalar(), pt.dscalar()
    density: Any = log_marginal_shaped(
        mu, tau, pt.zeros_like(mu) + place, *(pt.constant(one) for one in nodes)
    )
    gradient = pytensor.function(
        [mu, tau, place], pytensor.grad(density[0].sum(), [mu, tau, place]), mode="NUMBA"
    )
    by_mu, by_tau, by_place = gradient(np.full(n, -6.0), 0.8, 5.2)
    kernel = log_marginal_shaped_kernel(np.full(n, -6.0), np.array(0.8), np.full(n, 5.2), *nodes)
    assert by_mu == pytest.approx(kernel[1])
    assert by_tau == pytest.approx(kernel[2].sum())
    assert by_place == pytest.approx(kernel[3].sum())


def test_model_with_a_shape_starts_at_a_finite_density(
    sampled: tuple[TurnoverSpec, Problem],
) -> None:
    spec, problem = sampled
    model = build_model(spec, problem.design, problem)
    point = model.initial_point()
    assert np.isfinite(model.compile_logp()(point))
    assert np.isfinite(model.compile_dlogp()(point)).all()
    assert "shape" in {variable.name for variable in model.free_RVs}


def test_layers_are_recovered_at_the_shape_of_each_draw(
    sampled: tuple[TurnoverSpec, Problem], short_spec: TurnoverSpec
) -> None:
    _, problem = sampled
    n = 4000
    fixed = with_structure(short_spec, name="gamma", shape=1.5)
    exact = assemble(fixed, simulate_world(sampled[0], 40, seed=3))
    ln_k = []
    for likelihood, shape in ((problem, {"shape": np.full(n, 1.5)}), (exact, {})):
        draws = LayerDraws(np.full((n, 40), -6.0), np.full(n, 0.8), shape, 1, np.arange(n))
        derived = per_layer(likelihood, 4.0, draws, np.random.default_rng(1))["derived"]
        assert derived["age_factor"].to_numpy() == pytest.approx(np.full((1, n), 3.0))
        ln_k.append(np.log(derived["k"].to_numpy()[0]))
    error = np.sqrt(2.0 / n) * ln_k[1].std(axis=0)
    assert (np.abs(ln_k[0].mean(axis=0) - ln_k[1].mean(axis=0)) < 5.0 * error + 0.02).all()


def knots_of(problem: Problem) -> Any:
    assert problem.knots is not None
    return problem.knots


# ---- the section of a model file


def test_one_pool_has_the_hash_that_it_always_had(short_spec: TurnoverSpec) -> None:
    assert "structure" not in dump_spec(short_spec)
    assert spec_hash(with_structure(short_spec, name="one_pool")) == spec_hash(short_spec)
    assert spec_hash(with_structure(short_spec, name="gamma", shape=2)) != spec_hash(short_spec)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "three_pool"}, "structure.name = 'three_pool' is wrong"),
        ({"name": "gamma"}, "structure gamma takes either a shape .* or a prior"),
        ({"name": "gamma", "shape": 1.0, "prior": PRIOR}, "takes either a shape"),
        (
            {"name": "gamma", "shape": -1.0},
            "structure.shape = -1 is wrong; .* must be 0.1 to 1e.06",
        ),
        ({"name": "one_pool", "shape": 2.0}, "structure.shape is not for one_pool"),
        ({"name": "gamma", "shape": 2.0, "slope": SLOPE}, r"structure.slope, .* needs a sampled"),
        ({"name": "two_pool", "shape": 5.0}, "structure.fraction, .* must be given"),
        ({"name": "two_pool", "shape": 5.0, "fraction": 1.2}, "fraction = 1.2 is wrong"),
        ({"name": "two_pool", "shape": 0.5, "fraction": 0.2}, "structure.shape = 0.5 is wrong"),
        (
            {"name": "gamma", "shape": 2.0, "fraction": 0.2},
            "structure.fraction, .* is for two_pool",
        ),
        ({"name": "gamma", "prior": PRIOR | {"median": 90.0}}, "structure.prior.median = 90"),
        ({"name": "gamma", "shpae": 2.0}, "unknown key structure.shpae; did you mean"),
    ],
)
def test_wrong_sections_are_told(
    short_spec: TurnoverSpec, section: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        parse_spec(dump_spec(short_spec) | {"structure": section})


def test_no_mean_age_where_none_exists() -> None:
    with pytest.raises(SpecError, match=r"gamma with shape 0.7 has no mean age .* above 1"):
        Mixture("gamma", 0.7).mean_stock_age(0.01)
    assert Mixture("gamma", 0.7).mean_transit_time(0.01) == pytest.approx(100.0)


def test_every_structure_of_the_files_has_a_record() -> None:
    assert set(STRUCTURES) == set(SHAPES)
    section = StructureSection(name="two_pool", shape=2.0, fraction=0.3)
    assert mixture_of(section) == Mixture("two_pool", 2.0, 0.3)


def test_gamma_age_of_special_functions() -> None:
    # E[1/k] of a gamma distribution is Γ(a - 1)/Γ(a) times a.
    a = 2.7
    expected = a * special.gamma(a - 1.0) / special.gamma(a)
    assert Mixture("gamma", a).mean_stock_age(1.0) == pytest.approx(expected)


def test_worlds_obey_their_structure(short_spec: TurnoverSpec) -> None:
    one = simulate_world(short_spec, 60, seed=5)
    many = simulate_world(with_structure(short_spec, name="gamma", shape=1.5), 60, seed=5)
    assert many.truth["shape"] == 1.5
    assert "shape" not in one.truth
    assert not np.allclose(one.table["delta14c"], many.table["delta14c"])
    pd.testing.assert_series_equal(one.table["lat"], many.table["lat"])

"""Levels and recovered site values: many draws of fixed parameters against conjugate answers."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.inference.flow_levels import (
    layer_means_k,
    profile_means_rho,
    record_log_likelihood,
    record_residuals,
    recover_density,
    recover_site_values,
    site_level,
)
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model
from flow_density import WrittenOut, place
from true_flows import true_draws

S = 4000
"""Draws of the same parameters: what differs between them is what was recovered."""


@pytest.fixture(scope="module")
def problem() -> FlowProblem:
    spec = load_spec(find_model("joint"))
    return assemble_flow(spec, simulate_inputs(spec, 120, seed=8))


@pytest.fixture(scope="module")
def draws(problem: FlowProblem) -> dict[str, np.ndarray]:
    """Return the truth, with some effect of every profile, in every draw."""
    one = true_draws(problem)
    assert problem.rows is not None
    rng = np.random.default_rng(1)
    n = len(problem.rows.profiles)
    one["eta"] = rng.normal(-6.5, 0.8, (1, n))
    one["bd_slope"] = np.array([-0.35])  # so that bulk density alone tells something
    return {name: np.repeat(value, S, axis=0) for name, value in one.items()}


def first(draws: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values[0] for name, values in draws.items()}


def close(values: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> None:
    """Mean and variance of S normal draws, within what S of them tell (5 standard errors)."""
    error = np.sqrt(variance / S)
    assert (np.abs(values.mean(axis=0) - mean) <= 5.0 * error + 1e-9).all()
    assert values.var(axis=0) == pytest.approx(variance, rel=5.0 * np.sqrt(2.0 / S), abs=1e-12)


@pytest.mark.parametrize("name", ["k", "rho", "bnpp", "f_bnpp", "d50"])
def test_level_is_the_effect_of_the_biome_and_its_slopes(
    problem: FlowProblem, draws: dict[str, np.ndarray], name: str
) -> None:
    """Site by site, by label."""
    few = {key: values[:2] for key, values in draws.items()}
    truth = problem.inputs.truth
    assert truth is not None
    places = list(problem.inputs.places["place"])
    expected = []
    for label in problem.sites.label:
        lat, lon, key = label.split(" ")
        x = problem.scores[places.index(f"{lat} {lon}")]
        slopes = truth[f"slopes_{name}"][key]
        expected.append(
            truth[f"a_{name}"][key]
            + sum(slopes[c] * x[i] for i, c in enumerate(problem.components.names))
        )
    before = few[f"a_{name}"].copy()
    found = site_level(problem, few, name)
    assert found == pytest.approx(np.tile(expected, (2, 1)))
    assert (few[f"a_{name}"] == before).all()


def test_means_of_layers_and_profiles(problem: FlowProblem, draws: dict[str, np.ndarray]) -> None:
    """Layer by layer, from the table."""
    rows, layers = problem.rows, problem.inputs.tables["layers"].table
    assert rows is not None
    one = first(draws)
    few = {key: values[:1] for key, values in draws.items()}
    written = WrittenOut.__new__(WrittenOut)
    written.problem, written.value = problem, one
    written.scores = dict(zip(problem.inputs.places["place"], problem.scores, strict=True))
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    eta = dict(zip(rows.profiles, one["eta"], strict=True))
    expected = np.array([eta[name] for name in layers["profile"]])
    expected += one["s_k"][layers["biome"].to_numpy(int) - 1] * np.log((10 + middle) / 30.0)
    assert layer_means_k(problem, few)[0] == pytest.approx(expected)
    profiles = layers.groupby("profile").first().loc[list(rows.profiles)]
    of_place = np.random.default_rng(2).normal(size=(1, len(rows.profiles)))
    means = profile_means_rho(problem, few | {"place_rho": of_place})[0]
    deviation = one["eta"] - written.level("k", profiles)
    assert means == pytest.approx(
        written.level("rho", profiles) + of_place[0] + one["kappa"] * deviation
    )


@pytest.mark.parametrize("name", ["bnpp", "f_bnpp", "d50"])
def test_site_values_are_conjugate(
    problem: FlowProblem, draws: dict[str, np.ndarray], name: str
) -> None:
    """Precision-weighted mean of level and records; the prior where there are no records."""
    records, one = problem.records[name], first(draws)
    sites = np.arange(len(problem.sites))
    found = recover_site_values(problem, draws, name, sites, np.random.default_rng(3))
    level = site_level(problem, {k: v[:1] for k, v in draws.items()}, name)[0]
    between, within = one[f"sigma_place_{name}"] ** 2, one[f"tau_{name}"] ** 2
    n = np.bincount(records.site, minlength=len(sites))
    total = np.bincount(records.site, weights=records.y, minlength=len(sites))
    variance = 1.0 / (1.0 / between + n / within)
    close(found, variance * (level / between + total / within), variance)
    assert (n == 0).any() and (n > 1).any()


def test_site_values_come_in_the_order_asked_for(
    problem: FlowProblem, draws: dict[str, np.ndarray]
) -> None:
    sites = np.array([7, 2, 5])
    some = recover_site_values(problem, draws, "bnpp", sites, np.random.default_rng(4))
    every = recover_site_values(
        problem, draws, "bnpp", np.arange(len(problem.sites)), np.random.default_rng(5)
    )
    assert some.shape == (S, 3)
    for column, site in enumerate(sites):
        error = every[:, site].std() * np.sqrt(2.0 / S)
        assert abs(some[:, column].mean() - every[:, site].mean()) < 5.0 * error


def test_densities_are_conditioned_as_one_gaussian(
    problem: FlowProblem, draws: dict[str, np.ndarray]
) -> None:
    """Ln rho of layers and profiles given every known % C and bulk density, densely."""
    rows, density, one = problem.rows, problem.density, first(draws)
    assert rows is not None and density is not None
    ln_rho, eta = recover_density(problem, draws, np.random.default_rng(6))
    layers = problem.inputs.tables["layers"].table
    n, n_profiles = len(layers), len(rows.profiles)
    mean_eta = profile_means_rho(problem, {k: v[:1] for k, v in draws.items()})[0]
    biome = layers["biome"].to_numpy(int) - 1
    own = (layers["profile"].to_numpy()[:, None] == np.array(rows.profiles)).astype(float)
    mean_rho = own @ mean_eta + one["s_rho"][biome] * rows.depth
    of_eta = one["sigma_profile_rho"] ** 2 * np.eye(n_profiles)
    of_rho = own @ of_eta @ own.T + one["tau_rho"] ** 2 * np.eye(n)
    b = one["bd_slope"]
    mean_bulk = one["bd_intercept"] + b * mean_rho + one["bd_depth"] * rows.depth
    # Everything there is: profiles, densities, bulk densities.
    mean = np.concatenate([mean_eta, mean_rho, mean_bulk])
    cross = of_eta @ own.T
    covariance = np.block(
        [
            [of_eta, cross, b * cross],
            [cross.T, of_rho, b * of_rho],
            [b * cross.T, b * of_rho, b**2 * of_rho + one["tau_bd"] ** 2 * np.eye(n)],
        ]
    )
    zero = np.zeros((n, n_profiles))
    picked = np.block([[zero, np.eye(n), -np.eye(n)], [zero, np.zeros((n, n)), np.eye(n)]])
    coarse = layers["coarse"].fillna(0.0).to_numpy(float)
    observed = np.log(
        np.concatenate([layers["pct_c"] * (1.0 - coarse), layers["bulk_density"]]).astype(float)
    )
    known = np.isfinite(observed)
    picked, observed = picked[known], observed[known]
    gain = np.linalg.solve(picked @ covariance @ picked.T, picked @ covariance).T
    after = mean + gain @ (observed - picked @ mean)
    variance = np.diag(covariance - gain @ picked @ covariance)
    kinds = density.has_both, density.has_carbon & ~density.has_both, ~density.has_carbon
    assert all(kind.any() for kind in kinds) and len(density.layer) < n
    close(eta, after[:n_profiles], variance[:n_profiles])
    everything = slice(n_profiles, n_profiles + n)
    spread = np.maximum(variance[everything], 0.0)
    measured = density.layer[density.has_both]
    spread[measured] = 0.0  # up to rounding
    close(ln_rho, after[everything], spread)
    assert (ln_rho[:, measured] == ln_rho[0, measured]).all()
    expected = np.log((layers["pct_c"] * layers["bulk_density"]).to_numpy(float))
    assert ln_rho[0, measured] == pytest.approx(expected[measured] + np.log1p(-coarse)[measured])


def test_ratio_is_regressed_on_the_deviation_of_d50(
    problem: FlowProblem, draws: dict[str, np.ndarray]
) -> None:
    few = {key: values[:2] for key, values in draws.items()}
    roots, one = problem.inputs.tables["roots"].table, first(draws)
    of_d50 = record_residuals(problem, few, "d50")[0]
    ln_ratio = np.log(np.log(roots["d95_cm"] / roots["d50_cm"])).to_numpy(float)
    level = one["a_ratio"][roots["biome"].to_numpy(int) - 1]
    expected = ln_ratio - level - one["ratio_d50"] * of_d50
    assert record_residuals(problem, few, "ratio")[1] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["bnpp", "f_bnpp", "d50", "ratio"])
def test_log_likelihood_of_records_is_dense(
    problem: FlowProblem, draws: dict[str, np.ndarray], name: str
) -> None:
    few = {key: values[:2] for key, values in draws.items()}
    few[f"tau_{name}"] = np.array([0.4, 0.9])
    residual = record_residuals(problem, few, name)
    site = problem.records[name].site
    same = site[:, None] == site[None, :]
    found = record_log_likelihood(problem, few, name)
    for s, tau in enumerate((0.4, 0.9)):
        covariance = few[f"sigma_place_{name}"][s] ** 2 * same + tau**2 * np.eye(len(site))
        scaled = residual[s] @ np.linalg.solve(covariance, residual[s])
        log_det = np.linalg.slogdet(2.0 * np.pi * covariance)[1]
        assert found[s] == pytest.approx(-0.5 * (scaled + log_det))


def test_sites_are_named_by_place_and_biome(problem: FlowProblem) -> None:
    for table in problem.inputs.tables.values():
        for lat, lon in zip(table.table["lat"], table.table["lon"], strict=True):
            assert any(label.startswith(place(lat, lon)) for label in problem.sites.label)

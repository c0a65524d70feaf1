"""Flows of a biome: root distribution, depth integral, log-normal means, missing blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_rootc.errors import DataError
from bayes_rootc.layers import STANDARD_EDGES_CM, depth_basis
from bayes_rootc.models.flows import (
    basis_integral,
    biome_flows,
    bulk_variance,
    root_fraction,
    root_shares,
)

EDGES = np.array(STANDARD_EDGES_CM, float)
N_DRAWS, N_BIOMES, N_COMPONENTS = 7, 9, 3


def made_up(seed: int, n_draws: int = N_DRAWS) -> tuple[dict[str, Any], Any, Any]:
    """Draws of all blocks, mean components and their covariance."""
    rng = np.random.default_rng(seed)
    centres = {"k": -6.0, "rho": 0.2, "bnpp": 0.7, "d50": 2.6}
    draws: dict[str, Any] = {}
    for name, centre in centres.items():
        draws[f"a_{name}"] = centre + 0.4 * rng.standard_normal((n_draws, N_BIOMES))
        shape = (n_draws, N_BIOMES, N_COMPONENTS)
        draws[f"slopes_{name}"] = 0.2 * rng.standard_normal(shape)
    draws["a_ratio"] = 0.5 + 0.1 * rng.standard_normal((n_draws, N_BIOMES))
    draws["s_k"] = -1.5 + 0.2 * rng.standard_normal((n_draws, N_BIOMES))
    draws["s_rho"] = -0.6 + 0.2 * rng.standard_normal((n_draws, N_BIOMES))
    for name in ("profile_k", "profile_rho", "place_k", "place_rho", "place_bnpp"):
        draws[f"sigma_{name}"] = rng.uniform(0.1, 0.5, n_draws)
    draws |= {"tau_k": rng.uniform(0.2, 0.5, n_draws), "tau_rho": rng.uniform(0.2, 0.5, n_draws)}
    draws["kappa"] = rng.uniform(-0.5, 0.5, n_draws)
    roots = 0.6 * rng.standard_normal((N_BIOMES, N_COMPONENTS, N_COMPONENTS))
    return draws, rng.standard_normal((N_BIOMES, N_COMPONENTS)), roots @ roots.swapaxes(1, 2)


# --- roots -----------------------------------------------------------------------------------


def test_half_and_95_percent_of_roots_lie_above_their_depths() -> None:
    d50, d95 = np.array([3.0, 12.0, 60.0]), np.array([20.0, 95.0, 61.0])
    np.testing.assert_allclose(root_fraction(d50, d50, d95), 0.5, rtol=1e-12)
    np.testing.assert_allclose(root_fraction(d95, d50, d95), 0.95, rtol=1e-5)
    assert root_fraction(0.0, 12.0, 95.0) == 0.0


def test_root_fraction_by_hand() -> None:
    # log10(D95/D50) = 1, so c = -1.27875; at 4 D50: 1/(1 + 4^-1.27875)
    expected = 1.0 / (1.0 + 4.0**-1.27875)
    assert root_fraction(40.0, 10.0, 100.0) == pytest.approx(expected, rel=1e-12)


@given(st.floats(0.5, 400.0), st.floats(1.001, 1e4))
def test_root_shares_sum_to_one(d50: float, ratio: float) -> None:
    share = root_shares(d50, d50 * ratio)
    assert share.shape == (7,)
    assert (share >= 0.0).all()
    assert share.sum() == pytest.approx(1.0, abs=1e-12)


def test_root_shares_are_differences_of_the_fraction() -> None:
    r = root_fraction(EDGES, 15.0, 120.0)
    np.testing.assert_allclose(root_shares(15.0, 120.0), np.diff(r) / r[-1], rtol=1e-12)
    assert root_shares(np.full(4, 15.0), 120.0).shape == (4, 7)


@pytest.mark.parametrize(("d50", "d95"), [(20.0, 20.0), (20.0, 5.0), (0.0, 5.0), (np.nan, 5.0)])
def test_d95_above_d50_is_an_error(d50: float, d95: float) -> None:
    with pytest.raises(DataError, match=r"position 1: D50 = .* cm; D95 must be deeper than D50"):
        root_shares([10.0, d50], [50.0, d95])


# --- depth -----------------------------------------------------------------------------------


@given(st.floats(-6.0, 4.0), st.floats(0.0, 150.0), st.floats(1.0, 50.0), st.floats(0.0, 100.0))
@settings(max_examples=50)
def test_depth_integral_agrees_with_fine_slices(
    slope: float, top: float, thickness: float, reference: float
) -> None:
    n = 4000
    z = top + thickness * (np.arange(n) + 0.5) / n
    slices = np.exp(slope * depth_basis(z, reference)).sum() * thickness / n
    exact = basis_integral(slope, top, top + thickness, reference)
    assert exact == pytest.approx(slices, rel=1e-5)


def test_depth_integral_where_the_power_is_minus_one() -> None:
    # Slope -1: (10 + reference) ∫ dz/(10 + z) = 30 ln(30/10)
    assert basis_integral(-1.0, 0.0, 20.0, 20.0) == pytest.approx(30.0 * np.log(3.0), rel=1e-12)
    beside = basis_integral(-1.0 + 1e-7, 0.0, 20.0, 20.0)
    assert beside == pytest.approx(30.0 * np.log(3.0), rel=1e-6)


# --- biomes ----------------------------------------------------------------------------------


def test_flows_by_hand() -> None:
    one = np.ones((1, 1))
    draws = {
        "a_k": np.log(0.01) * one, "a_rho": np.log(2.0) * one, "s_k": 0 * one, "s_rho": 0 * one,
        "a_bnpp": np.log(5.0) * one, "a_d50": np.log(20.0) * one,
        "a_ratio": np.log(np.log(10.0)) * one,
        "tau_k": np.array([0.4]), "tau_rho": np.array([0.3]), "kappa": np.array([0.5]),
        "sigma_profile_k": np.array([0.2]), "sigma_profile_rho": np.array([0.1]),
        "sigma_place_bnpp": np.array([0.6]),
    }  # fmt: skip
    flows = biome_flows(draws, np.zeros((1, 0)), np.zeros((1, 0, 0)), 20.0)
    thickness = np.array([20.0, 20.0, 20.0, 20.0, 20.0, 50.0, 50.0])
    np.testing.assert_allclose(flows["i_bulk_typical"][0, 0], 0.02 * thickness, rtol=1e-12)
    assert flows["i_bulk_total_typical"][0, 0] == pytest.approx(4.0)
    variance = 1.5**2 * 0.04 + 0.01 + 0.16 + 0.09
    assert flows["i_bulk_total_mean"][0, 0] == pytest.approx(4.0 * np.exp(variance / 2))
    assert flows["i_root_total_typical"][0, 0] == pytest.approx(5.0)
    assert flows["i_root_total_mean"][0, 0] == pytest.approx(5.0 * np.exp(0.18))
    np.testing.assert_allclose(
        flows["i_root_typical"][0, 0], 5.0 * root_shares(20.0, 200.0), rtol=1e-12
    )
    assert flows["loss_share_typical"][0, 0] == pytest.approx(0.2)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_identities_hold_in_every_draw(seed: int) -> None:
    flows = biome_flows(*made_up(seed), 20.0)
    for average in ("mean", "typical"):
        root, bulk, loss = (flows[f"{name}_{average}"] for name in ("i_root", "i_bulk", "i_loss"))
        np.testing.assert_allclose(loss, root - bulk, rtol=1e-12)
        for name, layers in (("i_root", root), ("i_bulk", bulk), ("i_loss", loss)):
            total = flows[f"{name}_total_{average}"]
            np.testing.assert_allclose(layers.sum(axis=-1), total, rtol=1e-9, atol=1e-12)
        share = flows[f"i_loss_total_{average}"] / flows[f"i_root_total_{average}"]
        np.testing.assert_allclose(flows[f"loss_share_{average}"], share, rtol=1e-12)
    assert (flows["i_root_total_mean"] >= flows["i_root_total_typical"]).all()


def test_mean_over_sites_agrees_with_simulated_sites() -> None:
    draws, mean, covariance = made_up(3, n_draws=1)
    flows = biome_flows(draws, mean, covariance, 20.0)
    rng, n, b = np.random.default_rng(5), 400_000, 4
    d = {name: value[0] for name, value in draws.items()}
    x = rng.multivariate_normal(mean[b], covariance[b], n)

    def level(name: str) -> Any:
        return d[f"a_{name}"][b] + x @ d[f"slopes_{name}"][b]

    own_k = rng.normal(0, d["sigma_place_k"], n) + rng.normal(0, d["sigma_profile_k"], n)
    own_rho = rng.normal(0, d["sigma_place_rho"], n) + rng.normal(0, d["sigma_profile_rho"], n)
    z = (np.arange(100) + 0.5) / 100 * 20.0 + 40.0
    trend = np.exp((d["s_k"][b] + d["s_rho"][b]) * depth_basis(z, 20.0)).sum() * 0.2
    k = np.exp(level("k") + own_k + rng.normal(0, d["tau_k"], n))
    rho = np.exp(level("rho") + d["kappa"] * own_k + own_rho + rng.normal(0, d["tau_rho"], n))
    bnpp = np.exp(level("bnpp") + rng.normal(0, d["sigma_place_bnpp"], n))
    for simulated, computed in (
        (k * rho * trend, flows["i_bulk_mean"][0, b, 2]),
        (bnpp, flows["i_root_total_mean"][0, b]),
    ):
        error = simulated.std() / np.sqrt(n)
        assert error < 0.01 * computed
        assert abs(simulated.mean() - computed) < 4.0 * error


BULK = (
    "a_k", "slopes_k", "a_rho", "slopes_rho", "s_k", "s_rho", "tau_k", "tau_rho", "kappa",
    "sigma_profile_k", "sigma_profile_rho", "sigma_place_k", "sigma_place_rho",
)  # fmt: skip
ROOT = ("a_bnpp", "slopes_bnpp", "sigma_place_bnpp")


def _keys(prefixes: tuple[str, ...]) -> set[str]:
    return {f"{name}_{average}" for name in prefixes for average in ("mean", "typical")}


def test_blocks_that_are_missing_leave_out_what_they_give() -> None:
    draws, mean, covariance = made_up(1)

    def only(names: tuple[str, ...]) -> set[str]:
        return set(biome_flows({name: draws[name] for name in names}, mean, covariance, 20.0))

    depth = ("a_d50", "slopes_d50", "a_ratio")
    assert only(BULK) == _keys(("i_bulk", "i_bulk_total"))
    assert only(ROOT) == _keys(("i_root_total",))
    assert only((*ROOT, *depth)) == _keys(("i_root", "i_root_total"))
    assert only(tuple(n for n in BULK if "rho" not in n)) == set()


def test_without_roots_the_input_is_split_as_i_bulk_is() -> None:
    draws, mean, covariance = made_up(1)
    flows = biome_flows({name: draws[name] for name in (*BULK, *ROOT)}, mean, covariance, 20.0)
    for average in ("mean", "typical"):
        bulk = flows[f"i_bulk_{average}"] / flows[f"i_bulk_total_{average}"][..., None]
        root = flows[f"i_root_{average}"] / flows[f"i_root_total_{average}"][..., None]
        np.testing.assert_allclose(root, bulk, rtol=1e-12)


def test_slopes_and_spreads_that_the_model_lacks_count_as_zero() -> None:
    draws, mean, covariance = made_up(2)
    lacking = [n for n in draws if n.startswith(("slopes_", "sigma_place_"))]
    zero = draws | {name: np.zeros_like(draws[name]) for name in lacking}
    less = {name: value for name, value in draws.items() if name not in lacking}
    given_zero = biome_flows(zero, mean, covariance, 20.0)
    for name, values in biome_flows(less, mean, covariance, 20.0).items():
        np.testing.assert_allclose(values, given_zero[name], rtol=1e-12)
    np.testing.assert_allclose(bulk_variance(less), bulk_variance(zero), rtol=1e-12)

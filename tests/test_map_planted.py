"""A planted world: fields made cell by cell from true parameters, in formulas of their own."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayes_rootc.layers import STANDARD_EDGES_CM
from bayes_rootc.mapping.forest import stratified_normal
from bayes_rootc.mapping.posterior import posterior_engine
from bayes_rootc.mapping.statistics import summarise
from bayes_rootc.report.stored import reference_depth
from map_worlds import covariates, joint_run

CELLS, TRUTHS = 400, 25


def planted(
    run: xr.DataTree, draw: int, x: np.ndarray, biome: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """I_root and I_bulk of cells with components x, by standard layer, shape (n, 7)."""
    true = {
        str(name): values.transpose("chain", "draw", ...).to_numpy()[1, draw]
        for name, values in run["posterior"].to_dataset().data_vars.items()
    }
    n = len(x)

    def level(name: str) -> np.ndarray:
        return np.asarray([true[f"a_{name}"][b] + true[f"slopes_{name}"][b] @ one
                           for b, one in zip(biome, x, strict=True)])  # fmt: skip

    def scatter(*names: str) -> np.ndarray:
        return np.sum([true[name] * rng.standard_normal(n) for name in names], axis=0)

    # Carbon density follows the decay rate of its own profile with the slope kappa.
    own_k = scatter("sigma_place_k", "sigma_profile_k")
    ln_k = level("k") + own_k
    ln_rho = level("rho") + true["kappa"] * own_k + scatter("sigma_place_rho", "sigma_profile_rho")
    root = np.exp(level("bnpp") + scatter("sigma_place_bnpp"))
    off = scatter("sigma_place_d50")
    d50 = np.exp(level("d50") + off)
    ratio = true["a_ratio"][biome] + true["ratio_d50"] * off + scatter("sigma_place_ratio")
    d95 = d50 * np.exp(np.exp(ratio))
    steepness = -1.27875 / (np.log10(d95) - np.log10(d50))  # Schenk & Jackson 2002

    def above(depth: float) -> np.ndarray:
        return np.asarray(1.0 / (1.0 + (depth / d50) ** steepness)) if depth else np.zeros(n)

    reference = reference_depth(run)
    i_root, i_bulk = np.empty((2, n, 7))
    for layer in range(7):
        top, bottom = STANDARD_EDGES_CM[layer : layer + 2]
        i_root[:, layer] = root * (above(bottom) - above(top)) / above(200.0)
        z = np.linspace(top, bottom, 401)[:, None]
        basis = np.log((z + 10.0) / (reference + 10.0))
        trend = np.exp((true["s_k"] + true["s_rho"])[biome] * basis)
        residual = scatter("tau_k", "tau_rho")
        i_bulk[:, layer] = np.exp(ln_k + ln_rho + residual) * np.trapezoid(trend, z, axis=0)
    return i_root, i_bulk


def test_maps_hold_the_true_fields_of_a_planted_world() -> None:
    """Of 95 % intervals; truths are draws of the posterior that the engine does not take."""
    run = joint_run()
    seen = run.copy(deep=True)
    seen["posterior"] = xr.DataTree(run["posterior"].to_dataset().isel(chain=[0]))
    engine = posterior_engine(seen, 60, root="bnpp", clamp=True)
    rng = np.random.default_rng(11)
    cells = covariates(CELLS, rng)
    biome = rng.integers(0, 9, CELLS)
    found, _ = summarise(*engine.draw(cells, biome, rng), (0.025, 0.5, 0.975))
    x = np.clip(engine.components.apply(cells), *engine.limits)
    inside: dict[str, list[np.ndarray]] = {name: [] for name in ("i_root", "i_bulk", "i_loss")}
    above: dict[str, list[np.ndarray]] = {name: [] for name in inside}
    for draw in range(TRUTHS):
        i_root, i_bulk = planted(run, draw, x, biome, rng)
        true = {"i_root": i_root, "i_bulk": i_bulk, "i_loss": i_root - i_bulk}
        for name, field in true.items():
            low, middle, high = (values[:, :7] for values in found[f"{name}_quantile"])
            inside[name].append((low <= field) & (field <= high))
            above[name].append(field > middle)
    # 60 draws: their outer quantiles hold 95 less 3 %; truths differ, and share parameters.
    for name, held in inside.items():
        by_layer = np.mean(held, axis=(0, 1))
        assert (np.abs(by_layer - 0.93) < 0.03).all(), (name, by_layer)
        assert np.mean(above[name]) == pytest.approx(0.5, abs=0.03)


def test_errors_of_the_forests_have_the_mean_of_their_log_normal() -> None:
    """E exp(s z) = exp(s²/2): the tails must be there, not only the middles of the strata."""
    sd = 2.0
    draws = np.stack([stratified_normal(500, np.random.default_rng(i)) for i in range(4000)])
    assert np.isfinite(draws).all()
    assert draws.mean(axis=1) == pytest.approx(np.zeros(4000), abs=0.02)
    means = np.exp(sd * draws).mean(axis=1)
    error = means.std() / np.sqrt(len(means))
    assert means.mean() == pytest.approx(np.exp(sd**2 / 2.0), abs=4.0 * error)

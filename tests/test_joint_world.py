"""The joint simulated world: reproducible, shaped like the real tables, true to its own truth."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayes_rootc.data.inputs import TABLE_OF, Inputs
from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.data.world_truth import DEFAULT_TRUTH
from bayes_rootc.errors import DataError
from bayes_rootc.inference.flow_levels import density_log_likelihood, record_residuals, site_level
from bayes_rootc.layers import BIOME_KEYS, BIOMES
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow
from bayes_rootc.spec.load import load_spec
from bayes_rootc.spec.locate import find_model
from bayes_rootc.variables import EFFECTS
from true_flows import true_draws, true_flows

QUIET = {name: 0.0 for name in DEFAULT_TRUTH if name.startswith(("sigma_place", "tau"))} | {
    "sigma_profile_k": 0.0,
    "sigma_profile_rho": 0.0,
}
"""No scatter but between biomes and by components."""


def model(name: str) -> Any:
    """Return a packaged model."""
    return load_spec(find_model(name))


@pytest.fixture(scope="module")
def problem() -> FlowProblem:
    """Return the default world under the joint model."""
    return assemble_flow(model("joint"), simulate_inputs(model("joint")))


def known_truth(inputs: Inputs) -> dict[str, Any]:
    """Return the truth, which every simulated world has."""
    assert inputs.truth is not None
    return inputs.truth


def test_same_seed_same_tables() -> None:
    first, again, other = (simulate_inputs(model("roots"), 100, seed) for seed in (3, 3, 4))
    assert (first.data_hash, first.truth) == (again.data_hash, again.truth)
    assert other.data_hash != first.data_hash


@pytest.mark.parametrize("block", [block for block in TABLE_OF if block != "turnover"])
def test_a_block_alone_has_its_table_and_the_same_biomes(block: str, problem: FlowProblem) -> None:
    inputs = simulate_inputs(model(block))
    assert set(inputs.tables) == {TABLE_OF[block]}
    assert list(assemble_flow(model(block), inputs).counts) == [
        {"stock": "rho", "roots": "d50"}.get(block, block)
    ]
    joint = known_truth(problem.inputs)
    assert known_truth(inputs)["a_rho"] == joint["a_rho"]
    # The regression on k needs k beside it.
    assert "kappa" not in known_truth(inputs) and "kappa" in joint


def test_the_joint_world_has_every_part(problem: FlowProblem) -> None:
    inputs = problem.inputs
    assert {name: len(data.table) for name, data in inputs.tables.items()} == {
        "layers": 600, "npp": 120, "roots": 120,
    }  # fmt: skip
    assert inputs.source == "simulated"
    assert inputs.origin == (
        "simulated world, seed 1, 600 layers, 120 records of NPP, 120 root profiles"
    )
    assert tuple(problem.counts) == EFFECTS
    assert problem.is_nested
    assert inputs.tables["npp"].table["place"].nunique() == pytest.approx(72, abs=2)
    assert inputs.tables["roots"].table["place"].nunique() == pytest.approx(66, abs=2)
    layers = inputs.tables["layers"].table
    assert layers["bulk_density"].isna().mean() == pytest.approx(0.65, abs=0.06)
    assert layers["pct_c"].isna().mean() == pytest.approx(0.08, abs=0.04)
    assert inputs.places["place"].is_monotonic_increasing and inputs.places["place"].is_unique
    assert 0.0 < inputs.places[list(problem.components.variables)].isna().to_numpy().mean() < 0.05


def test_some_sites_hold_two_or_three_profiles(problem: FlowProblem) -> None:
    assert problem.rows is not None
    profiles = np.bincount(problem.rows.profile_site)
    profiles = profiles[profiles > 0]
    assert profiles.sum() == 120
    assert profiles.max() == 3
    assert np.mean(profiles > 1) == pytest.approx(0.4, abs=0.12)


def test_the_smallest_world_has_ten_of_everything() -> None:
    tables = simulate_inputs(model("joint"), 10).tables
    assert {name: len(data.table) for name, data in tables.items()} == {
        "layers": 10, "npp": 10, "roots": 10,
    }  # fmt: skip


def test_biomes_are_empty_as_asked_and_only_there() -> None:
    default = simulate_inputs(model("bnpp")).tables["npp"].table
    assert set(default["biome"]) == {1, 2, 3, 4, 6}
    full = simulate_inputs(model("bnpp"), empty=()).tables["npp"].table
    assert set(full["biome"]) == set(BIOMES)
    some = simulate_inputs(model("joint"), empty=(("roots", 3), ("layers", 1))).tables
    assert set(BIOMES) - set(some["roots"].table["biome"]) == {3}
    assert set(BIOMES) - set(some["layers"].table["biome"]) == {1}


def test_truth_is_complete_and_plain(problem: FlowProblem) -> None:
    truth = known_truth(problem.inputs)
    assert json.loads(json.dumps(truth)) == truth
    assert set(DEFAULT_TRUTH) < set(truth)
    names = set(problem.components.names)
    for effect in EFFECTS:
        assert set(truth[f"a_{effect}"]) == set(BIOME_KEYS)
        assert set(truth[f"gamma_{effect}"]) == names
        assert {frozenset(row) for row in truth[f"slopes_{effect}"].values()} == {frozenset(names)}
    assert all(set(truth[name]) == set(BIOME_KEYS) for name in ("s_k", "s_rho", "a_ratio"))


def test_without_scatter_every_observation_lies_on_its_level() -> None:
    spec = model("joint")
    quiet = assemble_flow(spec, simulate_inputs(spec, 150, truth=QUIET))
    draws = true_draws(quiet)
    for name in ("bnpp", "f_bnpp", "d50", "ratio"):
        np.testing.assert_allclose(record_residuals(quiet, draws, name), 0.0, atol=1e-9)
    rows, density = quiet.rows, quiet.density
    assert rows is not None and density is not None
    site, depth = rows.profile_site[rows.profile[density.layer]], rows.depth[density.layer]
    ln_rho = site_level(quiet, draws, "rho")[0][site]
    ln_rho += draws["s_rho"][0][quiet.sites.biome[site]] * depth
    ln_bulk = draws["bd_intercept"] + draws["bd_slope"] * ln_rho + draws["bd_depth"] * depth
    bulk = np.isfinite(density.ln_bulk)
    np.testing.assert_allclose(density.ln_bulk[bulk], ln_bulk[bulk])
    carbon = density.has_carbon
    np.testing.assert_allclose(density.ln_carbon[carbon], (ln_rho - ln_bulk)[carbon], atol=1e-9)


@pytest.mark.parametrize(
    ("block", "names"),
    [("bnpp", ("bnpp",)), ("f_bnpp", ("f_bnpp",)), ("roots", ("d50", "ratio"))],
)
def test_scatter_has_the_size_of_the_truth(block: str, names: tuple[str, ...]) -> None:
    spec = model(block)
    big = assemble_flow(spec, simulate_inputs(spec, 3000))
    draws = true_draws(big)
    for name in names:
        site, residual = big.records[name].site, record_residuals(big, draws, name)[0]
        within = residual - pd.Series(residual).groupby(site).transform("mean")
        freedom = len(site) - len(np.unique(site))
        tau, place = draws[f"tau_{name}"][0], draws[f"sigma_place_{name}"][0]
        # About 250 degrees of freedom know a spread to 5 %, 330 sites to 4 %.
        assert np.sqrt((within**2).sum() / freedom) == pytest.approx(tau, rel=0.18)
        first = residual[np.unique(site, return_index=True)[1]]
        assert np.std(first) == pytest.approx(np.hypot(tau, place), rel=0.18)


@pytest.mark.parametrize("name", ["sigma_profile_rho", "tau_rho", "tau_bd", "bd_depth"])
def test_densities_are_likeliest_at_the_truth(name: str) -> None:
    spec = model("stock")
    world = assemble_flow(spec, simulate_inputs(spec, 1000, truth={"sigma_place_rho": 0.0}))
    draws = true_draws(world)
    # Truth, and two thirds and three halves of it.
    around = {key: np.repeat(values, 3, axis=0) for key, values in draws.items()}
    around[name] = draws[name] * np.array([1.0, 2.0 / 3.0, 1.5])
    at_truth, below, above = density_log_likelihood(world, around)
    assert at_truth > max(below, above) + 2.0


def test_density_follows_the_profiles_own_k_by_kappa() -> None:
    # The deviations of ln k are the same random numbers whatever kappa is.
    spec = model("joint")
    truth = QUIET | {"sigma_place_k": 0.5, "sigma_profile_k": 0.1}
    apart = []
    for kappa in (0.0, 0.4, 0.8):
        world = simulate_inputs(spec, 100, truth=truth | {"kappa": kappa, "bd_slope": 0.0})
        table = world.tables["layers"].table
        apart.append(np.log(table["pct_c"]).groupby([table["lat"], table["profile"]]).mean())
    low, middle, high = apart
    np.testing.assert_allclose(high - middle, middle - low, atol=1e-9)
    deviation = (middle - low) / 0.4
    assert deviation.std() == pytest.approx(np.hypot(0.5, 0.1), rel=0.4)
    # Profiles of one site share all but sigma_profile_k.
    within = deviation.groupby(level=0).std().dropna()
    assert len(within) > 2 and within.max() < 0.3


def test_biome_effects_take_the_correlation_that_is_given() -> None:
    matrix = np.eye(5)
    matrix[0, 2] = matrix[2, 0] = -0.999
    truth = known_truth(
        simulate_inputs(model("bnpp"), 50, truth={"biome_correlation": matrix.tolist()})
    )
    k, bnpp = (np.array(list(truth[name].values())) for name in ("a_k", "a_bnpp"))
    assert np.corrcoef(k, bnpp)[0, 1] < -0.98


def test_flows_of_a_quiet_world_are_what_its_records_say() -> None:
    spec = model("joint")
    flat: dict[str, Any] = {f"gamma_{name}": {} for name in EFFECTS} | {
        f"sigma_gamma_{e}": 0.0 for e in EFFECTS
    }
    quiet = assemble_flow(spec, simulate_inputs(spec, 100, truth=QUIET | flat))
    flows = true_flows(quiet)
    npp = quiet.inputs.tables["npp"].table
    for number, records in npp.groupby("biome"):
        key = BIOMES[int(str(number))].key
        for average in ("mean", "typical"):
            expected = flows[f"i_root_total_{average}"][key]
            np.testing.assert_allclose(records["bnpp"], expected)
    for key in BIOME_KEYS:
        root, bulk = flows["i_root_total_mean"][key], flows["i_bulk_total_mean"][key]
        assert flows["i_loss_total_mean"][key] == pytest.approx(root - bulk)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_layers": 9}, "n_layers = 9 is too few; a world needs at least 10"),
        ({"truth": {"alpha_q": 1.0}}, "truth names alpha_q; valid are alpha_k, "),
        ({"truth": {"tau_k": -0.1}}, "tau_k = -0.1 is wrong; a spread is 0 or more"),
        ({"truth": {"biome_correlation": 2.0 * np.eye(5)}}, "must be a positive definite matrix"),
        ({"truth": {"biome_correlation": np.ones((5, 5))}}, "must be a positive definite matrix"),
        (
            {"truth": {"gamma_k": {"moon 1": 1.0}}},
            "gamma_k names moon 1; the components of this world are climate 1, ",
        ),
        ({"empty": (("stock", 5),)}, r"empty = \('stock', 5\) is wrong; it must be a table of"),
        ({"empty": (("npp", 10),)}, r"empty = \('npp', 10\) is wrong"),
        (
            {"empty": tuple(("roots", number) for number in BIOMES)},
            "empty leaves roots without any biome; it must leave one or more",
        ),
        ({"truth": {"alpha_rho": 6.0}}, "column pct_c: .* is impossible; percent C lies above 0"),
    ],
)
def test_what_cannot_be_simulated_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        simulate_inputs(model("stock"), **({"n_layers": 60} | options))

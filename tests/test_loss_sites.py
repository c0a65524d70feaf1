"""Flows at sites: what was measured, what is predicted, and that chunks change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_rootc.errors import RunError
from bayes_rootc.layers import STANDARD_EDGES_CM, depth_basis
from bayes_rootc.loss.estimates import all_site_flows
from bayes_rootc.loss.joint import read_joint
from bayes_rootc.loss.observed import cover, observed_bulk
from bayes_rootc.loss.sites import KINDS, SiteFlows, site_flows
from bayes_rootc.models.flows import biome_flows, bulk_variance, root_shares
from fake_joint import fake_joint

EDGES = np.array(STANDARD_EDGES_CM, float)
THICKNESS = np.diff(EDGES)


@pytest.fixture(scope="module")
def run() -> xr.DataTree:
    return fake_joint()


@pytest.fixture(scope="module")
def flows(run: xr.DataTree) -> dict[str, SiteFlows]:
    return all_site_flows(run, seed=3)


def changed(run: xr.DataTree, group: str, **variables: Any) -> xr.DataTree:
    """Copy a run with some variables of a group replaced."""
    copy = run.copy()
    data = copy[group].to_dataset()
    copy[group] = xr.DataTree(
        data.assign({name: (data[name].dims, value) for name, value in variables.items()})
    )
    return copy


def without(run: xr.DataTree, group: str, *names: str) -> xr.DataTree:
    copy = run.copy()
    copy[group] = xr.DataTree(copy[group].to_dataset().drop_vars(names))
    return copy


# --- every kind ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_identities_hold_in_every_draw(flows: dict[str, SiteFlows], kind: str) -> None:
    found = flows[kind]
    n = len(found.labels)
    assert found.share.shape == found.i_bulk.shape == (20, n, 7)
    np.testing.assert_allclose(found.share.sum(axis=-1), 1.0, rtol=1e-6)
    assert (found.i_bulk > 0.0).all()
    for source in ("bnpp", "npp"):
        expected = found.i_root[source][..., None] * found.share - found.i_bulk
        np.testing.assert_array_equal(found.i_loss(source), expected)
        total = found.i_root[source] - found.i_bulk.sum(axis=-1)
        np.testing.assert_allclose(found.i_loss(source).sum(axis=-1), total, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 4])
def test_totals_do_not_depend_on_chunks(
    run: xr.DataTree, flows: dict[str, SiteFlows], kind: str, size: int
) -> None:
    other = site_flows(run, kind, 3, sites_at_a_time=size)
    np.testing.assert_array_equal(other.share, flows[kind].share)
    np.testing.assert_array_equal(other.i_bulk, flows[kind].i_bulk)
    for source, values in flows[kind].i_root.items():
        np.testing.assert_array_equal(other.i_root[source], values)


def test_a_site_keeps_its_numbers_where_others_are_taken_away(
    run: xr.DataTree, flows: dict[str, SiteFlows]
) -> None:
    fewer = run.copy()
    fewer["constant_data"] = xr.DataTree(
        run["constant_data"].to_dataset().isel(root_profile=slice(2, 5))
    )
    found = site_flows(fewer, "root", 3)
    np.testing.assert_array_equal(found.i_bulk, flows["root"].i_bulk[:, 2:5])
    for source, values in found.i_root.items():
        np.testing.assert_array_equal(values, flows["root"].i_root[source][:, 2:5])


def test_another_seed_gives_other_predictions(
    run: xr.DataTree, flows: dict[str, SiteFlows]
) -> None:
    other = site_flows(run, "npp", 4)
    assert not np.isclose(other.i_bulk, flows["npp"].i_bulk).any()
    np.testing.assert_array_equal(other.i_root["bnpp"], flows["npp"].i_root["bnpp"])


def test_one_place_has_one_bnpp_whatever_the_kind_of_site(run: xr.DataTree) -> None:
    data = run["constant_data"].to_dataset()
    place, biome = data["profile_place_index"].values, data["profile_biome_index"].values
    n = data.sizes["root_profile"]
    moved = changed(run, "constant_data", root_place_index=place[:n], root_biome_index=biome[:n])
    roots, soils = site_flows(moved, "root", 3), site_flows(moved, "delta14c", 3)
    np.testing.assert_array_equal(roots.i_root["bnpp"], soils.i_root["bnpp"][:, :n])
    assert not np.isclose(roots.i_bulk, soils.i_bulk[:, :n]).any()


@pytest.mark.parametrize(("name", "source"), [("bnpp", "bnpp"), ("f_bnpp", "npp")])
def test_predicted_root_has_the_place_effect_of_its_own_quantity(
    run: xr.DataTree, flows: dict[str, SiteFlows], name: str, source: str
) -> None:
    """Without spread between places of one quantity, just what comes of it changes."""
    spread = f"sigma_place_{name}"
    flat = changed(run, "posterior", **{spread: np.zeros(run["posterior"][spread].shape)})
    found = site_flows(flat, "root", 3).i_root
    other = "npp" if source == "bnpp" else "bnpp"
    np.testing.assert_array_equal(found[other], flows["root"].i_root[other])
    assert not np.isclose(found[source], flows["root"].i_root[source]).any()


# --- what was measured -----------------------------------------------------------------------


def test_measured_bnpp_is_its_posterior(run: xr.DataTree, flows: dict[str, SiteFlows]) -> None:
    derived = run["derived"].to_dataset()
    bnpp, share = (derived[name].values.reshape(20, -1) for name in ("bnpp", "f_bnpp"))
    constants = run["constant_data"].to_dataset()
    npp = constants["gridded_npp"].values[constants["npp_site_place_index"].values]
    np.testing.assert_array_equal(flows["npp"].i_root["bnpp"], bnpp)
    np.testing.assert_allclose(flows["npp"].i_root["npp"], npp * share, rtol=1e-12)
    missing = np.isnan(flows["npp"].i_root["npp"])
    assert not missing.all()
    np.testing.assert_array_equal(missing, np.broadcast_to(np.isnan(npp), missing.shape))


def test_measured_roots_give_the_shares(run: xr.DataTree, flows: dict[str, SiteFlows]) -> None:
    constants = run["constant_data"].to_dataset()
    expected = root_shares(constants["d50_cm"].values, constants["d95_cm"].values)
    np.testing.assert_allclose(flows["root"].share[7], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["npp", "delta14c"])
def test_elsewhere_the_input_is_split_as_i_bulk_is(flows: dict[str, SiteFlows], kind: str) -> None:
    bulk = flows[kind].i_bulk
    np.testing.assert_allclose(flows[kind].share, bulk / bulk.sum(-1, keepdims=True), rtol=1e-5)


# --- observed layers -------------------------------------------------------------------------


def test_layers_that_fit_stand_for_themselves() -> None:
    found = cover(EDGES[:-1], EDGES[1:])
    np.testing.assert_array_equal(found.thickness, np.diag(THICKNESS))
    assert found.gaps == ()


def test_gaps_and_overlaps_by_hand() -> None:
    found = cover(np.array([5.0, 15.0, 90.0]), np.array([30.0, 20.0, 300.0]))
    # 15-20 cm is covered by two layers: half of its 5 cm each.
    np.testing.assert_allclose(found.thickness[0], [12.5, 10, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found.thickness[1], [2.5, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found.thickness[2], [0, 0, 0, 0, 10, 50, 50])
    assert found.gaps == (
        (0, 0.0, 5.0), (1, 30.0, 40.0), (2, 40.0, 60.0), (3, 60.0, 80.0), (4, 80.0, 90.0),
    )  # fmt: skip


@given(st.lists(st.tuples(st.floats(0.0, 240.0), st.floats(0.5, 80.0)), min_size=1, max_size=6))
@settings(max_examples=50)
def test_layers_and_gaps_fill_every_standard_layer(layers: list[tuple[float, float]]) -> None:
    top = np.array([start for start, _ in layers])
    found = cover(top, top + np.array([thickness for _, thickness in layers]))
    filled = found.thickness.sum(axis=0)
    for standard, above, below in found.gaps:
        filled[standard] += below - above
    np.testing.assert_allclose(filled, THICKNESS, rtol=1e-9)


def test_observed_bulk_agrees_with_thin_slices(run: xr.DataTree) -> None:
    joint = read_joint(run)
    profile = np.array([2, 7])
    biome = joint.constant("profile_biome_index", "profile")[profile]
    residual = 0.3 * np.random.default_rng(1).standard_normal((20, 2, 7))
    found = observed_bulk(joint, profile, biome, residual)
    z = np.arange(0.05, 200.0, 0.1)
    standard = np.searchsorted(EDGES, z, side="right") - 1
    top, bottom = (joint.constant(name, "layer") for name in ("top_cm", "bottom_cm"))
    owner = joint.constant("profile_index", "layer")
    for i, (p, b) in enumerate(zip(profile, biome, strict=True)):
        level = joint.draws["eta"][:, [p]] + joint.derived["eta_rho"][:, [p]]
        slope = (joint.draws["s_k"] + joint.draws["s_rho"])[:, [b]]
        density = np.exp(level + slope * depth_basis(z, 20.0) + residual[:, i, standard])
        inside = (owner == p)[:, None] & (top[:, None] < z) & (z < bottom[:, None])
        assert inside.sum(axis=0).max() == 1 + int(p == 7)  # one profile has an overlap
        flow = joint.derived["k"] * joint.derived["rho"]
        covered = inside.any(axis=0)
        density[:, covered] = (flow @ inside / np.maximum(inside.sum(axis=0), 1))[:, covered]
        sums = np.stack([density[:, standard == j].sum(axis=1) * 0.1 for j in range(7)], axis=1)
        np.testing.assert_allclose(found[:, i], sums, rtol=1e-4)


def test_a_profile_without_layers_is_an_error(run: xr.DataTree) -> None:
    owner = run["constant_data"]["profile_index"].values.copy()
    owner[owner == 4] = 5
    with pytest.raises(RunError, match="profile 4 has no layer"):
        site_flows(changed(run, "constant_data", profile_index=owner), "delta14c", 1)


# --- predictions -----------------------------------------------------------------------------

SPREADS = ("sigma_place_k", "sigma_profile_k", "tau_k", "sigma_place_rho", "sigma_profile_rho",
           "tau_rho", "sigma_place_bnpp", "sigma_place_f_bnpp")  # fmt: skip


def still(run: xr.DataTree) -> xr.DataTree:
    """Copy a run without any residual."""
    posterior = run["posterior"].to_dataset()
    return changed(run, "posterior", **{n: np.zeros(posterior[n].shape) for n in SPREADS})


def test_without_residuals_a_site_is_typical_of_its_components(run: xr.DataTree) -> None:
    quiet = still(run)
    found, joint = site_flows(quiet, "root", 1), read_joint(quiet)
    scores = joint.constants["components"].values[found.place]
    no_spread = np.zeros((9, scores.shape[1], scores.shape[1]))
    for i in (0, 5, 9):
        mean = np.tile(scores[i], (9, 1))
        draws = {name: values for name, values in joint.draws.items() if "d50" not in name}
        expected = biome_flows(draws, mean, no_spread, 20.0)
        b = found.biome[i]
        np.testing.assert_allclose(found.i_bulk[:, i], expected["i_bulk_typical"][:, b], rtol=1e-5)
        bnpp = expected["i_root_total_typical"][:, b]
        np.testing.assert_allclose(found.i_root["bnpp"][:, i], bnpp, rtol=1e-9)


def test_gridded_npp_times_the_predicted_share(run: xr.DataTree) -> None:
    found, joint = site_flows(still(run), "root", 1), read_joint(run)
    i, logit = 3, joint.level("f_bnpp", *_where(joint, 3))
    npp = joint.constant("gridded_npp", "place")[found.place[i]]
    np.testing.assert_allclose(found.i_root["npp"][:, i], npp / (1 + np.exp(-logit[:, 0])))


def _where(joint: Any, i: int) -> tuple[Any, Any]:
    biome = joint.constant("root_biome_index", "root_profile")[[i]]
    place = joint.constant("root_place_index", "root_profile")[[i]]
    return biome, joint.constants["components"].values[place]


def test_residuals_have_the_spread_of_the_model() -> None:
    run = fake_joint(n_roots=150, draws=60, keep=60)
    loud, quiet = site_flows(run, "root", 1), site_flows(still(run), "root", 1)
    log_ratio = np.log(loud.i_bulk / quiet.i_bulk)
    joint = read_joint(run)
    expected = bulk_variance(joint.draws).mean()
    assert log_ratio.var() == pytest.approx(expected, rel=0.03)
    # Between layers of one site only their own residuals differ.
    within = (joint.draws["tau_k"] ** 2 + joint.draws["tau_rho"] ** 2).mean()
    assert log_ratio.var(axis=-1, ddof=1).mean() == pytest.approx(within, rel=0.03)
    bnpp = np.log(loud.i_root["bnpp"] / quiet.i_root["bnpp"])
    assert bnpp.var() == pytest.approx((joint.draws["sigma_place_bnpp"] ** 2).mean(), rel=0.05)


def test_a_model_without_effects_of_sites_on_profiles_has_less_spread(run: xr.DataTree) -> None:
    names = ("sigma_place_k", "sigma_place_rho")
    zero = {name: np.zeros(run["posterior"][name].shape) for name in names}
    lacking = site_flows(without(run, "posterior", *names), "npp", 3)
    np.testing.assert_array_equal(
        lacking.i_bulk, site_flows(changed(run, "posterior", **zero), "npp", 3).i_bulk
    )


# --- errors ----------------------------------------------------------------------------------


def test_unknown_kind(run: xr.DataTree) -> None:
    with pytest.raises(RunError, match="'soil' is unknown; it must be of npp, delta14c, root"):
        site_flows(run, "soil", 1)


def test_a_run_of_some_blocks_says_which_model_to_fit(run: xr.DataTree) -> None:
    lacking = without(run, "posterior", "a_bnpp", "a_d50")
    lacking.attrs["model"] = "stock"
    with pytest.raises(
        RunError, match=r"model stock lacks the blocks bnpp, roots; .*: fit models/joint\.toml"
    ):
        site_flows(lacking, "npp", 1)


@pytest.mark.parametrize(
    ("group", "name"),
    [("posterior", "kappa"), ("derived", "eta_rho"), ("constant_data", "gridded_npp")],
)
def test_a_missing_variable_is_named(run: xr.DataTree, group: str, name: str) -> None:
    with pytest.raises(RunError, match=f"{group}/{name} is missing; fit the model again"):
        site_flows(without(run, group, name), "delta14c", 1)


def test_a_missing_group_is_named(run: xr.DataTree) -> None:
    lacking = run.copy()
    del lacking["derived"]
    with pytest.raises(RunError, match="group derived is missing; it has posterior"):
        site_flows(lacking, "npp", 1)


def test_a_wrong_dimension_is_named(run: xr.DataTree) -> None:
    data = run["constant_data"].to_dataset()
    wrong = run.copy()
    wrong["constant_data"] = xr.DataTree(data.assign(gridded_npp=("spot", np.ones(3))))
    with pytest.raises(RunError, match=r"gridded_npp has dimensions \(spot\); right: \(place\)"):
        site_flows(wrong, "npp", 1)


def test_a_run_that_does_not_say_its_reference_depth(run: xr.DataTree) -> None:
    mute = run.copy()
    mute.attrs["spec"] = "{}"
    with pytest.raises(RunError, match=r"spec does not give model_options\.reference_depth_cm"):
        site_flows(mute, "npp", 1)

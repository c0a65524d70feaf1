"""Maps of an invented soil: engines, blocks, totals, resuming, and how wrong input is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import bayes_rootc
from bayes_rootc.errors import DataError, RootcError, RunError, WriteError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.loss.sites import site_flows
from bayes_rootc.mapping import store as map_store
from bayes_rootc.mapping.block import done_path, open_map, store_path
from bayes_rootc.mapping.cube import open_cube
from bayes_rootc.mapping.forest import grow_forest, load_mapped, save_mapped
from bayes_rootc.mapping.posterior import posterior_engine
from bayes_rootc.mapping.posterior_file import load_posterior, save_posterior
from bayes_rootc.mapping.prepare import Request
from bayes_rootc.mapping.run import MapRun, make_maps, plan_maps
from bayes_rootc.mapping.statistics import quantiles, summarise
from bayes_rootc.mapping.store import VARIABLES, open_store
from bayes_rootc.spec.map import ForestSection, MapSpec
from map_worlds import (
    covariates,
    grid,
    joint_run,
    noise,
    same_files,
    spec_of,
    store_joint,
    store_learning,
    table,
    truth,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a joint run, a learning run and a grid."""
    folder = tmp_path_factory.mktemp("world")
    store_joint(folder / "joint")
    store_learning(folder / "learning")
    grid().to_netcdf(folder / "grid.nc", engine="h5netcdf")
    return folder


def request_of(world: Path, folder: Path) -> Request:
    return Request(folder, world / "joint", world / "learning", None)


def spec_for(grid_file: Path, **changes: Any) -> MapSpec:
    return spec_of(grid={"file": str(grid_file)}, **changes)


@pytest.fixture(scope="module")
def made(world: Path, tmp_path_factory: pytest.TempPathFactory) -> MapRun:
    folder = tmp_path_factory.mktemp("maps") / "map"
    return make_maps(spec_for(world / "grid.nc"), request_of(world, folder), n_threads=2)


# --- statistics -------------------------------------------------------------------------------


def test_quantiles_are_those_of_numpy() -> None:
    draws = np.random.default_rng(0).standard_normal((7, 3, 101)).astype(np.float32)
    q = (0.025, 0.31, 0.5, 1.0 - 1e-6)
    expected = np.quantile(draws.astype(float), q, axis=-1)
    assert np.abs(quantiles(draws.copy(), q) - expected).max() < 1e-5


def test_every_draw_keeps_the_identities() -> None:
    rng = np.random.default_rng(1)
    root, bulk = rng.lognormal(size=(2, 5, 7, 40)).astype(np.float32)
    found, flows = summarise(root, bulk, (0.1, 0.9))
    assert np.array_equal(flows["i_loss"], flows["i_root"] - flows["i_bulk"])
    for name in ("i_root", "i_bulk", "i_loss"):
        assert np.allclose(flows[name][:, :7].sum(axis=1), flows[name][:, 7], rtol=1e-4, atol=1e-4)
    assert np.allclose(found["p_loss_negative"], (flows["i_loss"] < 0).mean(axis=-1))
    share = flows["i_loss"] / flows["i_root"]
    assert np.allclose(found["loss_share_quantile"], np.quantile(share, (0.1, 0.9), axis=-1), 1e-3)


# --- engines ----------------------------------------------------------------------------------


def test_the_posterior_engine_says_of_a_site_what_the_losses_say_of_it() -> None:
    run = joint_run(n_profiles=12, n_npp=9, n_roots=9)
    predicted = site_flows(run, "root", seed=1)
    engine = posterior_engine(run, 10_000, root="bnpp", clamp=False)
    places = run["constant_data"].to_dataset()
    scores = places["components"].transpose("place", ...).to_numpy()[predicted.place]
    # Covariates that give these scores: the loadings have orthogonal rows of unit length.
    of = engine.components
    standard = (scores * np.sqrt(of.variance)) @ np.linalg.pinv(of.loadings).T
    cells = pd.DataFrame(of.mean + of.sd * standard, columns=list(of.variables))
    assert np.allclose(of.apply(cells), scores, atol=1e-6)
    cells = pd.concat([cells] * 200, ignore_index=True)
    biome = np.tile(predicted.biome, 200)
    root, bulk = engine.draw(cells, biome, np.random.default_rng(3))
    of_site = (200, len(predicted.biome), -1)
    for ours, theirs in (
        (np.log(root.sum(axis=1)), np.log(predicted.i_root["bnpp"])),
        (np.log(bulk.sum(axis=1)), np.log(predicted.i_bulk.sum(axis=2))),
    ):
        site = ours.reshape(of_site).transpose(1, 0, 2).reshape(of_site[1], -1)
        assert np.abs(site.mean(axis=1) - theirs.mean(axis=0)).max() < 0.6  # 60 draws of theirs
        assert abs(site.mean() - theirs.mean()) < 0.1
        assert site.std(axis=1).mean() == pytest.approx(theirs.std(axis=0).mean(), rel=0.12)
    assert np.allclose((root / root.sum(axis=1, keepdims=True)).sum(axis=1), 1.0, atol=1e-4)


def test_a_biome_without_data_is_wider() -> None:
    run = joint_run()
    effects = run["posterior"]["a_bnpp"].to_numpy()
    effects[..., 7] += np.random.default_rng(0).standard_normal(effects.shape[:2])
    engine = posterior_engine(run, 1000, root="bnpp", clamp=True)
    cells = covariates(50, np.random.default_rng(2))
    spread = [
        np.log(engine.draw(cells, np.full(50, b), np.random.default_rng(4))[0].sum(axis=1)).std()
        for b in (0, 7)
    ]
    assert spread[1] > 1.2 * spread[0]


def test_components_beyond_the_data_are_counted_and_clamped() -> None:
    run = joint_run()
    cells = covariates(3, np.random.default_rng(2))
    cells.loc[1, "bio01"] = 500.0
    engines = [posterior_engine(run, 50, root="bnpp", clamp=clamp) for clamp in (True, False)]
    assert engines[0].beyond(cells)[1] >= 1
    clamped, free = (
        e.draw(cells, np.zeros(3, int), np.random.default_rng(1))[0].sum(axis=1) for e in engines
    )
    assert np.log(free[1]).mean() - np.log(clamped[1]).mean() > 3.0  # 60 spreads warmer


def test_gridded_npp_can_be_the_source_of_root_input() -> None:
    engine = posterior_engine(joint_run(), 50, root="npp", clamp=True)
    assert "npp" in engine.variables
    cells = covariates(4, np.random.default_rng(2)).assign(npp=[100.0, 200.0, 400.0, 800.0])
    root, _ = engine.draw(cells, np.zeros(4, int), np.random.default_rng(1))
    assert (root.sum(axis=1) < 0.01 * cells["npp"].to_numpy()[:, None]).all()


def test_a_run_with_prior_means_is_not_mapped() -> None:
    run = joint_run()
    constants = run["constant_data"].to_dataset()
    groups = constants["component_group"].to_numpy().astype(object)
    groups[-1] = "prior mean"
    run["constant_data"] = xr.DataTree(constants.assign(component_group=("component", groups)))
    with pytest.raises(RunError, match="fitted with prior means"):
        posterior_engine(run, 50, root="bnpp", clamp=True)


def test_engines_are_stored_without_pickle(tmp_path: Path) -> None:
    engine = posterior_engine(joint_run(), 20, root="bnpp", clamp=True)
    save_posterior(engine, tmp_path / "p.npz")
    cells, biome = covariates(5, np.random.default_rng(0)), np.arange(5)
    again = load_posterior(tmp_path / "p.npz")
    for ours, theirs in zip(
        engine.draw(cells, biome, np.random.default_rng(1)),
        again.draw(cells, biome, np.random.default_rng(1)),
        strict=True,
    ):
        assert np.array_equal(ours, theirs)
    mapped, _ = grow_forest(table("i_root"), ForestSection(n_trees=50), seed=1)
    save_mapped(mapped, tmp_path, "i_root")
    cells = cells.assign(biome="tundra")
    assert np.array_equal(load_mapped(tmp_path, "i_root").predict(cells), mapped.predict(cells))
    with pytest.raises(RunError, match="no stored forest"):
        load_mapped(tmp_path, "i_bulk")
    with pytest.raises(RunError, match="holds no posterior of a map"):
        load_posterior(tmp_path / "i_root.npz")


def test_tau_by_bootstrap_is_told_beside_that_of_one_forest() -> None:
    section = ForestSection(n_trees=20, tau="bootstrap", repeats=5)
    mapped, facts = grow_forest(table("i_root"), section, seed=1)
    assert facts["tau95"] == facts["tau95_bootstrap"] == mapped.tau95
    assert facts["tau95_oob"] != facts["tau95_bootstrap"]
    _, alone = grow_forest(table("i_root"), ForestSection(n_trees=20), seed=1)
    assert alone["tau95"] == alone["tau95_oob"] == facts["tau95_oob"]
    assert "tau95_bootstrap" not in alone


@pytest.mark.parametrize("target", ["i_root", "i_bulk"])
def test_forest_intervals_hold_the_true_field(target: str) -> None:
    mapped, _ = grow_forest(table(target, n_groups=200), ForestSection(n_trees=200), seed=1)
    new = table(target, seed=77, n_groups=200)
    mean, sd = mapped.predict(new.features)
    inside = np.abs(new.y - mean) <= 1.96 * sd
    assert 0.90 <= inside.mean() <= 0.99
    field = truth(target, new.features)
    assert np.corrcoef(mean, field)[0, 1] > 0.8


def test_posterior_intervals_hold_other_draws_of_their_own_engine() -> None:
    engine = posterior_engine(joint_run(), 60, root="bnpp", clamp=True)
    cells = covariates(400, np.random.default_rng(5))
    biome = np.arange(400) % 9
    found, _ = summarise(*engine.draw(cells, biome, np.random.default_rng(1)), (0.025, 0.975))
    _, other = summarise(*engine.draw(cells, biome, np.random.default_rng(2)), (0.5,))
    pick = np.random.default_rng(3).integers(0, 60, 400)
    for flow in ("i_root", "i_bulk", "i_loss"):
        real = other[flow][np.arange(400), :, pick]
        low, high = found[f"{flow}_quantile"]
        assert 0.90 <= ((low <= real) & (real <= high)).mean() <= 0.97  # 60 draws: 95 less 3 %


# --- a map ------------------------------------------------------------------------------------


def test_a_map_has_every_cell_of_land_and_says_what_became_of_the_others(made: MapRun) -> None:
    assert made.counts["mapped"] == 12 * 15
    assert made.counts["no biome"] == 12 * 5
    assert made.counts["gaps filled"] == 4
    for engine in ("forest", "posterior"):
        maps = open_store(store_path(made.folder, engine))
        assert set(VARIABLES) <= set(maps.data_vars)
        for name in VARIABLES:
            if name == "n_beyond" and engine == "forest":
                continue
            known = np.isfinite(maps[name].transpose("lat", "lon", ...).to_numpy())
            assert known[:, :15].all(), name
            assert not known[:, 15:].any(), name
            assert maps[name].attrs["units"]
            assert maps[name].attrs["long_name"]
        assert maps["crs"].attrs["epsg_code"] == "EPSG:4326"
        assert maps["n_missing"].sum() == 4
        q = maps["i_loss_quantile"]
        assert bool((q.diff("quantile").dropna("lon") >= 0).all())
        loss = maps["i_root_mean"] - maps["i_bulk_mean"]
        assert np.allclose(loss, maps["i_loss_mean"], rtol=1e-3, atol=1e-4, equal_nan=True)


def test_totals_are_area_weighted_sums_of_the_maps(made: MapRun) -> None:
    totals = made.totals.set_index(["engine", "biome", "layer", "flow"])["mean"]
    lat = 49.5 - np.arange(12)
    area = 6371.0072**2 * np.deg2rad(1.0) * (
        np.sin(np.deg2rad(lat + 0.5)) - np.sin(np.deg2rad(lat - 0.5))
    )  # fmt: skip
    for engine in ("forest", "posterior"):
        maps = open_store(store_path(made.folder, engine))
        for layer in ("0-20", "0-200"):
            for flow in ("i_root", "i_bulk", "i_loss"):
                mean = maps[f"{flow}_mean"].sel(standard_layer=layer).to_numpy()
                expected = np.nansum(mean * area[:, None]) * 100.0 * 1e-9
                found = totals[engine, "all", layer, flow]
                assert found == pytest.approx(expected, rel=1e-3, abs=1e-6)
                of_biomes = sum(totals[engine, key, layer, flow] for key in BIOME_KEYS)
                assert of_biomes == pytest.approx(found, rel=1e-4, abs=1e-7)


def test_maps_from_python_are_those_of_the_command(made: MapRun, world: Path) -> None:
    found = bayes_rootc.maps(
        spec_for(world / "grid.nc"), run=world / "joint", learning=world / "learning",
        folder=made.folder, resume=True,
    )  # fmt: skip
    assert [*found] == ["forest", "posterior"]
    expected = open_store(store_path(made.folder, "posterior"))
    xr.testing.assert_equal(found["posterior"], expected)


def test_the_number_of_threads_changes_nothing(made: MapRun, world: Path, tmp_path: Path) -> None:
    again = make_maps(spec_for(world / "grid.nc"), request_of(world, tmp_path / "m"), n_threads=1)
    for engine in ("forest", "posterior"):
        assert same_files(store_path(made.folder, engine), store_path(again.folder, engine))
    pd.testing.assert_frame_equal(made.totals, again.totals)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_maps import make_maps, request_of, spec_for
world, folder = Path({world!r}), Path({folder!r})
make_maps(spec_for(world / "grid.nc"), request_of(world, folder), n_threads=2, say=print)
"""


def test_a_killed_map_is_resumed_and_ends_the_same(
    made: MapRun, world: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    tests = str(Path(__file__).parent)
    code = KILLED.format(tests=tests, world=str(world), folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120.0
    while time.monotonic() < until and child.poll() is None:
        if len([*(folder / "blocks").glob("*.npz")]) >= 3:
            break
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = len([*(folder / "blocks").glob("[0-9]*.npz")])
    assert child.returncode == -signal.SIGKILL
    assert done >= 3
    said: list[str] = []
    spec = spec_for(world / "grid.nc")
    for half in ("forest.zarr/i_root_mean/c.0a1b.partial", "blocks/000008.npz.part"):
        (folder / half).write_bytes(b"half")  # as a kill leaves it in the midst of writing
    ended = make_maps(spec, request_of(world, folder), resume=True, say=said.append)
    assert any(f"{done} of 9 blocks were done before" in line for line in said)
    for engine in ("forest", "posterior"):
        assert same_files(store_path(made.folder, engine), store_path(folder, engine))
    pd.testing.assert_frame_equal(made.totals, ended.totals)
    assert not [*folder.rglob("*.part*")]


def test_a_cluster_that_loses_a_worker_makes_the_same_map(
    made: MapRun, world: Path, tmp_path: Path
) -> None:
    from distributed import Client, LocalCluster

    folder = tmp_path / "m"
    with (
        LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))
        killed = []

        def say(line: str) -> None:
            if "blocks" in line and not killed:
                killed.append(line)
                os.kill(victim, signal.SIGKILL)

        spec = spec_for(world / "grid.nc")
        ended = make_maps(
            spec, request_of(world, folder), cluster=cluster.scheduler_address, say=say
        )
    assert killed
    for engine in ("forest", "posterior"):
        assert same_files(store_path(made.folder, engine), store_path(folder, engine))
    pd.testing.assert_frame_equal(made.totals, ended.totals)


def test_a_plan_says_what_a_map_takes_and_leaves_nothing(world: Path, tmp_path: Path) -> None:
    plan = plan_maps(
        spec_for(world / "grid.nc"), request_of(world, tmp_path / "m"), n_threads=2,
        say=lambda _: None,
    )  # fmt: skip
    assert (plan.cells, plan.land, plan.blocks) == (240, 180, 9)
    assert plan.seconds > 0
    assert "240 cells, 180 of them land, in 9 blocks" in plan.text()
    assert not (tmp_path / "m").exists()


# --- wrong input ------------------------------------------------------------------------------


def refused(world: Path, folder: Path, spec: MapSpec, **options: Any) -> str:
    with pytest.raises(RootcError) as caught:
        make_maps(spec, request_of(world, folder), **options)
    return str(caught.value)


def changed_grid(path: Path, change: Any) -> Path:
    data = change(grid())
    data.to_netcdf(path, engine="h5netcdf")
    return path


def upside_down(data: xr.Dataset) -> xr.Dataset:
    return data.sortby("lat")


def swapped(data: xr.Dataset) -> xr.Dataset:
    lat, lon = data["lat"].to_numpy(), data["lon"].to_numpy() + 160.0
    return data.rename({"lat": "lon", "lon": "lat"}).assign_coords(lat=lon, lon=lat)


def projected(data: xr.Dataset) -> xr.Dataset:
    return data.assign(crs=((), 0, {"epsg_code": "EPSG:6933"}))


def kelvin(data: xr.Dataset) -> xr.Dataset:
    return data.assign(bio01=data["bio01"] + 273.15)


def without_clay(data: xr.Dataset) -> xr.Dataset:
    return data.drop_vars("soil_clay")


def empty_clay(data: xr.Dataset) -> xr.Dataset:
    return data.assign(soil_clay=data["soil_clay"] * np.nan)


def wrong_biome(data: xr.Dataset) -> xr.Dataset:
    return data.assign(biome=data["biome"] * 0.0 + 1.5)


def wrong_land(data: xr.Dataset) -> xr.Dataset:
    return data.assign(land_fraction=data["land_fraction"] * 0.0 + 40.0)


def no_land(data: xr.Dataset) -> xr.Dataset:
    return data.assign(biome=data["biome"] * np.nan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (upside_down, "latitude rises from 38.5 to 49.5; it must fall"),
        (swapped, "a latitude of 169.5; right: -90 to 90; are lat and lon swapped"),
        (projected, "coordinates are in EPSG:6933; maps need EPSG:4326"),
        (kelvin, "are these other units \\(K for °C"),
        (without_clay, "has no variable soil_clay"),
        (empty_clay, "soil_clay has no value in any cell of land"),
        (wrong_biome, "grid.biome = 'biome' holds 1.5 .* right: whole numbers 1 to 9, missing"),
        (wrong_land, "grid.land_fraction = 'land_fraction' holds 40 at the cell .*; right: 0 to 1"),
        (no_land, "has no value in any cell of land"),
    ],
)
def test_a_wrong_grid_is_refused(change: Any, message: str, world: Path, tmp_path: Path) -> None:
    import re

    path = changed_grid(tmp_path / "g.nc", change)
    text = refused(world, tmp_path / "m", spec_for(path, engines=["posterior"]))
    assert re.search(message, text), text
    assert str(path) in text
    assert not (tmp_path / "m").exists()


def test_a_missing_grid_names_both_places(world: Path, tmp_path: Path) -> None:
    text = refused(world, tmp_path / "m", spec_of(grid={"file": "no.nc"}))
    assert "grid.file = no.nc: no such file" in text


def test_a_map_is_not_overwritten_and_not_resumed_with_another_specification(
    made: MapRun, world: Path
) -> None:
    spec = spec_for(world / "grid.nc")
    assert "--resume goes on with it" in refused(world, made.folder, spec)
    other = spec.model_copy(update={"seed": 4})
    text = refused(world, made.folder, other, resume=True)
    assert "was begun with another spec hash" in text
    lost = spec.model_copy(update={"grid": spec.grid.model_copy(update={"biome": "no_such"})})
    assert "has no variable no_such" in refused(world, made.folder, lost, overwrite=True)
    assert (made.folder / "totals.csv").exists()  # what was there is as it was
    assert open_map(made.folder).spec == spec
    assert "holds no map that was begun" in refused(
        world, made.folder.with_name("none"), spec, resume=True
    )
    assert not made.folder.with_name("none").exists()


def test_two_programs_do_not_write_one_map(made: MapRun, world: Path) -> None:
    import fcntl

    with open(made.folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = refused(world, made.folder, spec_for(world / "grid.nc"), resume=True)
    assert "another program writes this map" in text


def test_a_full_disk_stops_the_map_which_goes_on_when_there_is_room(
    made: MapRun, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = zarr.open_group, []

    def full(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    folder, spec = tmp_path / "m", spec_for(world / "grid.nc", engines=["posterior"])
    with monkeypatch.context() as patch:
        patch.setattr(zarr, "open_group", full)
        with pytest.raises(WriteError, match="No space left on device; `map --resume` goes on"):
            make_maps(spec, request_of(world, folder))
    assert not (folder / "totals.csv").exists()
    make_maps(spec, request_of(world, folder), resume=True)
    whole, ended = (open_store(store_path(f, "posterior")) for f in (made.folder, folder))
    xr.testing.assert_equal(whole, ended)


def test_a_learning_run_that_is_none_is_refused(world: Path, tmp_path: Path) -> None:
    spec = spec_for(world / "grid.nc")
    request = Request(tmp_path / "m", world / "joint", tmp_path, None)
    with pytest.raises(RunError, match="is no finished learning run"):
        make_maps(spec, request)
    other = Request(tmp_path / "m", world / "joint", world / "joint", None)
    with pytest.raises(RunError, match="it is one of a fitted model"):
        make_maps(spec, other)
    with pytest.raises(RunError):
        make_maps(spec, Request(tmp_path / "m", tmp_path / "no", world / "learning", None))


def test_cells_without_most_covariates_are_counted_not_invented(
    world: Path, tmp_path: Path
) -> None:
    def bare(data: xr.Dataset) -> xr.Dataset:
        for name in ("bio12", "vpd", "soil_clay", "soil_ph_cacl2", "elevation", "slope"):
            data[name][0, :3] = np.nan
        return data

    path = changed_grid(tmp_path / "g.nc", bare)
    spec = spec_for(path, engines=["posterior"])
    made = make_maps(spec, request_of(world, tmp_path / "m"))
    assert made.counts["most covariates missing"] == 3
    maps = open_store(store_path(made.folder, "posterior"))
    assert np.isnan(maps["i_loss_mean"][0, 0, :3]).all()


def test_blocks_cover_the_grid_once(world: Path) -> None:
    cube = open_cube(world / "grid.nc", ["bio01"])
    seen = np.zeros((12, 20), int)
    for block in cube.blocks(5, 7):
        seen[block.rows, block.columns] += 1
    assert (seen == 1).all()
    whole = sum(cube.cell_area_km2(slice(0, 12))) * 20
    sines = np.sin(np.deg2rad(50.0)) - np.sin(np.deg2rad(38.0))
    assert whole == pytest.approx(6371.0072**2 * np.deg2rad(20.0) * sines)


def test_a_folder_that_is_no_map_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no map"):
        open_map(tmp_path)
    assert done_path(tmp_path, 3).name == "000003.npz"
    assert map_store.DEPTHS[-1] == "0-200"
    (tmp_path / "map.json").write_text(json.dumps({"spec": {}}), encoding="utf-8")
    with pytest.raises((RunError, DataError)):
        open_map(tmp_path)


def test_noise_of_the_world_has_the_spread_it_says() -> None:
    found = noise(np.arange(4000), np.random.default_rng(0))
    assert found.std() == pytest.approx(np.hypot(0.3, 0.3), rel=0.05)

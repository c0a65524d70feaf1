"""Numbers of maps beside independent calculations, and what must not change them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits

from bayes_rootc.errors import RunError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.loss.sites import site_flows
from bayes_rootc.mapping import prepare
from bayes_rootc.mapping.block import done_path, open_map, store_path
from bayes_rootc.mapping.forest import ForestEngine
from bayes_rootc.mapping.posterior import PosteriorEngine, posterior_engine
from bayes_rootc.mapping.prepare import Request
from bayes_rootc.mapping.run import MapRun, make_maps
from bayes_rootc.mapping.statistics import FLOWS
from bayes_rootc.mapping.store import DEPTHS, open_store
from bayes_rootc.models.flows import shares_of
from bayes_rootc.variables import EFFECTS
from map_worlds import grid, joint_run, same_files, spec_of, store_joint, store_learning

Q = (0.025, 0.5, 0.975)


def uneven() -> xr.Dataset:
    """Return the grid of the tests with coasts, two cells of unknown land, and gaps in NPP."""
    data, rng = grid(), np.random.default_rng(21)
    land = rng.uniform(0.05, 1.0, data["biome"].shape).astype(np.float32)
    land[2, 3] = np.nan
    land[2, -1] = np.nan  # sea, which is not mapped anyway
    data["land_fraction"] = (("lat", "lon"), land)
    data["npp"][5, :4] = np.nan
    data["biome"][5, :4] = 3.0
    return data


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    store_joint(folder / "joint")
    store_learning(folder / "learning")
    uneven().to_netcdf(folder / "grid.nc", engine="h5netcdf")
    return folder


def made_of(world: Path, folder: Path, joint: str = "joint", **changes: Any) -> MapRun:
    cluster = changes.pop("cluster", None)
    overwrite = changes.pop("overwrite", False)
    spec = spec_of(**({"grid": {"file": str(world / "grid.nc")}} | changes))
    request = Request(folder, world / joint, world / "learning", None)
    return make_maps(spec, request, cluster=cluster, overwrite=overwrite)


@pytest.fixture(scope="module")
def made(world: Path, tmp_path_factory: pytest.TempPathFactory) -> MapRun:
    return made_of(world, tmp_path_factory.mktemp("maps") / "map")


# --- totals -----------------------------------------------------------------------------------


def weights(data: xr.Dataset) -> np.ndarray:
    """Pg of a total for one Mg per hectare, cell by cell, from the sphere alone."""
    lat = data["lat"].to_numpy()
    sines = np.sin(np.deg2rad(lat + 0.5)) - np.sin(np.deg2rad(lat - 0.5))
    square_metres = 6371007.2**2 * np.deg2rad(1.0) * sines
    land = np.nan_to_num(data["land_fraction"].to_numpy().astype(float))
    return np.asarray(square_metres[:, None] * 1e-4 * 1e-9 * land)


def all_draws(made: MapRun, engine: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Draws of the flows of every cell of land, (3, n, 8, S), and what is known of the cells."""
    data, opened = uneven(), open_map(made.folder)
    frame = data.to_dataframe().reset_index().astype(float)
    frame = frame.assign(weight=weights(data).ravel(), row=frame.index // 20)
    frame = frame.assign(column=frame.index % 20, place="somewhere")
    if engine == "forest":  # errors are those of places: all cells at once, whatever the blocks
        bare = frame.assign(npp=frame["npp"].fillna(0.0))
        blocks = [(bare, np.random.default_rng(0))]
    else:
        blocks = [
            (part, np.random.default_rng(np.random.SeedSequence((3, 1, int(number), 0))))
            for number, part in frame.groupby(3 * (frame["row"] // 5) + frame["column"] // 7)
        ]
    draws, cells = [], []
    for part, rng in blocks:
        land = part[part["biome"].notna()]
        if not len(land):
            continue
        biome = land["biome"].to_numpy().astype(int) - 1
        root, bulk = (one.astype(float) for one in opened.engines[engine].draw(land, biome, rng))
        flows = np.stack([root, bulk, root - bulk])
        draws.append(np.concatenate([flows, flows.sum(axis=2, keepdims=True)], axis=2))
        cells.append(land)
    return np.concatenate(draws, axis=1), pd.concat(cells)


@pytest.mark.parametrize("engine", ["forest", "posterior"])
def test_totals_are_quantiles_of_per_draw_sums(made: MapRun, engine: str) -> None:
    draws, cells = all_draws(made, engine)
    table = made.totals.set_index(["engine", "biome", "layer", "flow"])
    biome = np.array(BIOME_KEYS)[cells["biome"].to_numpy().astype(int) - 1]
    for name in ("all", "tundra", "temperate_forests"):
        here = (biome == name) | (name == "all")
        sums = np.einsum("n,fnls->fls", cells["weight"].to_numpy() * here, draws)
        for i, layer in enumerate(DEPTHS):
            for values, flow in zip(sums[:, i], FLOWS, strict=True):
                row = table.loc[engine, name, layer, flow]
                expected = [values.mean(), *np.quantile(values, Q)]
                assert row.to_list() == pytest.approx(expected, rel=1e-4, abs=1e-8), (name, flow)
            share = table.loc[engine, name, layer, "loss_share"].to_list()[1:]
            assert share == pytest.approx(np.quantile(sums[2, i] / sums[0, i], Q), rel=1e-3)


def test_a_cell_of_unknown_land_has_maps_but_no_place_in_the_totals(made: MapRun) -> None:
    assert made.counts["no land fraction"] == 1
    assert made.counts["mapped"] == 12 * 15
    for engine in ("forest", "posterior"):
        maps = open_store(store_path(made.folder, engine))
        assert np.isfinite(maps["i_loss_mean"][:, 2, 3]).all()
        # Totals of means by areas that the sphere and the part of land give, without that cell.
        for flow in FLOWS:
            mean = maps[f"{flow}_mean"].sel(standard_layer="0-200").to_numpy()
            expected = float(np.nansum(mean * weights(uneven())))
            rows = made.totals.query(
                "engine == @engine and flow == @flow and biome == 'all' and layer == '0-200'"
            )
            assert rows["mean"].item() == pytest.approx(expected, rel=1e-3)


def test_gridded_npp_is_summed_over_the_cells_that_have_it(made: MapRun) -> None:
    table = pd.read_csv(made.folder / "npp.csv").set_index(["engine", "biome"])
    draws, cells = all_draws(made, "posterior")
    known = cells["npp"].notna().to_numpy()
    assert (~known).sum() == 4
    for name, biome in (("all", cells["biome"] > 0), ("temperate_forests", cells["biome"] == 3)):
        every = cells["weight"].to_numpy() * biome.to_numpy()
        weight = every * known
        npp = float((weight * 0.01 * np.nan_to_num(cells["npp"])).sum())  # g per m2: Mg per ha
        root = weight @ draws[0, :, -1]
        row = table.loc["posterior", name]
        assert row["gridded_npp"] == pytest.approx(npp, rel=1e-5)
        found = row[["q025", "q50", "q975"]].to_list()
        assert found == pytest.approx(np.quantile(root, Q), rel=1e-4)
        assert row["p_above"] == (root > npp).mean()
        above = np.median(draws[0, :, -1], axis=1) > 0.01 * cells["npp"].to_numpy()
        assert row["area_above"] == pytest.approx((weight * above).sum() / weight.sum())
        elsewhere = (every - weight) @ draws[0, :, -1]
        assert row["i_root_elsewhere"] == pytest.approx(np.median(elsewhere), rel=1e-3)
    assert 0.0 < table.loc[("posterior", "all"), "area_above"] < 1.0
    assert set(table.index.get_level_values(0)) == {"forest", "posterior"}


def test_damaged_sums_are_named_and_made_again(world: Path, tmp_path: Path) -> None:
    only = {"engines": ["posterior"]}
    first = made_of(world, tmp_path / "m", **only)
    spec = spec_of(grid={"file": str(world / "grid.nc")}, **only)
    request = Request(first.folder, world / "joint", world / "learning", None)
    path = done_path(first.folder, 4)
    whole = path.read_bytes()
    flipped = bytes(255 - byte for byte in whole[200:260])
    for broken in (whole[: len(whole) // 2], b"", b"none", whole[:200] + flipped + whole[260:]):
        path.write_bytes(broken)
        with pytest.raises(RunError, match=r"000004\.npz: are no sums of a block .* delete the"):
            make_maps(spec, request, resume=True)
    with path.open("wb") as file:
        np.savez(file, strange=np.ones(3))
    with pytest.raises(RunError, match=r"000004\.npz: are no sums of a block \(it holds strange"):
        make_maps(spec, request, resume=True)
    path.unlink()
    again = make_maps(spec, request, resume=True)
    pd.testing.assert_frame_equal(again.totals, first.totals)


# --- errors of the forests --------------------------------------------------------------------


class _Flat:
    """A forest that knows nothing: mean 0, spread 1."""

    def predict(self, cells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(cells)), np.ones(len(cells))


def forest_errors(lat: list[float], lon: list[float], seed: int = 1) -> np.ndarray:
    """Errors of ln I_root and of ln I_bulk of two layers, shape (n, 3, 4000)."""
    flat: Any = _Flat()
    engine = ForestEngine(flat, flat, 4000, seed, 5.0)
    cells = pd.DataFrame({"lat": lat, "lon": lon})
    root, bulk = engine.draw(cells, np.zeros(len(lat), int), np.random.default_rng(0))
    return np.log(np.stack([root.sum(axis=1), bulk[:, 0], bulk[:, 6]], axis=1))


def test_errors_of_forests_are_shared_in_a_block_of_degrees_and_by_layers_alone() -> None:
    # Two cells of one block, then its neighbours to the north, to the east, and the far side.
    lat, lon = [0.1, 4.9, 5.1, 0.1, -60.0], [0.1, 4.9, 0.1, 5.1, -179.0]
    found = forest_errors(lat, lon)
    assert np.allclose(found[0], found[1], atol=1e-6)
    assert np.allclose(found[:, 1], found[:, 2], atol=1e-5)  # the layers go together
    apart = found[[0, 2, 3, 4]][:, :2].reshape(8, -1)
    off = np.corrcoef(apart)[~np.eye(8, dtype=bool)]
    assert np.abs(off).max() < 5.0 / np.sqrt(4000.0)  # blocks, and both flows, are independent
    assert apart.mean(axis=1) == pytest.approx(0.0, abs=1e-3)
    assert apart.std(axis=1) == pytest.approx(1.0, abs=0.01)
    alone = forest_errors(lat[3:4], lon[3:4])
    assert np.array_equal(alone[0], found[3])  # whatever cells are asked for together
    assert abs(np.corrcoef(forest_errors(lat, lon, seed=2)[0, 0], found[0, 0])[0, 1]) < 0.1


# --- the posterior engine beside the joint model ------------------------------------------------


def without_residuals() -> xr.DataTree:
    """Return a joint run whose sites differ from their biome by covariates alone."""
    run = joint_run(n_profiles=12, n_npp=9, n_roots=9)
    posterior = run["posterior"].to_dataset()
    spreads = [name for name in posterior if str(name).startswith(("sigma_p", "tau_"))]
    assert len(spreads) >= 12
    run["posterior"] = xr.DataTree(
        posterior.assign({name: posterior[name] * 0 for name in spreads})
    )
    return run


def covariates_of(engine: PosteriorEngine, scores: np.ndarray) -> pd.DataFrame:
    """Covariates that have these scores: loadings have orthogonal rows of unit length."""
    of = engine.components
    standard = (scores * np.sqrt(of.variance)) @ np.linalg.pinv(of.loadings).T
    return pd.DataFrame(of.mean + of.sd * standard, columns=list(of.variables))


@pytest.mark.parametrize("root", ["bnpp", "npp"])
def test_without_residuals_the_engine_has_the_formulas_of_the_joint_model(root: str) -> None:
    run = without_residuals()
    theirs = site_flows(run, "root", seed=1)
    engine = posterior_engine(run, 10_000, root=root, clamp=False)
    constants = run["constant_data"].to_dataset()
    scores = constants["components"].transpose("place", ...).to_numpy()[theirs.place]
    npp = constants["gridded_npp"].to_numpy()[theirs.place] * 100.0  # g per m2
    cells = covariates_of(engine, scores).assign(npp=npp)
    ours, bulk = engine.draw(cells, theirs.biome, np.random.default_rng(0))
    # They take the draws that were kept for sites, we take all.
    posterior = run["posterior"].to_dataset()
    kept = run["derived"]["draw_kept"].to_numpy().astype(int)
    size = posterior.sizes["draw"]
    at = (np.arange(posterior.sizes["chain"])[:, None] * size + kept).ravel()
    known = np.isfinite(theirs.i_root[root][0])
    assert known.sum() >= 7
    total = ours.sum(axis=1)[:, at].T
    assert np.allclose(total[:, known], theirs.i_root[root][:, known], rtol=2e-4)
    assert np.allclose(np.moveaxis(bulk[..., at], -1, 0), theirs.i_bulk, rtol=2e-4)
    level = {
        name: posterior[f"a_{name}"].to_numpy()[..., theirs.biome]
        + np.einsum("...nc,nc->...n", posterior[f"slopes_{name}"].to_numpy()[..., theirs.biome, :],
                    scores)
        for name in ("d50",)
    }  # fmt: skip
    ratio = np.exp(posterior["a_ratio"].to_numpy()[..., theirs.biome])
    share = shares_of(level["d50"], ratio).reshape(-1, len(theirs.biome), 7)
    found = np.moveaxis(ours / ours.sum(axis=1, keepdims=True), -1, 0)
    assert np.allclose(found[:, known], share[:, known], atol=2e-5)


# --- what must not change a number --------------------------------------------------------------


def test_a_map_made_anew_on_a_live_cluster_is_of_the_new_run(world: Path, tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    store_joint(world / "other", seed=8)
    only = {"engines": ["posterior"]}
    with (
        LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster),
    ):
        address = cluster.scheduler_address
        first = made_of(world, tmp_path / "m", cluster=address, **only)
        before = first.totals
        only |= {"seed": 4}
        anew = made_of(world, tmp_path / "m", "other", cluster=address, overwrite=True, **only)
    alone = made_of(world, tmp_path / "alone", "other", **only)
    assert same_files(*(store_path(one.folder, "posterior") for one in (anew, alone)))
    pd.testing.assert_frame_equal(anew.totals, alone.totals)
    assert not np.isclose(before["mean"], alone.totals["mean"], rtol=1e-3).any()


def widened(engine: PosteriorEngine, n_components: int = 11, times: int = 8) -> PosteriorEngine:
    """Return an engine of more components and more draws than the run's."""
    rng = np.random.default_rng(6)
    of, size = engine.components, (n_components, len(engine.components.variables))
    components = replace(
        of, names=tuple(f"c {i}" for i in range(n_components)), groups=("c",) * n_components,
        loadings=rng.standard_normal(size) / 2.0, variance=np.ones(n_components),
    )  # fmt: skip
    level = {name: np.tile(values, (times, 1)) for name, values in engine.level.items()}
    draws = len(level["k"])
    slopes = 0.2 * rng.standard_normal((len(EFFECTS), 9, draws, n_components)).astype(np.float32)
    return replace(
        engine, level=level, slopes=dict(zip(EFFECTS, slopes, strict=True)), components=components,
        scalars={name: np.tile(values, times) for name, values in engine.scalars.items()},
        a_ratio=np.tile(engine.a_ratio, (times, 1)),
        bulk_length=np.tile(engine.bulk_length, times),
        limits=np.array([[-9.0], [9.0]]) * np.ones(n_components),
    )  # fmt: skip


def test_threads_of_blas_change_no_bit(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tile of 256 cells of one biome and 960 draws: enough for BLAS to use its threads.
    data = grid(n_lat=16, n_lon=21)
    data["biome"][:, :16] = 1.0
    data.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    real = posterior_engine
    monkeypatch.setattr(prepare, "posterior_engine", lambda *a, **k: widened(real(*a, **k)))
    options = {
        "engines": ["posterior"], "grid": {"file": str(tmp_path / "grid.nc")},
        "output": {"draws": 120, "block_lat": 16, "block_lon": 16},
    }  # fmt: skip
    runs = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            runs.append(made_of(world, tmp_path / str(n_threads), **options))
    assert same_files(*(store_path(run.folder, "posterior") for run in runs))
    pd.testing.assert_frame_equal(*(run.totals for run in runs), check_exact=True)

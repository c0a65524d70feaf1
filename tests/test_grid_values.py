"""Grids that no map can be made on are refused before, or where, they would do harm."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayes_rootc.errors import DataError
from bayes_rootc.learning import forest_kernels
from bayes_rootc.learning.preparation import Preparation
from bayes_rootc.mapping import cube as cubes
from bayes_rootc.mapping import grid_values
from bayes_rootc.mapping.cells import read_codes
from bayes_rootc.mapping.cube import content_hash, open_cube
from bayes_rootc.mapping.forest import ForestEngine, MappedForest
from bayes_rootc.mapping.grid_values import check_grid
from bayes_rootc.mapping.posterior import posterior_engine
from bayes_rootc.mapping.prepare import Request
from bayes_rootc.mapping.run import make_maps, plan_maps
from map_worlds import COVARIATES, grid, joint_run, spec_of, store_joint, table

SMALL = {"draws": 20, "block_lat": 2, "block_lon": 2}


def stored(folder: Path, data: xr.Dataset) -> Path:
    path = folder / f"grid {len([*folder.iterdir()])}.nc"
    data.to_netcdf(path, engine="h5netcdf")
    return path


def checked(path: Path, *engines: Any, **output: Any) -> None:
    spec = spec_of(grid={"file": str(path)}, output=SMALL | output)
    check_grid(spec, open_cube(path, []), engines or [posterior_engine(joint_run(), 20, root="bnpp",
                                                                       clamp=True)])  # fmt: skip


def test_land_is_found_that_keeps_pace_with_the_blocks(tmp_path: Path) -> None:
    data = grid()
    number = np.arange(240).reshape(12, 20)
    data["biome"] = data["biome"].where(number % 7 != 0)  # 240 blocks: every 7th would be sea
    one = {"block_lat": 1, "block_lon": 1}
    checked(stored(tmp_path, data), **one)
    warm = data.assign(bio01=data["bio01"].where(number % 7 == 0, data["bio01"] + 273.15))
    with pytest.raises(DataError, match=r"bio01 is typically 28\d.* have mostly 2 to 18: are th"):
        checked(stored(tmp_path, warm), **one)
    lonely = data.assign(biome=data["biome"].where(number == 85))
    checked(stored(tmp_path, lonely), **one)  # one block of land among 240


def test_no_more_blocks_are_looked_at_than_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = grid_values.read_codes, []
    monkeypatch.setattr(
        grid_values, "read_codes", lambda *of: seen.append(of[2].number) or real(*of)
    )
    path = stored(tmp_path, grid())
    checked(path)
    assert grid_values.SAMPLE_BLOCKS <= len(seen) < 2 * grid_values.SAMPLE_BLOCKS
    assert len(set(seen)) == len(seen)
    first, seen[:] = seen.copy(), []
    checked(path)
    assert seen == first  # of the seed


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("biome", 2.5, r"grid.biome = 'biome' holds 2.5 at the cell 42.5 N, -3.5 E; right: whole"),
        ("biome", 10.0, r"grid.biome = 'biome' holds 10 at the cell 42.5 N, -3.5 E; right: whole"),
        ("land_fraction", 1.2, r"'land_fraction' holds 1.2 at the cell 42.5 N, -3.5 E; right: 0 t"),
        ("land_fraction", -0.1, r"'land_fraction' holds -0.1 at the cell 42.5 N, -3.5 E; right"),
    ],
)
def test_a_wrong_code_of_one_cell_is_refused_with_its_place(
    name: str, value: float, message: str, tmp_path: Path
) -> None:
    data = grid()
    data[name][7, 6] = value
    cube = open_cube(stored(tmp_path, data), [])
    section = spec_of().grid
    for block in cube.blocks(5, 7):
        if block.number == 3:  # rows 5 to 9, columns 0 to 6
            with pytest.raises(DataError, match=message):
                read_codes(cube, section, block)
        else:
            read_codes(cube, section, block)


def test_a_wrong_code_that_the_first_look_misses_stops_the_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_joint(tmp_path / "joint")
    data = grid(n_lat=4, n_lon=7)
    data["biome"][:, :] = 3.0
    data["soil_clay"] = data["bio01"] * 0.0 + 20.0
    monkeypatch.setattr(grid_values, "SAMPLE_BLOCKS", 1)
    first = np.random.default_rng(spec_of().seed).permutation(3)[0]
    data["biome"][0, 6 if first == 0 else 0] = 30.0
    spec = spec_of(
        grid={"file": str(stored(tmp_path, data))}, engines=["posterior"],
        output={"draws": 20, "block_lat": 4, "block_lon": 3},
    )  # fmt: skip
    request = Request(tmp_path / "m", tmp_path / "joint", tmp_path / "no", None)
    with pytest.raises(DataError, match=r"grid\.biome = 'biome' holds 30 at the cell"):
        make_maps(spec, request)
    assert (tmp_path / "m" / "map.json").exists()  # it had begun
    assert not (tmp_path / "m" / "totals.csv").exists()


def test_sea_may_hold_any_part_of_land(tmp_path: Path) -> None:
    data = grid()
    data["land_fraction"][:, -1] = -99.0
    checked(stored(tmp_path, data))


def prepared(target: str, **shift: float) -> MappedForest:
    features = table(target).features
    moved = features.assign(**{name: features[name] + by for name, by in shift.items()})
    forest: Any = None
    return MappedForest(forest, Preparation(0.9, unseen="zero").fit(moved), 2.0)


@pytest.mark.parametrize("odd", ["i_root", "i_bulk"])
def test_covariates_of_both_forests_are_checked(odd: str, tmp_path: Path) -> None:
    path = stored(tmp_path, grid())
    forests = [prepared(target) for target in ("i_root", "i_bulk")]
    checked(path, ForestEngine(*forests, 1, 1, 5.0))
    forests = [
        prepared(target, **({"bio01": 273.15} if target == odd else {}))
        for target in ("i_root", "i_bulk")
    ]
    with pytest.raises(DataError, match=r"bio01 is typically .* have mostly 27"):
        checked(path, ForestEngine(*forests, 1, 1, 5.0))


def test_variables_that_enter_by_their_logarithm_are_checked(tmp_path: Path) -> None:
    run = joint_run()
    spec = json.loads(run.attrs["spec"]) | {"covariates": COVARIATES | {"log": ["bio12"]}}
    run.attrs["spec"] = json.dumps(spec)
    constants = run["constant_data"].to_dataset()
    for name, value in (("variable_mean", np.log(900.0)), ("variable_sd", 0.2)):
        constants[name] = constants[name].where(constants["variable"] != "bio12", value)
    run["constant_data"] = xr.DataTree(constants)
    engine = posterior_engine(run, 20, root="bnpp", clamp=True)
    data = grid().assign(bio12=np.abs(grid()["bio12"]))
    checked(stored(tmp_path, data), engine)
    with pytest.raises(DataError, match=r"bio12 is typically .*e\+0.* have mostly 736 to 1.1e\+03"):
        checked(stored(tmp_path, data.assign(bio12=data["bio12"] * 1e4)), engine)
    with pytest.raises(DataError, match=r"bio12 goes down to -3, and enters as ln\(1 \+ value\)"):
        data["bio12"][0, 0] = -3.0
        checked(stored(tmp_path, data), engine, block_lat=12, block_lon=20)


def test_a_plan_of_one_block_of_land_is_timed_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    store_joint(tmp_path / "joint")
    data = grid()
    data["biome"] = data["biome"].where(np.arange(240).reshape(12, 20) == 85)
    request = Request(tmp_path / "m", tmp_path / "joint", tmp_path / "no", None)
    spec = spec_of(grid={"file": str(stored(tmp_path, data))}, engines=["posterior"])
    plan = plan_maps(spec, request, n_threads=2, say=lambda _: None)
    assert (plan.cells, plan.land, plan.blocks, plan.threads) == (240, 1, 9, 2)
    assert plan.seconds > 0.0
    text = plan.text()
    assert "on 2 threads" in text
    assert "not included: the report with its figures, --geotiff and --netcdf" in text


# --- what a grid holds --------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [1024, 0])
def test_the_hash_of_a_store_is_of_its_contents(
    largest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cubes, "WHOLE_MIB", largest)
    path = tmp_path / "g.zarr"
    # Not compressed: a change of a value keeps the size of its chunk.
    plain = {str(name): {"compressors": None} for name in grid().data_vars}
    grid().to_zarr(path, consolidated=False, encoding=plain)
    before = content_hash(path)
    for file in path.rglob("*"):
        os.utime(file, (1, 1))
    assert content_hash(path) == before
    chunk = path / "bio01" / "c" / "0" / "0"
    whole = chunk.read_bytes()
    for at in (0, len(whole) - 1):
        chunk.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert content_hash(path) != before
    chunk.write_bytes(whole)
    assert content_hash(path) == before
    about = path / "bio01" / "zarr.json"
    about.write_text(about.read_text(encoding="utf-8").replace("degC", "degF"), encoding="utf-8")
    assert content_hash(path) != before


def test_constants_of_kernels_stand_in_their_file() -> None:
    # numba stores a compiled kernel until the file of the kernel changes, and no other.
    tree = ast.parse(Path(forest_kernels.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"annotations", "numba", "numpy"}

"""Memory and rate of maps at ten times the resolution, and maps that are killed twenty times.

Of runs/joint and runs/learning and the half-degree grid of the data folder. The fine grid repeats
each of its cells ten by ten (0.05 degree, 26 million cells); its map is stopped after a while.
Killed maps are of every third cell, of forests of 60 trees; each is killed (SIGKILL) at a random
moment, resumed to its end, and compared with one that was left in peace, byte by byte.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.mapping.cube import locate_cube
from benchmarks.common import machine

FINER, SECONDS, KILLS, EVERY = 10, 180.0, 20, 3
GRID = "grid/covariates_0p5deg.nc"
CELL_LAYERS_1KM = 1.5e9
LAYERS = 7


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Map the world at 0.5°, then a part of it at 0.05°; then kill and resume."""
    before = machine()
    grid = locate_cube(GRID, None)
    with tempfile.TemporaryDirectory(prefix="map_scale_") as name:
        folder = Path(name)
        world = _mapped(folder, "world", grid, say)
        fine = _mapped(folder, "fine", _finer(grid, folder / "fine.zarr"), say, SECONDS)
        shutil.rmtree(folder / "fine.zarr")
        same = _killed(folder, _coarser(grid, folder / "coarse.nc"), say)
    rate = fine["cells_a_second"]
    result = {
        "machine": before, "world": world, "fine": fine,
        "peak_memory_ratio": fine["peak_mib"] / world["peak_mib"],
        "core_hours_1km": CELL_LAYERS_1KM / LAYERS / rate * (os.cpu_count() or 1) / 3600.0,
        "kills": KILLS, "identical_after_kill": same,
    }  # fmt: skip
    say(
        f"peak memory {result['peak_memory_ratio']:.2f} times that of the half-degree world; 1 km: "
        f"{result['core_hours_1km']:.0f} core-hours; {same} of {KILLS} identical"
    )
    return result


def _finer(grid: Path, path: Path) -> Path:
    """Write a Zarr grid on which each cell is repeated ten by ten."""
    with xr.open_dataset(grid) as data:
        fine = {}
        for axis in ("lat", "lon"):
            centre = data[axis].to_numpy()
            step = (centre[1] - centre[0]) / FINER
            offsets = (np.arange(FINER) - (FINER - 1) / 2.0) * step
            fine[axis] = (axis, (centre[:, None] + offsets).ravel(), data[axis].attrs)
        xr.Dataset(coords=fine).to_zarr(path, mode="w")
        for name, one in data.data_vars.items():
            if one.dims == ("lat", "lon"):
                values = one.to_numpy().astype(np.float32).repeat(FINER, 0).repeat(FINER, 1)
                part = xr.Dataset({name: (("lat", "lon"), values, one.attrs)}, fine)
                chunks = {str(name): {"chunks": (450, 900)}}
                part.drop_vars(["lat", "lon"]).to_zarr(path, mode="a", encoding=chunks)
    return path


def _coarser(grid: Path, path: Path) -> Path:
    with xr.open_dataset(grid) as data:
        part = data.isel(lat=slice(1, None, EVERY), lon=slice(1, None, EVERY)).load()
        for one in part.variables.values():
            one.encoding = {}
        part.to_netcdf(path, engine="h5netcdf")
    return path


def _spec(folder: Path, name: str, grid: Path, n_trees: int = 500) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(
        f'schema = 1\nmodel = "map"\n[grid]\nfile = "{grid.resolve()}"\n'
        f"[forest]\nn_trees = {n_trees}\n",
        encoding="utf-8",
    )
    return path


def _start(folder: Path, name: str, spec: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "bayes_rootc", "map", str(spec), "--name", name,
             "--maps", str(folder / "maps"), "--no-figures", *more]  # fmt: skip
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def _mapped(
    folder: Path, name: str, grid: Path, say: Callable[[str], None], seconds: float = np.inf
) -> dict[str, float]:
    """Map, for so many seconds of mapping at most; peak memory, and cells a second."""
    process = _start(folder, name, _spec(folder, name, grid))
    blocks = folder / "maps" / name / "blocks"
    peak, began = 0.0, 0.0
    clock = time.perf_counter()
    while process.poll() is None:
        time.sleep(0.2)
        peak = max(peak, _peak_mib(process.pid))
        if not began and blocks.is_dir() and any(blocks.glob("*.npz")):
            began = time.perf_counter()
        if began and time.perf_counter() - began > seconds:
            _kill(process)
    whole = time.perf_counter() - clock
    mapped = sum(int(_count(path)) for path in blocks.glob("*.npz"))
    found = {
        "peak_mib": peak, "seconds": whole, "cells": mapped,
        "blocks": len([*blocks.glob("*.npz")]),
        "cells_a_second": mapped / (time.perf_counter() - began),
    }  # fmt: skip
    say(f"{name}: {found}")
    return found


def _count(path: Path) -> float:
    with np.load(path) as sums:
        return float(sums["count mapped"])


def _peak_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if "VmHWM" in line), 0.0)


def _killed(folder: Path, grid: Path, say: Callable[[str], None]) -> int:
    """How many of the killed and resumed maps are those that were left in peace."""
    spec, maps = _spec(folder, "coarse", grid, n_trees=60), folder / "maps"
    begun = _start(folder, "begun", spec)
    _wait_for_block(begun, maps / "begun" / "blocks")
    _kill(begun)
    shutil.copytree(maps / "begun", maps / "peace")
    clock = time.perf_counter()
    if _start(folder, "peace", spec, "--resume").wait():
        raise RuntimeError("the map that was left in peace did not end")
    usual = time.perf_counter() - clock
    rng, same = np.random.default_rng(1), 0
    for number in range(KILLS):
        name = f"killed{number}"
        shutil.copytree(maps / "begun", maps / name)
        process = _start(folder, name, spec, "--resume")
        time.sleep(rng.uniform(0.3, 1.0) * usual)
        _kill(process)
        done = len([*(maps / name / "blocks").glob("*.npz")])
        code = _start(folder, name, spec, "--resume").wait()
        equal = code == 0 and all(_same(maps / "peace" / e, maps / name / e)
                                  for e in ("forest.zarr", "posterior.zarr"))  # fmt: skip
        same += equal
        say(f"kill {number + 1}: after {done} blocks, {'identical' if equal else 'DIFFERENT'}")
        shutil.rmtree(maps / name)
    return same


def _wait_for_block(process: subprocess.Popen[bytes], blocks: Path) -> None:
    while process.poll() is None and not any(blocks.glob("*.npz")):
        time.sleep(0.05)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def _same(one: Path, other: Path) -> bool:
    files = [sorted(p.relative_to(f) for p in f.rglob("*") if p.is_file()) for f in (one, other)]
    return files[0] == files[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in files[0]
    )

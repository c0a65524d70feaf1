"""Making maps: prepared, filled block by block on threads or a cluster, resumed, and summed."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import pandas as pd

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.files import replacing, write_text
from bayes_rootc.mapping.block import CERTIFICATE, blocks_of, done_path, map_block
from bayes_rootc.mapping.cube import Block, locate_cube
from bayes_rootc.mapping.plan import Plan, make_plan, peak_memory_mib
from bayes_rootc.mapping.prepare import Request, certificate, prepare
from bayes_rootc.mapping.totals import Totals, totals
from bayes_rootc.spec.map import MapSpec

Say = Callable[[str], None]
SAY_EVERY_SECONDS = 5.0
RETRIES = 3
"""Of a block that failed; dask itself sees to those whose worker was lost."""

FINISHED, COUNTS, BESIDE_NPP = "totals.csv", "counts.json", "npp.csv"
HALF_WRITTEN = (".partial", ".part")
"""Endings of such files: zarr's and ours."""

REPORT = ("report.html", "report.md", "forest.nc", "posterior.nc")
DERIVED = ("figures", "tables", "forest-geotiff", "posterior-geotiff")
"""What was made of a map and does not outlive it."""

PARTS = ("models", "blocks", "forest.zarr", "posterior.zarr")
"""Folders of a map."""


@dataclass(frozen=True)
class MapRun:
    """What a finished map tells of itself.

    Attributes
    ----------
    folder : Path
    totals : DataFrame
        See :class:`.totals.Totals`.
    counts : dict
        Cells by what became of them.
    info : dict
        Birth certificate.
    seconds : float
        Of this command.
    """

    folder: Path
    totals: pd.DataFrame
    counts: dict[str, int]
    info: dict[str, Any]
    seconds: float


def make_maps(
    spec: MapSpec, request: Request, *, resume: bool = False, overwrite: bool = False,
    cluster: str | None = None, n_threads: int = 1, say: Say = lambda _: None,
) -> MapRun:  # fmt: skip
    """Make the maps of a specification, or finish them.

    Parameters
    ----------
    spec : MapSpec
    request : Request
    resume : bool
        Go on with a map that was stopped; the result is the same, bit for bit.
    overwrite : bool
        Replace a map that is there.
    cluster : str, optional
        Address of a dask scheduler whose workers see the same folders; threads here by default.
    n_threads : int
    say : callable
        Receives a line about every step.

    Raises
    ------
    RunError
        If a map is there already, another program writes it, or it is to be resumed but was made
        of something else.
    """
    clock = time.monotonic()
    folder = request.folder
    if resume and not (folder / CERTIFICATE).exists():
        raise RunError(f"{folder}: holds no map that was begun; leave out --resume")
    if cluster:
        _client(cluster).close()  # refused now, not after the forests have grown
    with _only_writer(folder):
        info = _begin(spec, request, resume=resume, overwrite=overwrite, say=say)
        blocks = blocks_of(folder)
        left = [block for block in blocks if not done_path(folder, block.number).exists()]
        _sweep(folder)
        if len(left) < len(blocks):
            say(f"{len(blocks) - len(left)} of {len(blocks)} blocks were done before")
        progress = _Progress(len(blocks), len(blocks) - len(left), say)
        if cluster:
            _on_cluster(folder, left, cluster, progress)
        else:
            _on_threads(folder, left, n_threads, progress)
        found = totals(folder, spec.engines, [block.number for block in blocks])
        _write_totals(found, folder)
    return MapRun(folder, found.flows, found.counts, info, time.monotonic() - clock)


def _write_totals(found: Totals, folder: Path) -> None:
    """Write the sums of a map; with ``totals.csv`` it is finished."""
    if found.flows.empty:
        counts = ", ".join(f"{n:,} {name}" for name, n in found.counts.items() if n)
        raise DataError(f"{folder}: no cell of the grid could be mapped ({counts})")
    write_text(folder / COUNTS, json.dumps(found.counts, indent=1) + "\n")
    for name, table in ((BESIDE_NPP, found.npp), (FINISHED, found.flows)):
        if not table.empty:
            with replacing(folder / name) as beside:
                table.to_csv(beside, index=False)


def plan_maps(spec: MapSpec, request: Request, *, n_threads: int, say: Say) -> Plan:
    """Say what a map takes, by preparing it in a folder of its own that is thrown away."""
    with TemporaryDirectory() as name:
        there = replace(request, folder=Path(name))
        grid = locate_cube(spec.grid.file, request.data)
        prepare(spec, there, certificate(spec, there, grid), say)
        found = make_plan(there.folder, n_threads)
    return found


def _begin(
    spec: MapSpec, request: Request, *, resume: bool, overwrite: bool, say: Say
) -> dict[str, Any]:
    """Prepare the folder, or make sure that what is there is what would be made."""
    folder = request.folder
    wanted = certificate(spec, request, locate_cube(spec.grid.file, request.data))
    stands = folder / CERTIFICATE
    if resume:
        found: dict[str, Any] = json.loads(stands.read_text(encoding="utf-8"))
        begun = _contents(found)
        for key, value in _contents(wanted).items():
            if begun.get(key) != value:
                raise RunError(
                    f"{folder}: was begun with another {key.replace('_', ' ')} "
                    f"({_short(begun.get(key))}; now {_short(value)}); --overwrite begins anew"
                )
        return found
    if stands.exists() and not overwrite:
        raise RunError(
            f"{folder}: holds a map; --resume goes on with it, --overwrite replaces it, --name "
            "takes another"
        )
    _prepare_beside(spec, request, wanted, say)
    return wanted


def _contents(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """What a map is made of by content, flat: the same file under another path is the same."""
    found: dict[str, Any] = {}
    for key, value in certificate.items():
        if key in ("run", "learning"):
            found |= {f"{key} ({name})": one for name, one in value.items() if name != "path"}
        elif key != "grid":  # its path; the hash is there too
            found[key] = value
    return found


def _sweep(folder: Path) -> None:
    """Remove what a killed program had half written beside the file that it meant to write."""
    for ending in HALF_WRITTEN:
        for path in folder.rglob(f"*{ending}"):
            path.unlink(missing_ok=True)


def _prepare_beside(spec: MapSpec, request: Request, wanted: dict[str, Any], say: Say) -> None:
    """Prepare within the folder but out of the way: what is there stays until all is well."""
    folder, beside = request.folder, request.folder / ".begun"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        prepare(spec, replace(request, folder=beside), wanted, say)
        # The certificate goes first.
        for name in (CERTIFICATE, FINISHED, COUNTS, BESIDE_NPP, *REPORT):
            (folder / name).unlink(missing_ok=True)
        for name in (*PARTS, *DERIVED):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (*PARTS, CERTIFICATE):  # the certificate last: it says that the map has begun
            if (beside / name).exists():
                (beside / name).rename(folder / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:20]}…"


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a map; the system lets go of it if the program is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    with open(lock, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder}: another program writes this map; wait for it, or take another --name"
            ) from None
        try:
            yield
        finally:
            if [*folder.iterdir()] == [lock]:  # nothing was begun
                shutil.rmtree(folder)


def _on_threads(folder: Path, blocks: list[Block], n_threads: int, progress: _Progress) -> None:
    import dask.base
    import dask.delayed

    def one(block: Block) -> None:
        progress.done(map_block(folder, block)["mapped"])

    tasks = [dask.delayed(one, pure=False)(block) for block in blocks]
    dask.compute(*tasks, scheduler="threads", num_workers=n_threads)


def _client(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise RunError(f"--cluster {address}: no dask scheduler answers there ({error})") from None


def _on_cluster(folder: Path, blocks: list[Block], address: str, progress: _Progress) -> None:
    from distributed import as_completed

    with _client(address) as client:
        path = folder.resolve()
        futures = client.map(
            lambda block: map_block(path, block), blocks, pure=False, retries=RETRIES
        )
        for _, counts in as_completed(futures, with_results=True):
            progress.done(counts["mapped"])


class _Progress:
    """Says now and then how far it is: blocks, rate, time left, memory."""

    def __init__(self, n_blocks: int, n_done: int, say: Say) -> None:
        self.n_blocks, self.n_done, self.say = n_blocks, n_done, say
        self.start = self.last = time.monotonic()
        self.first, self.cells, self.lock = n_done, 0, Lock()

    def done(self, cells: int) -> None:
        """Count a block."""
        with self.lock:
            self.n_done += 1
            self.cells += cells
            now = time.monotonic()
            whole = self.n_done == self.n_blocks
            if now - self.last < SAY_EVERY_SECONDS and not whole:
                return
            self.last = now
            seconds = max(now - self.start, 1e-6)
            left = seconds / (self.n_done - self.first) * (self.n_blocks - self.n_done)
            self.say(
                f"{self.n_done} of {self.n_blocks} blocks, {self.cells / seconds:,.0f} cells/s, "
                f"about {left:.0f} s left, {peak_memory_mib():,.0f} MiB"
            )

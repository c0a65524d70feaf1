"""What a map will take: cells, blocks, disk, time and memory, before it is started."""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bayes_rootc.mapping.block import map_block, open_map
from bayes_rootc.mapping.cube import Block
from bayes_rootc.mapping.store import BYTES_PER_CELL

TIMED_BLOCKS = 3
"""Blocks with land that are mapped to know the speed, or as many as there are threads if more."""


@dataclass(frozen=True)
class Plan:
    """Size of a map.

    Attributes
    ----------
    cells, land : int
        Of the grid, and those with a biome.
    blocks : int
    threads : int
    disk_mib : float
        Before compression.
    seconds : float
    memory_mib : float
        Largest while blocks were mapped on all threads.
    """

    cells: int
    land: int
    blocks: int
    threads: int
    disk_mib: float
    seconds: float
    memory_mib: float

    def text(self) -> str:
        """Return the plan in words."""
        hours = self.seconds / 3600.0
        duration = f"{hours:,.1f} hours" if hours >= 2.0 else f"{self.seconds:,.0f} s"
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return (
            f"{self.cells:,} cells, {self.land:,} of them land, in {self.blocks:,} blocks\n"
            f"disk: at most {self.disk_mib:,.0f} MiB (before compression, which halves it or "
            f"better)\ntime: about {duration} on {threads}, the growing of forests aside\n"
            f"memory: about {self.memory_mib:,.0f} MiB on {threads}\n"
            "not included: the report with its figures, --geotiff and --netcdf"
        )


def make_plan(folder: Path, n_threads: int) -> Plan:
    """Plan a prepared map, which is thrown away, by mapping some of its blocks.

    Parameters
    ----------
    folder : Path
    n_threads : int
        As many blocks are mapped at a time, so that time and memory are those of these threads.
    """
    opened = open_map(folder)
    output, cube = opened.spec.output, opened.cube
    blocks = [*cube.blocks(output.block_lat, output.block_lon)]
    biome = opened.spec.grid.biome
    land = [int(np.isfinite(cube.read([biome], one)[biome]).sum()) for one in blocks]
    with_land = [block for block, n in zip(blocks, land, strict=True) if n]
    # A multiple of the threads, or one of them would wait while the last block is made.
    most = -(-TIMED_BLOCKS // n_threads) * n_threads
    some = with_land[:: max(len(with_land) // most, 1)][:most]
    map_block(folder, some[0])  # untimed, for the first one also opens and compiles
    size = len(output.quantiles) * BYTES_PER_CELL["per quantile"] + BYTES_PER_CELL["other"]
    return Plan(
        cells=len(cube.lat) * len(cube.lon),
        land=sum(land),
        blocks=len(blocks),
        threads=n_threads,
        disk_mib=sum(land) * size * len(opened.engines) / 2**20,
        seconds=_seconds_a_cell(folder, some, n_threads) * sum(land),
        memory_mib=peak_memory_mib(),
    )


def _seconds_a_cell(folder: Path, some: list[Block], n_threads: int) -> float:
    """Wall time of a cell of land where all threads have a block."""
    with ThreadPoolExecutor(n_threads) as pool:
        clock = time.monotonic()
        counts = [*pool.map(lambda block: map_block(folder, block), some)]
        seconds = time.monotonic() - clock
    return seconds / max(sum(one["mapped"] for one in counts), 1)


def peak_memory_mib() -> float:
    """Largest memory that this process has had, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)

"""What a map will take: cells, blocks, disk, time and memory, before it is started."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bayes_rootc.mapping.block import blocks_of, fill_block, open_map
from bayes_rootc.mapping.store import BYTES_PER_CELL

TIMED_BLOCKS = 3
"""Blocks with land that are filled, and thrown away, to know the speed."""


@dataclass(frozen=True)
class Plan:
    """Size of a map.

    Attributes
    ----------
    cells, land : int
        Of the grid, and those with a biome.
    blocks : int
    disk_mib : float
        Before compression.
    seconds : float
        On the threads asked for.
    memory_mib : float
        Largest so far, with one block a thread.
    """

    cells: int
    land: int
    blocks: int
    disk_mib: float
    seconds: float
    memory_mib: float

    def text(self) -> str:
        """Return the plan in words."""
        hours = self.seconds / 3600.0
        duration = f"{hours:,.1f} hours" if hours >= 2.0 else f"{self.seconds:,.0f} s"
        return (
            f"{self.cells:,} cells, {self.land:,} of them land, in {self.blocks:,} blocks\n"
            f"disk: at most {self.disk_mib:,.0f} MiB (before compression, which halves it or "
            f"better)\ntime: about {duration} on the threads asked for\n"
            f"memory: about {self.memory_mib:,.0f} MiB"
        )


def make_plan(folder: Path, n_threads: int) -> Plan:
    """Plan a prepared map by filling a few of its blocks."""
    opened = open_map(folder)
    output, cube = opened.spec.output, opened.cube
    blocks = blocks_of(folder)
    filled, seconds = 0, 0.0
    middle = len(blocks) // 2
    timed = 0
    for block in blocks[middle:] + blocks[:middle]:
        clock = time.monotonic()
        counts = fill_block(opened, block)[1]
        if not counts["mapped"]:
            continue
        timed += 1
        if timed > 1:  # the first one also compiled
            filled += counts["mapped"]
            seconds += time.monotonic() - clock
        if timed > TIMED_BLOCKS:
            break
    land = land_cells(folder)
    per_cell = seconds / filled if filled else 0.0
    size = len(output.quantiles) * BYTES_PER_CELL["per quantile"] + BYTES_PER_CELL["other"]
    return Plan(
        cells=len(cube.lat) * len(cube.lon),
        land=land,
        blocks=len(blocks),
        disk_mib=land * size * len(opened.engines) / 2**20,
        seconds=per_cell * land / n_threads,
        memory_mib=peak_memory_mib(),
    )


def land_cells(folder: Path) -> int:
    """Cells with a biome, counted block by block."""
    opened = open_map(folder)
    name = opened.spec.grid.biome
    blocks = blocks_of(folder)
    return sum(int(np.isfinite(opened.cube.read([name], one)[name]).sum()) for one in blocks)


def peak_memory_mib() -> float:
    """Largest memory that this process has had, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)

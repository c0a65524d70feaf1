"""What a map will take: cells, blocks, disk, time and memory, before it is started."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bayes_rootc.mapping.block import fill_block, open_map
from bayes_rootc.mapping.run import land_cells, peak_memory_mib
from bayes_rootc.mapping.store import BYTES_PER_CELL
from bayes_rootc.units import Floats

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
    blocks = [*cube.blocks(output.block_lat, output.block_lon)]
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
    per_cell: Floats | float = seconds / filled if filled else 0.0
    size = len(output.quantiles) * BYTES_PER_CELL["per quantile"] + BYTES_PER_CELL["other"]
    return Plan(
        cells=len(cube.lat) * len(cube.lon),
        land=land,
        blocks=len(blocks),
        disk_mib=land * size * len(opened.engines) / 2**20,
        seconds=float(per_cell) * land / n_threads,
        memory_mib=peak_memory_mib(),
    )

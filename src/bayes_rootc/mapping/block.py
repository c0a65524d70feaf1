"""One block of cells: read, filled by every engine, written, and summed for the totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_rootc.errors import RunError
from bayes_rootc.files import DAMAGED, read_arrays, replacing
from bayes_rootc.mapping.cells import Cells, Wanted, read_cells
from bayes_rootc.mapping.cube import Block, Cube, fingerprint, open_cube
from bayes_rootc.mapping.forest import TARGETS, ForestEngine, load_mapped
from bayes_rootc.mapping.posterior import PosteriorEngine
from bayes_rootc.mapping.posterior_file import load_posterior
from bayes_rootc.mapping.statistics import FLOWS, Values, summarise
from bayes_rootc.mapping.store import DEPTHS, VARIABLES, write_block
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.units import Floats

CELLS_AT_A_TIME = 256
"""Cells whose draws are in memory together, a thread."""

CERTIFICATE = "map.json"
ENGINE_NUMBER = {"forest": 0, "posterior": 1}  # of the random streams; never reused

KINDS = COUNT, FLOW, NPP, ROOT, AREA = "count", "flows", "npp", "root", "area"
"""First word of the name of a block's sum: ``count WHAT``, cells; ``flows ENGINE BIOME``, draws of
the flows by layer, shape (3, 8, S); ``npp BIOME``, gridded NPP; ``root ENGINE BIOME``, draws of
I_root over the cells that have gridded NPP, shape (S,); ``area ENGINE BIOME``, of these cells
the area whose median I_root exceeds NPP, and the area, shape (2,). Pg C per year; areas as what
1 Mg per hectare makes of them."""


@dataclass(frozen=True)
class Opened:
    """What the blocks of a map share."""

    folder: Path
    spec: MapSpec
    cube: Cube
    engines: dict[str, ForestEngine | PosteriorEngine]

    @property
    def wanted(self) -> Wanted:
        """What the engines need of a cell."""
        names = [name for engine in self.engines.values() for name in engine.variables]
        required = []
        for engine in self.engines.values():
            if isinstance(engine, PosteriorEngine) and engine.root == "npp":
                required = [engine.npp]
        npp = self.spec.grid.npp if self.spec.grid.npp in self.cube.units else ""
        return Wanted(tuple(dict.fromkeys(names)), tuple(required), npp)


def store_path(folder: Path, engine: str) -> Path:
    """Zarr store of an engine."""
    return folder / f"{engine}.zarr"


def done_path(folder: Path, block: int) -> Path:
    """Sums of a block; the file stands when the block is whole."""
    return folder / "blocks" / f"{block:06d}.npz"


def open_map(folder: Path) -> Opened:
    """Open what a prepared map needs, once a process and map: one made anew is opened anew.

    Raises
    ------
    RunError
        If the folder is no prepared map.
    """
    return _open(folder, *fingerprint(folder / CERTIFICATE))


@lru_cache(maxsize=2)
def _open(folder: Path, *_: int) -> Opened:
    try:
        about = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
        spec = MapSpec.model_validate(about["spec"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{folder}: is no map ({error}); make one with: map") from None
    engines: dict[str, ForestEngine | PosteriorEngine] = {}
    for name in spec.engines:
        if name == "forest":
            forests = [load_mapped(folder / "models", target) for target in TARGETS]
            size, degrees = spec.output.draws, spec.forest.block_degrees
            engines[name] = ForestEngine(forests[0], forests[1], size, spec.seed, degrees)
        else:
            engines[name] = load_posterior(folder / "models" / "posterior.npz")
    found = Opened(folder, spec, open_cube(Path(about["grid"]), ()), engines)
    return found


def blocks_of(folder: Path) -> list[Block]:
    """Blocks of a prepared map."""
    opened = open_map(folder)
    size = opened.spec.output
    return [*opened.cube.blocks(size.block_lat, size.block_lon)]


def map_block(folder: Path, block: Block) -> dict[str, int]:
    """Fill a block, write it, and leave its sums; the counts of its cells are returned.

    Returns
    -------
    dict
        Every one of :data:`.cells.COUNTED`.

    Raises
    ------
    DataError
        If the grid holds a biome or a part of land that cannot be.
    WriteError
        If the block cannot be written.
    """
    opened = open_map(folder)
    cells = read_cells(opened.cube, opened.spec.grid, opened.wanted, block)
    values, sums = _fill_block(opened, block, cells)
    for engine, arrays in values.items():
        write_block(store_path(folder, engine), block, arrays)
    with replacing(done_path(folder, block.number)) as beside, open(beside, "wb") as file:
        counted: dict[str, Any] = {
            f"{COUNT} {name}": np.array(n) for name, n in cells.counts.items()
        }
        np.savez_compressed(file, **counted, **sums)
    return cells.counts


def _fill_block(
    opened: Opened, block: Block, cells: Cells
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Maps of a block by engine, and its sums."""
    values: dict[str, dict[str, Any]] = {}
    if not len(cells.at):
        return values, {}
    weighted = cells.weight * np.nan_to_num(cells.npp)
    sums: dict[str, Any] = {
        f"{NPP} {number}": weighted[cells.biome == number].sum()
        for number in np.unique(cells.biome[np.isfinite(cells.npp)])
    }
    for name, engine in opened.engines.items():
        found = _fill(opened, name, block.number, cells, sums)
        missing = cells.table[list(engine.variables)].isna()
        found["n_missing"] = missing.sum(axis=1).to_numpy(np.float32)
        if isinstance(engine, PosteriorEngine):
            found["n_beyond"] = engine.beyond(cells.table).astype(np.float32)
        values[name] = {key: _on_grid(array, key, block, cells.at) for key, array in found.items()}
    return values, sums


def _fill(
    opened: Opened, name: str, number: int, cells: Cells, sums: dict[str, Any]
) -> dict[str, Any]:
    """Statistics of the cells of block ``number``; their sums, draw by draw, are added."""
    parts: list[dict[str, Any]] = []
    middle = opened.spec.output.quantiles.index(0.5)
    for tile, start in enumerate(range(0, len(cells.at), CELLS_AT_A_TIME)):
        here = slice(start, start + CELLS_AT_A_TIME)
        key = (opened.spec.seed, ENGINE_NUMBER[name], number, tile)
        rng = np.random.default_rng(np.random.SeedSequence(key))
        biome = cells.biome[here]
        root, bulk = opened.engines[name].draw(cells.table[here], biome, rng)
        found, draws = summarise(root, bulk, opened.spec.output.quantiles)
        parts.append(found)
        npp = cells.npp[here]
        with_npp = np.isfinite(npp)
        above = found["i_root_quantile"][middle, :, -1] > npp
        for one in np.unique(biome):
            weight = np.where(biome == one, cells.weight[here], 0.0)
            flows = np.stack([_total(weight, draws[flow]) for flow in FLOWS])
            _add(sums, f"{FLOW} {name} {one}", flows)
            if with_npp[biome == one].any():
                own = weight * with_npp
                _add(sums, f"{ROOT} {name} {one}", _total(own, draws["i_root"][:, -1]))
                _add(sums, f"{AREA} {name} {one}", np.array([(own * above).sum(), own.sum()]))
    return {
        key: np.concatenate([part[key] for part in parts], axis=_cell_axis(key)) for key in parts[0]
    }


def _total(weight: Floats, draws: Values) -> Floats:
    """Sum over cells, draw by draw."""
    # Not BLAS: its sums depend on how many threads it has.
    return np.asarray(np.einsum("n,n...->...", weight.astype(np.float32), draws), np.float64)


def _add(sums: dict[str, Any], name: str, value: Floats) -> None:
    sums[name] = sums[name] + value if name in sums else value


def _cell_axis(name: str) -> int:
    return 1 if name.endswith("_quantile") else 0


def _on_grid(array: Any, name: str, block: Block, at: NDArray[np.intp]) -> NDArray[np.float32]:
    """Put values of cells where they belong, NaN elsewhere."""
    dims = VARIABLES[name][0]
    lead = (len(DEPTHS),) if len(dims) >= 3 else ()
    if len(dims) == 4:
        lead = (array.shape[0], *lead)
        array = np.moveaxis(array, 1, -1)
    elif len(dims) == 3:
        array = array.T
    flat = np.full((*lead, block.shape[0] * block.shape[1]), np.nan, np.float32)
    flat[..., at] = array
    return flat.reshape(*lead, *block.shape)


def read_sums(folder: Path, block: int) -> Mapping[str, Any]:
    """Return the sums that :func:`map_block` left, by name.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    path = done_path(folder, block)
    try:
        found = read_arrays(path)
        strange = [name for name in found if name.split(" ")[0] not in KINDS]
        if strange:
            raise ValueError(f"it holds {strange[0]}")
    except DAMAGED as error:
        raise RunError(
            f"{path}: are no sums of a block ({error}); delete the file, and `map --resume` makes "
            "the block again"
        ) from None
    return found

"""One block of cells: read, filled by every engine, written, and summed for the totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing
from bayes_rootc.layers import BIOMES
from bayes_rootc.mapping.cube import Block, Cube, fingerprint, open_cube
from bayes_rootc.mapping.forest import TARGETS, ForestEngine, load_mapped
from bayes_rootc.mapping.posterior import PosteriorEngine
from bayes_rootc.mapping.posterior_file import load_posterior
from bayes_rootc.mapping.statistics import FLOWS, summarise
from bayes_rootc.mapping.store import DEPTHS, VARIABLES, write_block
from bayes_rootc.spec.map import MapSpec

CELLS_AT_A_TIME = 256
"""Cells whose draws are in memory together, a thread."""

MOST_MISSING = 0.5
"""Part of the covariates beyond which a cell is not mapped."""

HA_PER_KM2, PG_PER_MG = 100.0, 1e-9
CERTIFICATE = "map.json"
ENGINE_NUMBER = {"forest": 0, "posterior": 1}  # of the random streams; never reused

REASONS = ("no biome", "most covariates missing", "no gridded NPP")
"""Why a cell of the grid has no value, in the order in which they are looked at."""


@dataclass(frozen=True)
class Opened:
    """What the blocks of a map share."""

    folder: Path
    spec: MapSpec
    cube: Cube
    engines: dict[str, ForestEngine | PosteriorEngine]

    @property
    def covariates(self) -> tuple[str, ...]:
        """Variables of the grid that any engine needs."""
        names = [name for engine in self.engines.values() for name in engine.variables]
        return tuple(dict.fromkeys(names))


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
        ``mapped``, every one of :data:`REASONS`, ``gaps filled``.
    """
    opened = open_map(folder)
    values, counts, sums = fill_block(opened, block)
    for engine, arrays in values.items():
        write_block(store_path(folder, engine), block, arrays)
    with replacing(done_path(folder, block.number)) as beside, open(beside, "wb") as file:
        counted: dict[str, Any] = {f"count {name}": np.array(n) for name, n in counts.items()}
        np.savez_compressed(file, **counted, **sums)
    return counts


def fill_block(
    opened: Opened, block: Block
) -> tuple[dict[str, dict[str, Any]], dict[str, int], dict[str, Any]]:
    """Maps of a block by engine, counts of its cells, and sums by engine and biome."""
    cells, biome, at, counts = _cells(opened, block)
    weight = _weights(opened, block, at)
    values: dict[str, dict[str, Any]] = {}
    sums: dict[str, Any] = {}
    if not len(cells):
        return values, counts, sums
    for name, engine in opened.engines.items():
        found, totals = _fill(opened, name, engine, block, (cells, biome, weight))
        found["n_missing"] = cells[list(engine.variables)].isna().sum(axis=1).to_numpy(np.float32)
        if isinstance(engine, PosteriorEngine):
            found["n_beyond"] = engine.beyond(cells).astype(np.float32)
        values[name] = {key: _on_grid(array, key, block, at) for key, array in found.items()}
        sums |= {f"{name} {number}": total for number, total in totals.items()}
    return values, counts, sums


def _cells(
    opened: Opened, block: Block
) -> tuple[pd.DataFrame, NDArray[np.intp], NDArray[np.intp], dict[str, int]]:
    """Covariates and biome (0 to 8) of the cells that are mapped, their places, and counts."""
    grid, names = opened.spec.grid, opened.covariates
    data = opened.cube.read(dict.fromkeys([*names, grid.biome]), block)
    biome = data[grid.biome].ravel()
    known = np.isin(biome, list(BIOMES))
    covariates = np.stack([data[name].ravel() for name in names], axis=1)
    missing = np.isnan(covariates)
    enough = missing.mean(axis=1) <= MOST_MISSING
    has_npp = np.ones_like(known)
    for engine in opened.engines.values():
        if isinstance(engine, PosteriorEngine) and engine.root == "npp":
            has_npp &= ~missing[:, names.index(engine.npp)]
    mapped = known & enough & has_npp
    left = (~known, known & ~enough, known & enough & ~has_npp)
    named = zip(("mapped", *REASONS), (mapped, *left), strict=True)
    counts = {name: int(cells.sum()) for name, cells in named}
    counts["gaps filled"] = int(missing[mapped].any(axis=1).sum())
    at = np.flatnonzero(mapped)
    frame = pd.DataFrame(covariates[at].astype(float), columns=list(names))
    rows, columns = np.divmod(at, block.shape[1])
    lat = opened.cube.lat[block.rows][rows]
    lon = opened.cube.lon[block.columns][columns]
    frame["lat"], frame["lon"] = lat, lon
    frame["place"] = [f"the cell {a:g} N, {o:g} E" for a, o in zip(lat, lon, strict=True)]
    return frame, biome[at].astype(np.intp) - 1, at, counts


def _weights(opened: Opened, block: Block, at: NDArray[np.intp]) -> NDArray[np.float64]:
    """Pg of a total for one Mg per hectare in each cell."""
    area = np.repeat(opened.cube.cell_area_km2(block.rows), block.shape[1])[at]
    name = opened.spec.grid.land_fraction
    if name:
        share = opened.cube.read([name], block)[name].ravel()[at]
        area = area * np.nan_to_num(share.astype(float), nan=0.0)
    return np.asarray(area * HA_PER_KM2 * PG_PER_MG)


def _fill(
    opened: Opened, name: str, engine: ForestEngine | PosteriorEngine, block: Block,
    of_cells: tuple[pd.DataFrame, NDArray[np.intp], NDArray[np.float64]],
) -> tuple[dict[str, Any], dict[int, Any]]:  # fmt: skip
    """Statistics of the cells, and their sums by biome, draw by draw."""
    cells, biome, weight = of_cells
    parts: list[dict[str, Any]] = []
    totals: dict[int, Any] = {}
    for tile, start in enumerate(range(0, len(cells), CELLS_AT_A_TIME)):
        here = slice(start, start + CELLS_AT_A_TIME)
        key = (opened.spec.seed, ENGINE_NUMBER[name], block.number, tile)
        rng = np.random.default_rng(np.random.SeedSequence(key))
        root, bulk = engine.draw(cells[here], biome[here], rng)
        found, draws = summarise(root, bulk, opened.spec.output.quantiles)
        parts.append(found)
        for number in np.unique(biome[here]):
            own = biome[here] == number
            share = np.where(own, weight[here], 0.0).astype(np.float32)
            total = np.stack([np.tensordot(share, draws[flow], 1) for flow in FLOWS])
            totals[int(number)] = totals.get(int(number), 0.0) + total.astype(np.float64)
    whole = {
        key: np.concatenate([part[key] for part in parts], axis=_cell_axis(key)) for key in parts[0]
    }
    return whole, totals


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
    """Return what :func:`map_block` left: sums by ``ENGINE BIOME`` and counts by ``count NAME``."""
    with np.load(done_path(folder, block), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}

"""The folder of a map before its first block: models, empty stores, birth certificate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayes_rootc.data.prior_means import learning_info
from bayes_rootc.errors import DataError
from bayes_rootc.files import sha256_of_file, sha256_of_text, write_text
from bayes_rootc.inference.learned_folder import open_table
from bayes_rootc.inference.store import load_run
from bayes_rootc.layers import BIOMES
from bayes_rootc.mapping.block import CERTIFICATE, store_path
from bayes_rootc.mapping.cube import ZARR, Block, Cube, open_cube
from bayes_rootc.mapping.forest import TARGETS, ForestEngine, grow_forest, save_mapped
from bayes_rootc.mapping.posterior import PosteriorEngine, posterior_engine
from bayes_rootc.mapping.posterior_file import save_posterior
from bayes_rootc.mapping.store import create_store
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.units import Floats
from bayes_rootc.version import __version__

Say = Callable[[str], None]
SAMPLE_BLOCKS = 32
BORN: tuple[str, ...] = ("version", "spec_hash", "seed", "grid_hash")
MOST_SD = 8.0
"""Spreads of the training data by which the middle of a grid variable may lie off their mean."""


@dataclass(frozen=True)
class Request:
    """Where a map comes from and goes to.

    Attributes
    ----------
    folder : Path
        Of the map.
    run, learning : Path
        Joint run and learning run; those of the specification by default.
    data : Path or None
        Data folder.
    """

    folder: Path
    run: Path
    learning: Path
    data: Path | None


def certificate(spec: MapSpec, request: Request, grid: Path) -> dict[str, Any]:
    """Say what a map is made of: the same words mean the same numbers."""
    found: dict[str, Any] = {
        "version": __version__,
        "spec_hash": spec_hash(spec),
        "seed": spec.seed,
        "grid": str(grid.resolve()),
        "grid_hash": _grid_hash(grid),
        "spec": dump_spec(spec),
    }
    if "posterior" in spec.engines:
        run, diagnostics = load_run(request.run)
        found["run"] = {
            "path": str(request.run),
            "converged": bool(diagnostics.get("passed", False)),
            **{name: str(run.attrs.get(name, "")) for name in ("spec_hash", "data_hash", "source")},
        }
    if "forest" in spec.engines:
        about = learning_info(request.learning)
        found["learning"] = {
            "path": str(request.learning), "source": str(about.get("source", "")),
            "table_hashes": {name: about["table_hashes"].get(name, "") for name in TARGETS},
        }  # fmt: skip
    return found


def begun_with(folder: Path) -> dict[str, str]:
    """Paths of the runs that a map was begun with; empty where none was begun."""
    try:
        found = json.loads((folder / CERTIFICATE).read_text(encoding="utf-8"))
        return {name: str(found[name]["path"]) for name in ("run", "learning") if name in found}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def prepare(spec: MapSpec, request: Request, found: dict[str, Any], say: Say) -> None:
    """Grow forests, take draws, make empty stores; ends with the birth certificate.

    Raises
    ------
    DataError
        If the grid lacks a covariate, or holds values unlike those that were learned from.
    RunError
        If a run is missing, or is none.
    """
    folder = request.folder
    of_cells = [name for name in (spec.grid.biome, spec.grid.land_fraction) if name]
    cube = open_cube(Path(found["grid"]), of_cells)
    engines: list[ForestEngine | PosteriorEngine] = []
    block = (spec.output.block_lat, spec.output.block_lon)
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    if "forest" in spec.engines:
        found["forest"] = {}
        forests = []
        for target in TARGETS:
            table = open_table(request.learning, target)
            say(f"forest of {target}: {len(table.y)} rows, tau by {spec.forest.tau} ...")
            mapped, facts = grow_forest(table, spec.forest, spec.seed)
            forests.append(mapped)
            save_mapped(mapped, models, target)
            found["forest"][target] = facts
            say(f"  95 % of held-out errors are below {facts['tau95']:.2f} spreads of the trees")
        degrees = spec.forest.block_degrees
        engines.append(ForestEngine(forests[0], forests[1], 1, spec.seed, degrees))
    if "posterior" in spec.engines:
        section = spec.posterior
        run, _ = load_run(request.run)
        engine = posterior_engine(run, spec.output.draws, root=section.root, clamp=section.clamp)
        save_posterior(engine, models / "posterior.npz")
        engines.append(engine)
    check_grid(spec, cube, engines)
    attributes = {key: found[key] for key in BORN}
    for name in spec.engines:
        create_store(store_path(folder, name), cube, spec.output.quantiles, block, attributes)
    (folder / "blocks").mkdir(exist_ok=True)
    write_text(folder / CERTIFICATE, json.dumps(found, indent=1) + "\n")


def check_grid(spec: MapSpec, cube: Cube, engines: list[ForestEngine | PosteriorEngine]) -> None:
    """Refuse a grid that lacks a covariate, has none of its values, or has them in other units.

    Raises
    ------
    DataError
        Names the variable, its typical value here, and what was learned from.
    """
    wanted: dict[str, tuple[float, float]] = {}
    for engine in engines:
        wanted |= _learned_from(engine)
    needed = [name for engine in engines for name in engine.variables]
    open_cube(cube.path, needed)
    blocks = [*cube.blocks(spec.output.block_lat, spec.output.block_lon)]
    some = blocks[:: max(len(blocks) // SAMPLE_BLOCKS, 1)]
    _check_cells(spec, cube, some)
    for name, (mean, sd) in wanted.items():
        values = _sampled(cube, name, spec.grid.biome, some)
        if not len(values):
            raise DataError(f"{cube.path}: {name} has no value in any cell of land")
        middle = float(np.median(values))
        if abs(middle - mean) > MOST_SD * sd:
            units = f" {cube.units[name]}" if cube.units.get(name) else ""
            raise DataError(
                f"{cube.path}: {name} is typically {middle:g}{units}; the data that were learned "
                f"from have {mean:.3g} ± {sd:.2g}: are these other units (K for °C, cm for mm)?"
            )


def _check_cells(spec: MapSpec, cube: Cube, some: list[Block]) -> None:
    """Refuse a biome that is none, and a part of land beyond 0 to 1."""
    biome = _sampled(cube, spec.grid.biome, spec.grid.biome, some)
    wrong = biome[~np.isin(biome, list(BIOMES))]
    if len(wrong):
        raise DataError(
            f"{cube.path}: grid.biome = {spec.grid.biome!r} holds {wrong[0]:g} (from "
            f"{biome.min():g} to {biome.max():g}); right: whole numbers {min(BIOMES)} to "
            f"{max(BIOMES)}, missing where no land is"
        )
    if not spec.grid.land_fraction:
        return
    part = _sampled(cube, spec.grid.land_fraction, spec.grid.biome, some)
    if len(part) and (part.min() < 0.0 or part.max() > 1.0 + 1e-6):
        raise DataError(
            f"{cube.path}: grid.land_fraction = {spec.grid.land_fraction!r} runs from "
            f"{part.min():g} to {part.max():g}; right: 0 to 1"
        )


def _sampled(cube: Cube, name: str, biome: str, blocks: list[Block]) -> Floats:
    parts = []
    for block in blocks:
        data = cube.read([name, biome], block)
        here = np.isfinite(data[name]) & np.isfinite(data[biome])
        parts.append(data[name][here].astype(float))
    return np.concatenate(parts)


def _learned_from(engine: ForestEngine | PosteriorEngine) -> dict[str, tuple[float, float]]:
    """Mean and spread of each variable in the data, on the scale of the grid."""
    if isinstance(engine, PosteriorEngine):
        of = engine.components
        plain = [i for i, name in enumerate(of.variables) if name not in of.log]
        return {of.variables[i]: (float(of.mean[i]), float(of.sd[i])) for i in plain}
    preparation = engine.i_bulk.preparation
    spread = dict(zip(preparation.names, preparation.spread, strict=True))
    mean = dict(zip(preparation.names, preparation.mean, strict=True))
    return {n: (float(mean[n]), float(spread[n])) for n in engine.variables if n in spread}


def _grid_hash(path: Path) -> str:
    if path.suffix != ZARR:
        return sha256_of_file(path)
    # Of a large store: what it holds, and when its chunks were last written.
    parts = [f"{p.relative_to(path)} {p.stat().st_size}" for p in sorted(path.rglob("*"))]
    return sha256_of_text("\n".join(parts))

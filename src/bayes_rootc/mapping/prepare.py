"""The folder of a map before its first block: models, empty stores, birth certificate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayes_rootc.data.prior_means import learning_info
from bayes_rootc.errors import RunError
from bayes_rootc.files import write_text
from bayes_rootc.inference.learned_folder import open_table
from bayes_rootc.inference.store import load_run
from bayes_rootc.mapping.block import CERTIFICATE, store_path
from bayes_rootc.mapping.cube import content_hash, open_cube
from bayes_rootc.mapping.forest import TARGETS, ForestEngine, grow_forest, save_mapped
from bayes_rootc.mapping.grid_values import check_grid
from bayes_rootc.mapping.posterior import PosteriorEngine, posterior_engine
from bayes_rootc.mapping.posterior_file import save_posterior
from bayes_rootc.mapping.store import create_store
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.version import __version__

Say = Callable[[str], None]
BORN: tuple[str, ...] = ("version", "spec_hash", "seed", "grid_hash")


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
        "grid_hash": content_hash(grid),
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
        about = _learning_info(request.learning)
        found["learning"] = {
            "path": str(request.learning), "source": str(about.get("source", "")),
            "table_hashes": {name: about["table_hashes"].get(name, "") for name in TARGETS},
        }  # fmt: skip
    return found


def _learning_info(folder: Path) -> dict[str, Any]:
    try:
        return learning_info(folder)
    except RunError as error:
        raise RunError(
            f'{error}, name another with --learning, or do without forests: engines = ["posterior"]'
        ) from None


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

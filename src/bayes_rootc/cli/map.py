"""The verb ``map``: global maps of inputs, uptake and loss from stored runs; nothing is fitted."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_rootc.mapping.run import MapRun

HELP = "map I_root, I_bulk and I_loss with their uncertainty, from a joint and a learning run"
EPILOG = """examples:
  map                                    models/map.toml on runs/joint and runs/learning
  map --plan                             cells, blocks, disk, time and memory; nothing is mapped
  map --resume                           go on with a map that was stopped or killed
  map models/map.toml --run runs/joint --learning runs/learning --name mine --geotiff
  map --engine posterior                 one engine; needs no learning run
  map --cluster tcp://127.0.0.1:8786     on the workers of a dask scheduler

Two engines: `forest` (random forests with intervals from held-out errors) and `posterior` (draws
of the joint model at every cell). Files in maps/NAME: ENGINE.zarr (every map, CF attributes),
totals.csv (Pg C per year by biome, layer and flow), npp.csv (I_root beside gridded NPP),
counts.json, map.json, report.html, report.md, figures/, tables/. `show map` explains the map file,
`report maps/NAME` writes the report again.
A run that was stopped goes on with --resume and ends with the same numbers, bit for bit."""

SHOWN_LAYER = "0-200"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", nargs="?", default="map", help="map file or its name")
    parser.add_argument("--run", type=Path, help="joint run; the file's if absent")
    parser.add_argument("--learning", type=Path, help="learning run; the file's if absent")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="data folder with the grid")
    parser.add_argument("--engine", choices=("forest", "posterior"), help="only this engine")
    parser.add_argument("--name", default="map", help="name of the map")
    parser.add_argument("--maps", type=Path, default=Path("maps"), help="folder of the maps")
    parser.add_argument("--plan", action="store_true", help="say what it takes, and end")
    parser.add_argument("--resume", action="store_true", help="go on with a map that was stopped")
    parser.add_argument("--overwrite", action="store_true", help="replace a map of this name")
    parser.add_argument("--cluster", metavar="ADDRESS", help="address of a dask scheduler")
    parser.add_argument("--jobs", type=int, help="threads; all processors if absent")
    parser.add_argument("--geotiff", action="store_true", help="write cloud-optimised GeoTIFFs too")
    parser.add_argument("--netcdf", action="store_true", help="write NetCDF files too")
    parser.add_argument("--no-figures", action="store_true", help="no figures and no HTML page")


def run(args: argparse.Namespace) -> int:
    """Plan or make maps; returns the exit code."""
    from bayes_rootc.cli.run_name import folder_of
    from bayes_rootc.errors import SpecError
    from bayes_rootc.mapping.prepare import Request, begun_with
    from bayes_rootc.mapping.run import make_maps, plan_maps
    from bayes_rootc.spec.load import load_map
    from bayes_rootc.spec.locate import find_model

    if args.jobs is not None and args.jobs < 1:
        raise SpecError(f"--jobs {args.jobs}: must be 1 or more")
    if args.resume and args.overwrite:
        raise SpecError("--resume and --overwrite exclude each other: go on, or begin anew")
    jobs = args.jobs or os.cpu_count() or 1
    spec = load_map(find_model(args.model, only="map"))
    if args.engine:
        spec = spec.model_copy(update={"engines": (args.engine,)})
    folder = folder_of(args.maps, args.name, "--maps")
    begun = begun_with(folder) if args.resume else {}
    request = Request(
        folder=folder,
        run=args.run or Path(begun.get("run", spec.run)),
        learning=args.learning or Path(begun.get("learning", spec.learning)),
        data=args.data,
    )
    if args.plan:
        _say(plan_maps(spec, request, n_threads=jobs, say=_say).text())
        return 0
    made = make_maps(
        spec, request, resume=args.resume, overwrite=args.overwrite, cluster=args.cluster,
        n_threads=jobs, say=_say,
    )  # fmt: skip
    _print(made)
    _export(args, made)
    return 0


def _export(args: argparse.Namespace, made: MapRun) -> None:
    from bayes_rootc.api.maps import export_maps

    if args.netcdf or args.geotiff:
        for path in export_maps(made.folder, netcdf=args.netcdf, geotiff=args.geotiff):
            _say(str(path))
    if not args.no_figures:
        from bayes_rootc.report.map_report import write_map_report

        _say(f"report: {write_map_report(made.folder)}")


def _print(made: MapRun) -> None:
    from bayes_rootc.report.map_report import totals_text, warnings_of

    for warning in warnings_of(made.info):
        _say(f"note: {warning}")
    counts = ", ".join(f"{n:,} {name}" for name, n in made.counts.items() if n)
    _say(f"cells: {counts}")
    _say(f"\nTotals over {SHOWN_LAYER} cm, Pg C per year (95 % interval)")
    _say(totals_text(made.totals, made.info["spec"]["forest"]["block_degrees"]))
    _say(f"\nmapped in {made.seconds:.0f} s\nmap: {made.folder}")


def _say(text: str) -> None:
    print(text, flush=True)

"""The verb ``grid``: build a cube of covariates from rasters, and check a grid before mapping."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "build a cube of covariates from rasters, or check a grid against what was learned"
EPILOG = """examples:
  grid check                                   the grid of models/map.toml against runs/learning
  grid check models/map.toml --learning runs/learning --output check
  grid build mymap.toml --output cube.zarr     the layers that its [[build.layers]] names
  grid build mymap.toml --folder rasters       relative paths start in rasters/

`check` prints, by covariate, which part of the land has a value and which part lies beyond the
range of the data that were learned from, and writes applicability.nc: dissimilarity of every cell
to those data, and the area of applicability (Meyer & Pebesma 2021). It reads these keys of the map
file:
  learning             learning run
  [grid]               file, biome, land_fraction: the grid, and variables of it
  [output]             block_lat, block_lon: cells that are in memory at a time

`build` reads
  [build]              resolution_degrees (0.5), north, south, west, east (the globe)
  [[build.layers]]     one a layer:
    name               of the variable in the cube
    file               NetCDF, Zarr, GeoTIFF, .bil or whatever GDAL knows
    variable           of a NetCDF file or Zarr store, where it is not `name`
    units              in the cube
    scale, offset      in the cube: scale * value + offset (1, 0)
    fill               what a missing cell counts as, before resampling; 0.0 for land_fraction
    resampling         average (so it is if absent), nearest, bilinear, mode (for biome)
    crs                reference system of the file (EPSG:4326)
for instance
  schema = 1
  model = "map"
  [build]
  resolution_degrees = 0.05
  [[build.layers]]
  name = "bio01"
  file = "bio1.bil"
  units = "degC"
  scale = 0.1
  [[build.layers]]
  name = "biome"
  file = "biomes.tif"
  units = "1"
  resampling = "mode"
then, to map on it: [grid] file = "cube.zarr"."""

MOST_BEYOND = 50.0
"""Percent of the land beyond the data at which a variable is pointed out."""

BUILD, CHECK = "build", "check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("what", choices=(BUILD, CHECK), help="what to do")
    parser.add_argument("model", nargs="?", default="map", help="map file or its name")
    parser.add_argument(
        "--output", type=Path,
        help="build: store to make (cube.zarr); check: folder for its files (reports/grid)",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, help="build: where paths of layers start (the file's)"
    )
    parser.add_argument("--learning", type=Path, help="check: learning run; the file's if absent")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="check: data folder")
    parser.add_argument("--overwrite", action="store_true", help="build: replace the store")


def run(args: argparse.Namespace) -> int:
    """Build or check; returns the exit code."""
    return _build(args) if args.what == BUILD else _check(args)


def _build(args: argparse.Namespace) -> int:
    from bayes_rootc.api.maps import build_grid
    from bayes_rootc.spec.locate import find_model

    path, target = find_model(args.model, only="map"), args.output or Path("cube.zarr")
    build_grid(path, target, folder=args.folder, overwrite=args.overwrite, say=_say)
    _say(f"cube: {target}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from bayes_rootc.files import replacing
    from bayes_rootc.mapping.check import check_cube
    from bayes_rootc.mapping.cube import locate_cube
    from bayes_rootc.spec.load import load_map
    from bayes_rootc.spec.locate import find_model

    spec = load_map(find_model(args.model, only="map"))
    folder = args.output or Path("reports") / "grid"
    grid = locate_cube(spec.grid.file, args.data)
    learning = args.learning or Path(spec.learning)
    found = check_cube(spec, grid, learning, folder / "applicability.nc")
    with replacing(folder / "variables.csv") as beside:
        found.variables.to_csv(beside, index=False)
    _say(found.variables.to_string(index=False, float_format="{:.3g}".format))
    _say("")
    for row in found.variables.to_dict(orient="records"):
        beyond = float(row["land_beyond_training_percent"])
        if beyond > MOST_BEYOND:
            _say(
                f"note: {beyond:.0f} % of the land lies beyond the range "
                f"of {row['variable']} in the data of {row['target']}: are these other units? "
                "`map` refuses what cannot be right"
            )
    for area in found.areas.itertuples():
        _say(
            f"{area.target}: {area.inside_percent:.1f} % of the land lies in the area of "
            f"applicability of {area.places} places (dissimilarity up to {area.threshold:.2f})"
        )
    _say(f"files: {folder}")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)

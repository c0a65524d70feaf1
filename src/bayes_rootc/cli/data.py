"""The verb ``data``: check a table, fetch the public data, say where data come from."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayes_rootc.spec.turnover import DataSection

HELP = "check a table, write one to fill in, fetch the public data, say which are used"
EPILOG = """examples:
  data check layers.csv             what would be kept and dropped, and why
  data check                        the same for the data found by --data or BAYES_ROOTC_DATA
  data check layers.csv --json      with every row number, for programs
  data fetch                        download the public compilation, checked by sha256
  data where                        which table is used, and how it was found
  data template radiocarbon         a CSV to fill in, and what its columns mean

A CSV of your own needs the columns profile, lat, lon, top_cm, bottom_cm, sample_year, delta14c
and biome (number 1-9, key or name); delta14c_err, mat and map are optional. `data check` ends
with code 2 where a fit would refuse the table, with 0 otherwise."""

KEEP = {
    "keep_peat": "peatlands",
    "keep_organic": "organic layers within the mineral depth scale",
    "keep_point_samples": "samples whose top equals their bottom",
    "keep_duplicates": "copies of other rows",
    "keep_unpublished": "entries named unpublished by their compilers",
    "keep_unmeasured": "rows whose Δ14C the source gives as the word modern",
    "keep_treated": "treated experiments (ISRaD)",
    "keep_filled": "bulk density and percent C that compilers filled in",
    "keep_implausible": "Δ14C that hardly any soil can have",
}
"""Switches of the section [data] of a model file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-verbs and their arguments."""
    verbs = parser.add_subparsers(dest="data_verb", required=True, metavar="VERB")
    check = verbs.add_parser("check", help="report on a table: kept, dropped, impossible")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help="table of layers")
    check.add_argument("--format", metavar="NAME", help="format; recognised if not given")
    for name, what in KEEP.items():
        check.add_argument(_flag(name), action=argparse.BooleanOptionalAction, help=f"keep {what}")
    check.add_argument("--max-depth-cm", type=float, metavar="CM", help="deepest bottom, to 200")
    fetch = verbs.add_parser("fetch", help="download the public compilation and check it")
    fetch.add_argument("--to", type=Path, metavar="FOLDER", help="data folder to fill")
    fetch.add_argument("--base-url", metavar="URL", help="take the files from this mirror")
    where = verbs.add_parser("where", help="say which table is used and how it was found")
    template = verbs.add_parser("template", help="write a CSV to fill in, say what it wants")
    template.add_argument("table", choices=("radiocarbon", "npp", "roots"), help="which table")
    template.add_argument("--to", type=Path, metavar="FILE", help="file to write (TABLE.csv)")
    template.add_argument("--overwrite", action="store_true", help="replace the file")
    for verb in (check, where):
        verb.add_argument("--data", type=Path, metavar="PATH", help="data folder or table")
    for verb in (check, fetch, where):
        verb.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Run a sub-verb; returns the exit code."""
    return VERBS[args.data_verb](args)


def _check(args: argparse.Namespace) -> int:
    from bayes_rootc.data.check import check_layers
    from bayes_rootc.data.locate import locate_data
    from bayes_rootc.errors import DataError

    location = None
    if args.file is None or args.data is not None:
        location = locate_data(args.data)
    if args.file is not None:
        folder = location.folder if location else None
        report = check_layers(args.file, _selection(args), args.format, folder)
    elif location is not None:
        report = check_layers(
            location.layers, _selection(args), args.format, location.folder, location.source
        )
    else:
        raise DataError("nothing to check: give FILE or --data, or run `data fetch` first")
    if args.json:
        _print_json(report.as_dict())
    elif report.problems:
        print("\n".join(report.problems), file=sys.stderr)
    else:
        print(report.text())
    return 0 if report.ok else 2


def _fetch(args: argparse.Namespace) -> int:
    from bayes_rootc.data.fetch import fetch, sources, terms

    if not args.json:
        print(terms())
    bar = not args.json and sys.stderr.isatty()
    files = fetch(args.to, args.base_url, progress=bar)
    if args.json:
        conditions = {source.path: source.condition for source in sources()}
        _print_json(
            {
                "files": [
                    {
                        "path": str(file.path),
                        "downloaded": file.downloaded,
                        "sha256": file.source.sha256,
                        "condition": conditions[file.source.path],
                        "citation": file.source.citation,
                    }
                    for file in files
                ]
            }
        )
        return 0
    for file in files:
        done = "downloaded, sha256 right" if file.downloaded else "already there, sha256 right"
        print(f"{file.path}: {done}")
    return 0


def _where(args: argparse.Namespace) -> int:
    from bayes_rootc.data.locate import ENVIRONMENT
    from bayes_rootc.data.where import where

    found = where(args.data)
    tried = found["tried"]
    if args.json:
        _print_json(found)
    elif found["layers"] is not None:
        print(f"{found['layers']}\n  format {found['format']}, found by {found['found_by']}")
        print(f"  data folder {found['folder'] or 'none: packaged atmosphere'}")
    else:
        print("no data: the simulated world is used. Looked for, in this order:")
        print(f"  --data: {tried['--data'] or 'not given'}")
        print(f"  environment variable {ENVIRONMENT}: {tried[ENVIRONMENT] or 'not set'}")
        print(f"  fetched data: nothing in {tried['fetched']} (run `data fetch`)")
    return 0


def _template(args: argparse.Namespace) -> int:
    from bayes_rootc.data.templates import TEMPLATES, write_template
    from bayes_rootc.report.text import aligned

    path = write_template(args.table, args.to, overwrite=args.overwrite)
    template = TEMPLATES[args.table]
    print(f"{path}: {template.text} a row; the rows in it are invented: put your own there\n")
    rows = [(f.name, f.units, "" if f.required else "optional", f.text) for f in template.fields]
    print(aligned(("column", "units", "", "what"), rows))
    place = f"\nwithin a data folder: {template.path}"
    check = f"\nthen: data check {path}" if args.table == "radiocarbon" else ""
    print(f"{place}{check}")
    return 0


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "fetch": _fetch,
    "where": _where,
    "template": _template,
}


def _selection(args: argparse.Namespace) -> DataSection:
    from pydantic import ValidationError

    from bayes_rootc.errors import SpecError
    from bayes_rootc.spec.turnover import DataSection

    given = {name: getattr(args, name) for name in (*KEEP, "max_depth_cm")}
    try:
        return DataSection(**{name: value for name, value in given.items() if value is not None})
    except ValidationError:
        depth = f"{args.max_depth_cm:g}"
        raise SpecError(f"--max-depth-cm {depth} is wrong; above 0, at most 200 cm") from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))

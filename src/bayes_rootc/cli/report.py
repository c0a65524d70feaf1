"""The verb ``report``: tables, figures and pages of a stored run; nothing is fitted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

HELP = "write the report (HTML, Markdown, figures, tables) of a stored run"

EPILOG = """\
examples:
  python -m bayes_rootc report runs/first
  python -m bayes_rootc report runs/first --output /tmp/first
  python -m bayes_rootc report runs/first --compare runs/second
  python -m bayes_rootc report maps/map

The HTML is one file that needs no network. Nothing is fitted: the numbers are those of the run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run or a map")
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        help="where to write (default: reports/NAME, with the name of the run; of a map its own "
        "folder)",
    )
    parser.add_argument(
        "--compare", metavar="OTHER", type=Path,
        help="set another run beside this one (default output: reports/RUN-OTHER)",
    )  # fmt: skip
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="MODULE",
        help="module that registers estimates of its own; may be given several times",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the report and print where it is; the exit code is 0 even if the gate failed."""
    from bayes_rootc.cli.stored_run import load, say_if_partial
    from bayes_rootc.errors import RunError
    from bayes_rootc.plugins import import_plugins
    from bayes_rootc.report.results import MAPS, RUN, what_is_in, write_results
    from bayes_rootc.report.sensitivity import with_sensitivity
    from bayes_rootc.report.write import write_report

    import_plugins(args.plugin)
    held = what_is_in(args.run)
    if args.compare is not None and held != RUN:
        raise RunError(f"{args.run}: holds no fit; --compare sets two fits side by side")
    # Maps are their own folder's: their report stands beside them unless another place is named.
    default = args.run if held == MAPS else Path("reports") / args.run.resolve().name
    folder = args.output or default
    if held != RUN:
        print(write_results(args.run, folder))
        return 0
    stored, diagnostics = load(args.run)
    say_if_partial(stored)
    if args.compare is not None:
        return _compare(args, stored, diagnostics)
    stored = with_sensitivity(stored, args.run)
    print(write_report(stored, diagnostics, folder))
    return 0


def _compare(args: argparse.Namespace, stored: xr.DataTree, diagnostics: dict[str, Any]) -> int:
    from bayes_rootc.cli.stored_run import load, say_if_partial
    from bayes_rootc.errors import RunError
    from bayes_rootc.report.compare import run_names, write_comparison

    names = run_names(args.run, args.compare)
    if args.run.resolve() == args.compare.resolve():
        raise RunError(f"--compare {args.compare}: is the run itself; name another one")
    other, gate = load(args.compare)
    say_if_partial(other)
    folder = args.output or Path("reports") / "-".join(name.replace("/", "_") for name in names)
    pair = ((names[0], stored, diagnostics), (names[1], other, gate))
    print(write_comparison(*pair, folder))
    return 0

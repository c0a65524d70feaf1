"""The verb ``structures``: one pool or many rates within a layer, compared on the same data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_rootc.inference.structures_folder import Compared

HELP = "compare structures of a layer's carbon (one pool, gamma, lognormal, two pools)"
EPILOG = """examples:
  structures                              models/structures.toml on what data there are
  structures --joint                      and what follows for I_bulk and I_loss (longer)
  structures my_structures.toml --data FOLDER --output runs/mine
  structures --simulated 300              a world of known truth (one pool)
  report runs/structures                  the report of a finished comparison, again

Each structure is fitted to the same layers, judged by leaving out single layers (PSIS-LOO) and by
holding whole profiles and studies out, and stacked. What is finished is kept: a stopped comparison
goes on where it stopped. Real data take about 15 minutes a structure on two cores, --joint 5 more.

Files in --output: turnover/NAME and joint/NAME (runs), folds/, comparison.csv, gains.csv,
pointwise.csv, structures.json; and the report in reports/NAME."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "model", nargs="?", default="structures", help="structures file or its name"
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="data folder or table of layers")
    parser.add_argument(
        "--simulated", type=int, metavar="N", help="simulate about N layers instead"
    )
    parser.add_argument("--world-seed", type=int, default=1, metavar="S", help="seed of that world")
    parser.add_argument(
        "--joint", action="store_true", help="fit the joint model under each structure too"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/structures"), metavar="FOLDER",
        help="where the files go; default runs/structures",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="begin anew instead of going on where it stopped"
    )


def run(args: argparse.Namespace) -> int:
    """Compare, write, print; returns the exit code."""
    from bayes_rootc.api.structures import compare_structures
    from bayes_rootc.report.structures_report import structures_report
    from bayes_rootc.report.write import write_pages

    compared = compare_structures(
        args.model, args.data, joint=args.joint, folder=args.output, say=_say,
        simulated=args.simulated, world_seed=args.world_seed, overwrite=args.overwrite,
    )  # fmt: skip
    _print(compared)
    folder = Path("reports") / args.output.resolve().name
    _say(f"report: {write_pages(structures_report(compared), folder)}")
    return 0


def _print(compared: Compared) -> None:
    mark = " (SIMULATED)" if compared.info["source"] == "simulated" else ""
    shown = compared.comparison.drop(columns=["pit_distance", "crps", "n_high_k"])
    _say(f"\nLog predictive density of Δ14C (per ‰, summed over layers){mark}")
    _say(shown.to_string(index=False, float_format="{:.2f}".format, na_rep=""))


def _say(text: str) -> None:
    print(text, flush=True)

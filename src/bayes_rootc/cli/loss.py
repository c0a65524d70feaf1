"""The verb ``loss``: root carbon that is lost, from a stored joint run; nothing is fitted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_rootc.errors import RunError

if TYPE_CHECKING:
    import xarray as xr

HELP = "write tables and figures of I_root, I_bulk and I_loss of a stored joint run"

EPILOG = """\
examples:
  python -m bayes_rootc loss runs/joint
  python -m bayes_rootc loss runs/joint --output /tmp/losses
  python -m bayes_rootc loss runs/joint --seed 7      other residuals of unmeasured sites

I_loss = I_root · share(layer) - I_bulk in every draw, in six estimates, for the seven layers and
0-200 cm, by biome; means over sites and typical (median) sites. Nothing is fitted: the run must be
one of the joint model (`python -m bayes_rootc fit joint`).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run, as in runs/NAME")
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        help="where to write (default: reports/NAME/loss, with the name of the run)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        help="of the residuals of sites where something was not measured (default: the run's)",
    )
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="MODULE",
        help="module that registers estimates of its own; may be given several times",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write tables and figures, print the answer; the exit code is 0 even if the gate failed."""
    from bayes_rootc.cli.stored_run import load, say_if_partial
    from bayes_rootc.plugins import import_plugins
    from bayes_rootc.report.answer import answer_table, distance_sentence, parts_sentence
    from bayes_rootc.report.losses import lacking_blocks, with_losses
    from bayes_rootc.report.text import aligned
    from bayes_rootc.report.write import checked_folder, write_losses

    import_plugins(args.plugin)
    stored, diagnostics = load(args.run)
    if lacking_blocks(stored):
        raise RunError(
            f"{args.run}: is a run of the model {stored.attrs.get('model', 'turnover')}, which "
            "lacks blocks that losses need (turnover, stock, bnpp, f_bnpp, roots); "
            "`python -m bayes_rootc fit joint` fits all five"
        )
    folder = checked_folder(args.output or Path("reports") / args.run.resolve().name / "loss")
    stored = with_losses(stored, args.seed)
    write_losses(stored, folder)
    say_if_partial(stored)
    _warn(stored, diagnostics)
    print("over 0-200 cm, all sites, mean of six estimates; posterior median (95 % interval)\n")
    answer = answer_table(stored)[["name", "mean_text", "typical_text", "study_text"]]
    header = ("", "mean over sites", "typical (median) site", "study")
    print(aligned(header, answer.to_numpy()))
    print(f"\n{distance_sentence(stored)}\n{parts_sentence(stored)}\n")
    print(folder / "tables")
    print(folder / "figures")
    return 0


def _seed(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, 0 or more")
    return value


def _warn(stored: xr.DataTree, diagnostics: dict[str, Any]) -> None:
    if stored.attrs.get("source") == "simulated":
        print("SIMULATED WORLD: every number describes an invented soil")
    if not diagnostics.get("passed", False):
        print("NOT CONVERGED: do not use these numbers; `report` says which check failed")

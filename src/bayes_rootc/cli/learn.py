"""The verb ``learn``: learners of a joint run, what they found, and whether prior means help."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from bayes_rootc.spec.learning import LearningSpec

HELP = "learn inputs and turnover of a joint run from place and depth; prior means for a fit"
EPILOG = """examples:
  learn                                   models/learning.toml on runs/joint
  learn models/learning.toml --run runs/joint --name mine
  learn show runs/learning                scores of a stored learning run
  learn crossval --run runs/joint         held-out places: joint model with and without prior means

Five learners and their ensemble are validated by rows (`random`) and by whole profiles and blocks
of places (`grouped`); the ensemble's grouped predictions go to prior_means.csv, which a joint model
takes up with

  [prior_means]
  run = "runs/learning"

Files in runs/NAME: scores, predictions, parameters, weights, importance, dependence, curve,
harmonised, prior_means (.csv), the tables that were learned from, learning.json."""

SHOW, CROSSVAL = "show", "crossval"
CROSSVAL_FOLDER = "learning-crossval"
SHOWN = ("target", "rule", "learner", "n", "r2", "rmse", "mae", "bias", "concordance")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "what", nargs="?", default="learning", metavar="MODEL|show|crossval",
        help="learning file or its name; or `show`, or `crossval`",
    )  # fmt: skip
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="PATH",
        help="show: folder of a learning run; crossval: learning file",
    )  # fmt: skip
    parser.add_argument("--run", type=Path, help="joint run; the file's if absent")
    parser.add_argument("--name", default="learning", help="name of the learning run")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--overwrite", action="store_true", help="replace a run of this name")
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="crossval: folds")
    parser.add_argument("--jobs", type=int, help="folds at a time; all processors if absent")


def run(args: argparse.Namespace) -> int:
    """Learn, show or cross-validate; returns the exit code."""
    if args.what == SHOW:
        return _show(args)
    return _crossval(args) if args.what == CROSSVAL else _learn(args)


def _learn(args: argparse.Namespace) -> int:
    from bayes_rootc.cli.run_name import folder_of
    from bayes_rootc.errors import RunError
    from bayes_rootc.inference.learn import learn

    spec = _spec(args.what)
    folder = folder_of(args.runs, args.name, "--runs")
    if folder.exists() and not args.overwrite:
        raise RunError(f"{folder}: exists; --overwrite replaces it, --name takes another")
    _say("loading the learners and the joint run ...")
    learned = learn(spec, args.run or Path(spec.run), folder, n_jobs=_jobs(args), say=_say)
    _print_scores(learned.tables["scores"], learned.info["source"])
    _say(f"\nlearned in {learned.info['seconds']:.0f} s\nrun: {folder}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from bayes_rootc.inference.learned_folder import open_learned

    learned = open_learned(args.path or args.runs / args.name)
    _say(f"learned from {learned.info['run']['path']}, seed {learned.info['seed']}")
    for name, reason in learned.info["absent"].items():
        _say(f"learner {name} was absent: {reason}")
    _print_scores(learned.tables["scores"], learned.info["source"])
    return 0


def _crossval(args: argparse.Namespace) -> int:
    from bayes_rootc.errors import RunError, SpecError
    from bayes_rootc.files import replacing
    from bayes_rootc.inference.learn import read_joint_run
    from bayes_rootc.inference.learning_crossval import compare_prior_means

    if args.folds < 2:
        raise SpecError(f"--folds {args.folds}: must be 2 or more")
    learning = _spec(args.path or "learning")
    folder = args.runs / CROSSVAL_FOLDER
    if folder.exists() and not args.overwrite:
        raise RunError(f"{folder}: exists; --overwrite replaces its tables, --runs takes another")
    joint, problem, _, _ = read_joint_run(args.run or Path(learning.run))
    scores, heldout = compare_prior_means(
        joint, learning, problem.inputs, n_folds=args.folds, n_jobs=_jobs(args), say=_say
    )
    for name, table in (("scores", scores), ("heldout", heldout)):
        with replacing(folder / f"{name}.csv") as beside:
            table.to_csv(beside, index=False)
    _say(scores.drop(columns="method").round(3).to_string(index=False))
    _say(f"files: {folder}")
    return 0


def _spec(name: Path | str) -> LearningSpec:
    """Read a learning file whose learners are known."""
    from bayes_rootc.errors import SpecError
    from bayes_rootc.learning.learners import available
    from bayes_rootc.spec.load import load_learning
    from bayes_rootc.spec.locate import find_model

    path = find_model(name, only="learning")
    spec = load_learning(path)
    try:
        available(spec.learners, spec.plugins)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    return spec


def _jobs(args: argparse.Namespace) -> int:
    from bayes_rootc.errors import SpecError

    if args.jobs is not None and args.jobs < 1:
        raise SpecError(f"--jobs {args.jobs}: must be 1 or more")
    return int(args.jobs or os.cpu_count() or 1)


def _print_scores(scores: pd.DataFrame, source: str) -> None:
    mark = " (SIMULATED)" if source == "simulated" else ""
    shown = scores[[name for name in SHOWN if name in scores]]
    _say(f"\nOut-of-fold scores on the scale of the learners{mark}")
    _say(shown.to_string(index=False, float_format="{:.3f}".format))


def _say(text: str) -> None:
    print(text, flush=True)

"""The verb ``crossval``: predict held-out places from the others, and score it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from bayes_rootc.inference.crossval import CrossValidation

HELP = "predict held-out places and score it, beside two baselines"
EPILOG = """examples:
  crossval                                the turnover model on what data there are
  crossval models/turnover.toml --data FOLDER --output FOLDER
  crossval --simulated 300 --folds 3      a world of known truth

Held out are places (all profiles at one coordinate, to 0.01 degree); every place is predicted
once, from the places of the other folds. CRPS and widths are in ‰,
lower is better; the log score is per ‰, higher is better; coverage should be what its interval
promises. The baselines: `cells`, the values of the same biome and depth layer; `forest`, a random
forest on the same covariates. Files: scores.csv, heldout.csv, crossval.json."""

SHOWN = ("crps", "mae", "log_score", "width_90", "coverage_50", "coverage_90", "coverage_95")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", nargs="?", default="turnover", help="model file or its name")
    parser.add_argument("--data", type=Path, metavar="PATH", help="data folder or table")
    parser.add_argument(
        "--format", metavar="NAME", help="format of the table; recognised if absent"
    )
    parser.add_argument(
        "--simulated", type=int, metavar="N", help="simulate about N layers instead"
    )
    parser.add_argument("--world-seed", type=int, default=1, metavar="S", help="seed of that world")
    parser.add_argument(
        "--folds", type=int, default=5, metavar="K", help="number of folds; default 5"
    )
    parser.add_argument(
        "--seed", type=int, help="seed of folds and draws; the model file's if absent"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/crossval"),
        metavar="FOLDER",
        help="where the files go; default runs/crossval",
    )


def run(args: argparse.Namespace) -> int:
    """Validate, write, print; returns the exit code."""
    from bayes_rootc.data.source import find_source
    from bayes_rootc.inference.crossval import cross_validate
    from bayes_rootc.spec.load import load_turnover
    from bayes_rootc.spec.locate import find_model

    spec = load_turnover(find_model(args.model))
    source = find_source(
        spec, args.data, format=args.format, simulated=args.simulated, world_seed=args.world_seed
    )
    _say(source.text)
    _check_folder(args.output)
    result = cross_validate(
        spec,
        source.inputs.tables["layers"],
        source.inputs.folder,
        n_folds=args.folds,
        seed=spec.sampler.seed if args.seed is None else args.seed,
        say=_say,
    )
    _write(result, args.output)
    mark = " (SIMULATED)" if source.inputs.source == "simulated" else ""
    _say(
        f"\nHeld-out places (all profiles at one coordinate){mark}: averages over layers; CRPS, "
        "error and width in ‰"
    )
    _say(_table(result.scores))
    _say(f"\n{_in_words(result.scores)}\nfiles: {args.output}")
    return 0


def _check_folder(folder: Path) -> None:
    """Fail before the work rather than after it."""
    from bayes_rootc.files import write_text

    probe = folder / ".probe"
    write_text(probe, "")
    probe.unlink()


def _write(result: CrossValidation, folder: Path) -> None:
    from bayes_rootc.files import replacing, write_text

    for name, table in (("scores", result.scores), ("heldout", result.heldout)):
        with replacing(folder / f"{name}.csv") as beside:
            table.to_csv(beside, index=False)
    write_text(
        folder / "crossval.json", json.dumps(result.info, indent=1, ensure_ascii=False) + "\n"
    )


def _table(scores: pd.DataFrame) -> str:
    formats = {
        **dict.fromkeys(("crps", "mae", "width_90"), "{:.1f}".format),
        "log_score": "{:.3f}".format,
        **{name: "{:.1%}".format for name in SHOWN if name.startswith("coverage")},
    }
    shown = scores[["method", "fold", "n_layers", "n_profiles", "n_places", *SHOWN]]
    return str(shown.to_string(index=False, formatters=formats, na_rep="-"))


def _in_words(scores: pd.DataFrame) -> str:
    over_all = scores[scores["fold"] == "all"].set_index("method")
    lines = [
        f"{method}: CRPS {row['crps']:.1f} ± {row['crps_se']:.1f} ‰, 90 % intervals cover "
        f"{row['coverage_90']:.1%} ± {row['coverage_90_se']:.1%}"
        for method, row in over_all.iterrows()
    ]
    return "\n".join([*lines, "(± one standard error that counts places, not layers)"])


def _say(text: str) -> None:
    print(text, flush=True)

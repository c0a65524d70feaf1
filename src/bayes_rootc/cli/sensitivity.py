"""The verb ``sensitivity``: fit a stored run again under other settings of the atmosphere."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "fit a stored run again with another initial state and other lags, and compare"
EPILOG = """examples:
  sensitivity runs/joint             three more fits, kept in runs/joint/settings
  report runs/joint                  then shows the comparison

The initial state of the pool (constant or calibrated) and the lag between photosynthesis and soil
(0, 5, 10 years) are changed one at a time. A comparison that was stopped goes on where it stopped.
Sensitivity to priors and likelihood (power scaling) needs no new fit: it is in every report."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a joint run")
    parser.add_argument("--cores", type=int, help="chains at a time; all processors if absent")


def run(args: argparse.Namespace) -> int:
    """Fit, write, print; returns the exit code."""
    from bayes_rootc.inference.sensitivity import compare_settings

    table = compare_settings(args.run, cores=args.cores, say=_say)
    shown = table.drop(columns=[name for name in table if "_q" in str(name)])
    _say("\nMean over sites by biome, 0-200 cm (Mg C ha-1 yr-1; posterior median)")
    _say(shown.to_string(index=False, float_format="{:.3f}".format))
    _say(f"\nfile: {args.run / 'settings.csv'}")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)

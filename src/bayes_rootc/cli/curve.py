"""The verb ``curve``: Δ14C of a pool of known turnover time over the months."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bayes_rootc.cli.pool_arguments import (
    add_atmosphere_arguments,
    chosen_zone,
    number,
    received_by_pool,
)

HELP = "Δ14C of a pool of known turnover time, by month"
EPILOG = """examples:
  curve --turnover 100 --zone NHZone2 --start 1950 --stop 2019
  curve --turnover 25 --lat -33 --initial calibrated --output pool.csv --plot pool.png

Years are decimal: 1950 is the beginning of 1950, 1950.5 its middle. The atmosphere after its
last published month is extended by its trend, to the end of 2026."""

EARLIEST = -53050.0
"""Where IntCal20 and SHCal20 begin, 55,000 years before 1950."""

MONTHS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the pool, the atmosphere, the time span, and where to write."""
    parser.add_argument(
        "--turnover", type=number, required=True, metavar="YEARS", help="turnover time, years"
    )
    add_atmosphere_arguments(parser)
    parser.add_argument(
        "--start", type=number, default=1950.0, metavar="YEAR", help="first time; default 1950"
    )
    parser.add_argument(
        "--stop", type=number, default=2019.0, metavar="YEAR", help="last time; default 2019"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.csv", help="write there, not to the screen"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw pool and atmosphere")


def run(args: argparse.Namespace) -> int:
    """Print or write the curve; returns the exit code."""
    import numpy as np

    from bayes_rootc.errors import AtmosphereError
    from bayes_rootc.files import write_text
    from bayes_rootc.radiocarbon.atmosphere import load_atmosphere
    from bayes_rootc.radiocarbon.one_pool import pool_delta14c
    from bayes_rootc.units import k_from_turnover

    if args.start < EARLIEST or args.stop < args.start:
        raise AtmosphereError(
            f"--start {args.start:g} --stop {args.stop:g} is wrong; "
            f"the start must be {EARLIEST:g} or later, the stop not before the start"
        )
    received = received_by_pool(args)
    atmosphere = load_atmosphere(
        chosen_zone(args),
        received.folder,
        received.initial,
        received.prebomb_delta14c,
        received.lag,
    )
    k = k_from_turnover(args.turnover)
    # The last month counts although 1/12 has no exact binary form.
    months = int(np.floor((args.stop - args.start) * MONTHS + 1e-6))
    times = args.start + np.arange(months + 1) / MONTHS
    delta14c = pool_delta14c(k, atmosphere, times)[0]
    rows = [
        f"{year:.4f},{value:.4f}\n"
        for year, value in zip(times.tolist(), delta14c.tolist(), strict=True)
    ]
    if args.plot is not None:
        from bayes_rootc.report.sample_plots import draw_curves, write_png

        write_png(args.plot, lambda: draw_curves(times, {args.turnover: delta14c}, atmosphere))
    rows.insert(0, "year,delta14c\n")
    if args.output is None:
        # Line by line: one long write to a closed pipe may end short without an error.
        sys.stdout.writelines(rows)
    else:
        write_text(args.output, "".join(rows))
        print(f"{args.output}: {len(rows) - 1} months, atmosphere: {atmosphere.source}")
    return 0

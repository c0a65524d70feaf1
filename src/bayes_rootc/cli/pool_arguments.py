"""Arguments that ``turnover`` and ``curve`` share: the atmosphere that a pool sees."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_rootc.radiocarbon.table import Input

LAG_MAX = 100.0
PREBOMB_MAX = 100.0


def number(text: str) -> float:
    """Read a finite number, for ``type=`` of an argument."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def add_atmosphere_arguments(parser: argparse.ArgumentParser) -> None:
    """Add place, initial state, lag and data folder."""
    parser.add_argument("--lat", type=number, metavar="DEG", help="latitude, degrees north")
    parser.add_argument(
        "--zone", help="atmospheric zone, instead of the one that the latitude gives"
    )
    parser.add_argument(
        "--initial",
        default="constant",
        metavar="STATE",
        help="atmosphere before 1950: constant, or calibrated (IntCal20/SHCal20); default constant",
    )
    parser.add_argument(
        "--prebomb",
        type=number,
        default=0.0,
        metavar="PERMIL",
        help="Δ14C of the constant atmosphere before 1950, ‰; default 0",
    )
    parser.add_argument(
        "--lag",
        type=number,
        default=0.0,
        metavar="YEARS",
        help="years between photosynthesis and entry into the soil; default 0",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="data folder with the monthly curves; default BAYES_ROOTC_DATA, else packaged tables",
    )


def chosen_zone(args: argparse.Namespace) -> str:
    """Zone that the user named, or that of the latitude."""
    from bayes_rootc.errors import AtmosphereError
    from bayes_rootc.radiocarbon.atmosphere import ZONES, zone_of_latitude

    if args.zone is not None:
        return str(args.zone)
    if args.lat is None:
        raise AtmosphereError(f"give --lat, or --zone (one of {', '.join(ZONES)})")
    return str(zone_of_latitude(args.lat))


def received_by_pool(args: argparse.Namespace) -> Input:
    """Atmosphere settings as the physics takes them."""
    from bayes_rootc.data.locate import locate_data
    from bayes_rootc.errors import AtmosphereError
    from bayes_rootc.radiocarbon.table import Input

    if not 0 <= args.lag <= LAG_MAX:
        raise AtmosphereError(f"--lag {args.lag:g} is wrong; it must lie between 0 and 100 years")
    if not -PREBOMB_MAX <= args.prebomb <= PREBOMB_MAX:
        raise AtmosphereError(
            f"--prebomb {args.prebomb:g} is wrong; it must lie between -100 and 100 ‰"
        )
    location = locate_data(args.data)
    return Input(location.folder if location else None, args.initial, args.prebomb, args.lag)

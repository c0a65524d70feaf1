"""The verb ``turnover``: every solution for the turnover time of one sample."""

from __future__ import annotations

import argparse
import json
import math
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_rootc.cli.pool_arguments import (
    add_atmosphere_arguments,
    chosen_zone,
    number,
    received_by_pool,
)

if TYPE_CHECKING:
    from bayes_rootc.radiocarbon.atmosphere import Atmosphere
    from bayes_rootc.radiocarbon.sample import SampleTurnover
    from bayes_rootc.radiocarbon.structures import Mixture

HELP = "turnover time of one sample from its Δ14C"
EPILOG = """examples:
  turnover --delta14c -150 --year 2000 --lat 45
  turnover --delta14c 100 --year 2000 --lat 45 --sd 3 --plot two_solutions.png
  turnover --delta14c 40 --year 2010 --zone SHZone12 --initial calibrated --json
  turnover --delta14c 40 --year 2010 --lat 45 --structure gamma --shape 1.5 --mean-age

After the bomb peak the same Δ14C can come from a fast and from a slow pool; every solution is
listed with its share of the posterior (flat prior on ln k, k from 1e-6 to 2 per year). A fit of
many layers borrows strength from profiles and biomes; this looks at one sample alone."""

WORDS = {0: "no solution fits", 1: "one solution fits", 2: "two solutions fit"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sample, the atmosphere, and what to print."""
    parser.add_argument(
        "--delta14c", type=number, required=True, metavar="PERMIL", help="Δ14C of the soil, ‰"
    )
    parser.add_argument(
        "--year",
        type=number,
        required=True,
        help="year of sampling; a whole year means its middle",
    )
    add_atmosphere_arguments(parser)
    parser.add_argument(
        "--sd",
        type=number,
        metavar="PERMIL",
        help="measurement error, ‰; default 6, never taken below 3; a model error of 8 is added",
    )
    parser.add_argument(
        "--level", type=number, default=0.95, help="mass of the intervals; default 0.95"
    )
    parser.add_argument(
        "--structure", default="one_pool", metavar="NAME",
        help="decay rates within the layer: one_pool (default), gamma, lognormal, two_pool",
    )  # fmt: skip
    parser.add_argument(
        "--shape", type=number, metavar="X",
        help="shape a (gamma), sd of ln k (lognormal), or ratio of the rates (two_pool)",
    )  # fmt: skip
    parser.add_argument(
        "--fraction", type=number, metavar="F", help="two_pool: share of the stock in the fast pool"
    )
    parser.add_argument(
        "--mean-age", action="store_true", help="give the mean age of the stored carbon too"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the posterior")


def run(args: argparse.Namespace) -> int:
    """Print the solutions; returns the exit code."""
    from bayes_rootc.radiocarbon.atmosphere import load_atmosphere
    from bayes_rootc.radiocarbon.sample import sample_turnover

    received = received_by_pool(args)
    answer = sample_turnover(
        args.delta14c,
        args.year,
        zone=chosen_zone(args),
        sd=args.sd,
        level=args.level,
        mixture=_mixture(args),
        received=received,
    )
    ages = _mean_ages(answer) if args.mean_age else []
    atmosphere = load_atmosphere(
        answer.zone, received.folder, received.initial, received.prebomb_delta14c, received.lag
    )
    if args.plot is not None:
        from bayes_rootc.report.sample_plots import draw_turnover, write_png

        write_png(args.plot, lambda: draw_turnover(answer))
    if args.json:
        content = _as_dict(answer, args, atmosphere)
        for mode, age in zip(content["modes"], ages, strict=False):
            mode["mean_age_years"] = age
        print(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print(_as_text(answer, atmosphere, ages))
    return 0


def _mixture(args: argparse.Namespace) -> Mixture:
    from bayes_rootc.data.mixture import mixture_of
    from bayes_rootc.spec.load import parse_structure

    section = {"name": args.structure, "shape": args.shape, "fraction": args.fraction}
    return mixture_of(parse_structure(section, "--structure"))


def _mean_ages(answer: SampleTurnover) -> list[float]:
    """Mean age of the stored carbon under each solution; SpecError where there is none."""
    return [answer.mixture.mean_stock_age(1.0 / mode["turnover_years"]) for mode in answer.modes]


def _as_dict(
    answer: SampleTurnover, args: argparse.Namespace, atmosphere: Atmosphere
) -> dict[str, Any]:
    return {
        "modes": [dict(mode) for mode in answer.modes],
        "structure": answer.mixture.name,
        "shape": _or_none(answer.mixture.shape),
        "fraction": _or_none(answer.mixture.fraction),
        "delta14c": answer.delta14c,
        "sd": answer.sd,
        "year": answer.year,
        "zone": answer.zone,
        "initial": answer.initial,
        "prebomb_delta14c": args.prebomb,
        "lag": args.lag,
        "level": answer.level,
        "atmosphere_source": atmosphere.source,
        "reachable": list(answer.reachable),
        "is_reachable": answer.is_reachable,
        "extrapolated": answer.year > atmosphere.extrapolated_from,
    }


def _as_text(answer: SampleTurnover, atmosphere: Atmosphere, ages: list[float]) -> str:
    number_of_modes = len(answer.modes)
    found = WORDS.get(number_of_modes, f"{number_of_modes} solutions fit")
    lines = [
        f"Δ14C {answer.delta14c:g} ± {answer.sd:g} ‰, sampled {answer.year:g}, {answer.zone}, "
        f"{answer.initial} atmosphere before 1950; {answer.mixture.text}",
        f"{found}:" if number_of_modes else found,
        "",
        f"{'turnover (years)':>16}  {f'{answer.level * 100:g} % interval':>22}  {'share':>6}"
        + (f"  {'mean age (years)':>16}" if ages else ""),
    ]
    for mode, age in zip_longest(answer.modes, ages):
        span = f"{years(mode['lower'])} to {years(mode['upper'])}"
        line = f"{years(mode['turnover_years']):>16}  {span:>22}  {mode['mass']:>6.1%}"
        lines.append(line + (f"  {years(age):>16}" if ages else ""))
    lines.append("")
    slowest, fastest = 1.0 / answer.turnover_grid[[0, -1]]
    range_of_k = f"{slowest:.1g} to {fastest:.1g} yr⁻¹"
    if not answer.is_reachable:
        low, high = answer.reachable
        lines.append(
            f"Pools with k of {range_of_k} have {low:.0f} to {high:.0f} ‰ then and there: check "
            "the sign, the unit and the year."
        )
    if number_of_modes > 1:
        lines.append("Δ14C alone cannot tell them apart: faster and slower pools have it then.")
    if any(mode["bounded_by_range"] for mode in answer.modes):
        lines.append(
            "A solution runs to the end of the range of k: the data give a bound, not a value."
        )
    elif any(mode["reaches_range"] for mode in answer.modes):
        lines.append(f"An interval ends where the range of k does ({range_of_k}): it may go on.")
    if answer.year > atmosphere.extrapolated_from:
        lines.append(
            f"The atmosphere after {atmosphere.extrapolated_from:.1f} is extrapolated by its trend."
        )
    lines.append(f"atmosphere: {atmosphere.source}")
    return "\n".join(lines)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def years(value: float) -> str:
    """Write years with three figures that mean something: 2.63, 86.4, 1,560."""
    if value < 10:
        return f"{value:.2f}"
    if value < 100:
        return f"{value:.1f}"
    return f"{float(f'{value:.3g}'):,.0f}"

"""Run benchmarks: ``python -m benchmarks.run [NAME] [--json]``; without a name, list them."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bayes_rootc.files import write_text
from bayes_rootc.version import __version__

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Benchmark:
    """A module with ``run(say) -> dict``, what it measures, and how long it takes."""

    module: str
    text: str
    takes: str


BENCHMARKS = {
    "startup": Benchmark("benchmarks.startup", "`--help` and `import bayes_rootc`", "10 s"),
    "kernel": Benchmark(
        "benchmarks.kernel", "likelihood with gradient: fused kernel, plain PyTensor", "1 min"
    ),
    "forest": Benchmark(
        "benchmarks.forest",
        "mean and spread over trees: flat forest, scikit-learn's trees",
        "4 min",
    ),
    "map_coverage": Benchmark(
        "benchmarks.map_coverage", "intervals of both engines on blocks of 5° held out", "15 min"
    ),
    "map_scale": Benchmark(
        "benchmarks.map_scale", "memory and rate at 0.05°; maps killed and resumed", "15 min"
    ),
    "order_statistics": Benchmark(
        "benchmarks.order_statistics",
        "quantile(exp(X @ B)) of a million cells: single precision, naive",
        "3 min",
    ),
    "posterior_maps": Benchmark(
        "benchmarks.posterior_maps",
        "maps of the posterior engine: as they are made, naive",
        "4 min",
    ),
    "structure_controls": Benchmark(
        "benchmarks.structure_controls",
        "elpd of structures on other depth bases, and without one laboratory",
        "10 min",
    ),
    "tau": Benchmark(
        "benchmarks.tau", "tau of one forest in stands, the study's 500 forests", "20 min"
    ),
    "turnover_sampling": Benchmark(
        "benchmarks.turnover_sampling",
        "effective draws a second: quadrature, textbook's latent model",
        "10-25 min",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """List the benchmarks, or run one (or ``all``) and keep its result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*BENCHMARKS, "all"], help="what to run")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    args = parser.parse_args(argv)
    if args.name is None:
        print(_list())
        return 0
    for name in BENCHMARKS if args.name == "all" else [args.name]:
        _run(name, as_json=args.json)
    return 0


def _run(name: str, *, as_json: bool) -> None:
    result = importlib.import_module(BENCHMARKS[name].module).run(_say)
    certificate = {
        "benchmark": name,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_text(RESULTS / f"{name}.json", json.dumps({**certificate, **result}, indent=1) + "\n")
    if as_json:
        print(json.dumps(result), flush=True)


def _list() -> str:
    rows = [("name", "measures", "takes"), *((n, b.text, b.takes) for n, b in BENCHMARKS.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows]
    return "\n".join([*lines, "", "python -m benchmarks.run NAME [--json]; `all` runs every one"])


def _say(text: Any) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

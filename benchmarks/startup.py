"""How long a user waits before anything happens: ``--help``, and importing the package."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.common import machine

RUNS = 7
COMMANDS = {
    "python": ["-c", "pass"],
    "help": ["-m", "bayes_rootc", "--help"],
    "import": ["-c", "import bayes_rootc"],
}


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Take the median wall time of each command, a process of its own each time."""
    before = machine()
    result: dict[str, Any] = {}
    for name, words in COMMANDS.items():
        seconds = [_seconds(words) for _ in range(RUNS)]
        result[f"{name}_seconds"] = median(seconds)
        say(
            f"python {' '.join(words):<24} median of {RUNS}: {median(seconds):.3f} s "
            f"({min(seconds):.3f} to {max(seconds):.3f})"
        )
    return {**result, "machine": before}


def _seconds(words: list[str]) -> float:
    clock = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - clock

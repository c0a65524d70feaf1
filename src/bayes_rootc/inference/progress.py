"""Live progress of the sampler: one line that renews itself, or a line now and then in a log."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

LOG_EVERY_SECONDS = 10.0

KNOWN_SHARE = 0.05
"""Share of the draws from which on the time left is told: the first ones are slow."""


class Progress:
    """Callback for nutpie that prints draws, divergences and the time left.

    Parameters
    ----------
    stream : file, optional
        Standard error by default; a terminal gets one renewed line.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._start: float | None = None
        self._last = 0.0
        self._width = 0

    def __call__(self, chains: list[Any]) -> None:
        """Print the state of all chains; runs in a thread of the sampler."""
        now = time.monotonic()
        if self._start is None:  # the clock of "time left" runs from the first draw
            self._start = now
        if not self._live and now - self._last < LOG_EVERY_SECONDS:
            return
        self._last = now
        text = self._text(chains, now)
        if self._live:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the renewed line; sampling may begin again."""
        if self._live and self._width:
            self._stream.write("\n")
            self._stream.flush()
        self._start, self._last, self._width = None, 0.0, 0

    def _text(self, chains: list[Any], now: float) -> str:
        done = sum(chain.finished_draws for chain in chains)
        total = sum(chain.total_draws for chain in chains)
        divergences = sum(chain.divergences for chain in chains)
        tuning = sum(bool(chain.started and chain.tuning) for chain in chains)
        left = (now - (self._start or now)) * (total - done) / done if done else float("nan")
        state = f", {tuning} of {len(chains)} chains tuning" if tuning else ""
        remaining = f", about {left:.0f} s left" if done > KNOWN_SHARE * total else ""
        return f"sampling: {done}/{total} draws, {divergences} divergences{state}{remaining}"

"""Colours of maps: what a quantity is called, and where its scale ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

UNIT = "Mg C ha⁻¹ yr⁻¹"
BELOW = "#ffffff"


@dataclass(frozen=True)
class Scale:
    """Colours of a quantity: label, logarithmic or not, ends (the data's where None).

    What is below the lower end may have a colour of its own: next to nothing, rather than little.
    ``{level}`` in a label is the part of the draws that the interval holds.
    """

    label: str
    log: bool
    ends: tuple[float, float] | None
    colours: str
    below: str | None = None


FLOW = Scale(UNIT, True, None, "viridis", below=BELOW)
UNCERTAINTY = Scale("half width of the {level} interval / |median|", True, None, "cividis")
P_BELOW = Scale("P(I_loss < 0), 0-200 cm", False, (0.0, 0.5), "cividis")
MISSING = Scale("covariates missing", False, (0.0, 10.0), "cividis")
BEYOND = Scale("components beyond the data", False, (0.0, 5.0), "cividis")
SHARE = Scale("share of I_root that is lost, median", False, None, "viridis")
OUTSIDE = Scale(
    "dissimilarity / largest within the area of applicability", False, (0.0, 2.0), "RdBu_r"
)
SHARE_WIDTH = Scale("half width of the {level} interval of the share", False, (0.0, 2.0), "cividis")


def limits(parts: list[xr.DataArray], kind: Scale) -> Normalize:
    """Ends of the colours: given, or the middle 96 % of the values, rounded outwards.

    A logarithmic scale takes positive values alone; a linear one is of shares, and starts at 0 or
    above: a negative share is as good as none.
    """
    if kind.ends is not None:
        return LogNorm(*kind.ends) if kind.log else Normalize(*kind.ends)
    values = np.concatenate([part.to_numpy().ravel() for part in parts])
    values = values[np.isfinite(values) & ((values > 0.0) | (not kind.log))]
    if not len(values):
        return LogNorm(0.1, 1.0) if kind.log else Normalize(0.0, 1.0)
    low, high = np.quantile(values, [0.02, 0.98])
    if not kind.log:
        first = max(np.floor(10.0 * low), 0.0)
        return Normalize(first / 10.0, max(np.ceil(10.0 * high), first + 1.0) / 10.0)
    # Three decades at most: more would show little but noise in small numbers.
    low = max(low, high / 1000.0)
    return LogNorm(*_outwards(float(low), float(high)))


def _outwards(low: float, high: float) -> tuple[float, float]:
    """Nearest of 1, 2, 5 times a power of ten below and above: each end has its tick."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 2)
    steps = np.sort(np.outer(decades, (1.0, 2.0, 5.0)).ravel())
    below, above = steps[steps <= low], steps[steps >= high]
    return float(below[-1]), float(above[above > below[-1]][0])


def floor(norm: Normalize, kind: Scale) -> float:
    """Logarithms need numbers above 0: what is smaller has the colour of what is too small."""
    return float(norm.vmin or 0.0) / 2.0 if kind.log else -np.inf


def colour_bar(figure: Figure, drawn: Any, axes: list[Axes], kind: Scale, shrink: float) -> None:
    """Draw one bar for the maps that share it, below them."""
    bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=shrink, aspect=35,
                          pad=0.04, extend="both", label=kind.label)  # fmt: skip
    if kind.log:
        bar.ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.xaxis.set_minor_formatter(NullFormatter())
    bar.ax.tick_params(labelsize=7.5)

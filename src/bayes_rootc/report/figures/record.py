"""The shape that every figure has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from bayes_rootc.report.figures.style import Draw


@dataclass(frozen=True)
class FigureRecord:
    """One figure: title, caption for people, the drawing, and the numbers behind it.

    Attributes
    ----------
    title, caption : str
    draw, data : callable
    needs : tuple of str
        Variables (group/name) without which the figure does not apply to a run.
    """

    title: str
    caption: str
    draw: Draw
    data: Callable[[xr.DataTree], pd.DataFrame]
    needs: tuple[str, ...] = ()

"""How figures look: one local style, colours safe for colour-blind readers, plain numbers.

Nothing here touches matplotlib's global options: ``styled`` opens a style for one drawing, and
figures are made with the object interface, without pyplot.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bayes_rootc.layers import MAX_DEPTH_CM

Draw = Callable[[xr.DataTree], Figure]

# Okabe & Ito (2008), without yellow, which vanishes on white paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (6, 2, 1, 2, 1, 2)),
    (0, (10, 3)),
    (0, (2, 1)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#8a8a8a"
PALE = "#d5d5d5"
INK = "#222222"
DPI = 150
NOTEBOOK_DPI = 90
LONGEST_NAME = 40

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "figure.facecolor": "white",
    # Labels may come from data; a dollar sign in a name is not mathematics.
    "text.parse_math": False,
}


@contextlib.contextmanager
def _our_style(more: dict[str, Any] | None = None) -> Iterator[None]:
    with style.context(["default", _STYLE | (more or {})]), warnings.catch_warnings():
        # A sign the font lacks is drawn as a box; tables have the name in full.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        yield


def styled[**P](draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function under the report's style, whatever the user's own settings."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _our_style():
            return draw(*args, **kwargs)

    return wrapped


class ShownFigure(Figure):
    """A figure that a notebook shows as the report does, without pyplot."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """Render for Jupyter, which looks for this name before it asks pyplot's backend."""
        return {"image/png": to_small_png(self, NOTEBOOK_DPI), "text/plain": repr(self)}


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure (inches) with its own Agg canvas and room for labels."""
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def line_of(n: int) -> dict[str, Any]:
    """Colour and dashes of the n-th series: either alone tells it from the others."""
    return {"color": COLOURS[n % len(COLOURS)], "ls": DASHES[n % len(DASHES)]}


def points_of(n: int) -> dict[str, Any]:
    """Colour and marker of the n-th series: either alone tells it from the others."""
    return {"color": COLOURS[n % len(COLOURS)], "marker": MARKERS[n % len(MARKERS)]}


def panels(
    n: int, *, columns: int, width: float, row_height: float, top: float = 0.6, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make ``n`` panels in rows of ``columns``, with shared axes or not; spare ones are removed."""
    columns = max(1, min(columns, n))
    rows = max(1, math.ceil(n / columns))
    figure = new_figure(width, row_height * rows + top)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    axes = list(grid.ravel())
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def depth_colours() -> tuple[Colormap, Normalize]:
    """Colour map of depth (cm): dark at depth, so that it reads in grey too."""
    return mpl.colormaps["viridis_r"], Normalize(0.0, float(MAX_DEPTH_CM))


def plain_number(value: float, _position: object = None) -> str:
    """Write a tick without powers: 0.5, 10, 10,000."""
    return f"{value:,.0f}" if abs(value) >= 1 else f"{value:g}"


def label_with_unit(name: str, units: str) -> str:
    """Axis label with its unit in brackets; a dimensionless quantity gets a dash."""
    units = units.removesuffix(" 1")  # the logit of a share
    shown = "–" if units == "1" else units.replace("-1", "⁻¹").replace("-3", "⁻³")
    return f"{name} ({shown})"


def short(name: object, longest: int = LONGEST_NAME) -> str:
    """Name of something in the data, on one line and cut where it would fill the figure."""
    text = " ".join(str(name).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def colour_of(value: float, scale: ScalarMappable) -> tuple[float, float, float]:
    """Colour of a value on a scale: red, green, blue from 0 to 1."""
    red, green, blue, _ = scale.to_rgba(np.asarray([value]))[0]
    return float(red), float(green), float(blue)


def ink_on(fill: tuple[float, float, float]) -> str:
    """Colour of a text that reads on a fill (red, green, blue from 0 to 1)."""
    luminance = sum(w * part for w, part in zip((0.3, 0.59, 0.11), fill, strict=True))
    return "white" if luminance < 0.5 else INK


def years_axis(axes: Axes, low: float, high: float) -> None:
    """Make x a logarithmic axis of years with plain numbers."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    decades = math.log10(high / low)
    axes.xaxis.set_major_locator(LogLocator(base=10.0 if decades < 5 else 100.0, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.xaxis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int = 4) -> None:
    """Put one legend under all panels, where it covers nothing."""
    texts = [str(handle.get_label()) for handle in handles]
    figure.legend(handles, texts, loc="outside lower center", ncols=columns)


def to_svg(figure: Figure) -> bytes:
    """Render to SVG, text as text; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with _our_style({"svg.fonttype": "none", "svg.hashsalt": "bayes_rootc"}):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def to_png(figure: Figure, dpi: int | None = None) -> bytes:
    """Render to PNG; the same figure gives the same bytes (no date, no software version)."""
    buffer = io.BytesIO()
    with _our_style():
        figure.set_dpi(dpi or DPI)
        # savefig would draw everything twice.
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def to_small_png(figure: Figure, dpi: int | None = None) -> bytes:
    """Render to PNG of 256 colours, a third of the size: a map has no more."""
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(to_png(figure, dpi))) as picture:
        picture.convert("RGB").quantize(256).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()

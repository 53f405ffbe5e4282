"""How the figures look: a thesis' text column, fonts of 8 to 9 points, colours all can tell apart.

Nothing here is global: a drawing function is :func:`styled`, which sets matplotlib's parameters
for the time of the call and puts the caller's back.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import MaxNLocator
    from numpy.typing import ArrayLike

__all__ = [
    "ACCURACY",
    "BASE",
    "BLACK",
    "BLUE",
    "GREY",
    "LINE_STYLES",
    "MAP",
    "MARKERS",
    "MOST_MARKED",
    "ORANGE",
    "PALETTE",
    "PURPLE",
    "SMALL",
    "VERMILLION",
    "WIDTH",
    "PointIds",
    "add_line",
    "colour_bar",
    "colour_of",
    "colours_of",
    "legend_below",
    "new_canvas",
    "readable_on",
    "round_ticks",
    "styled",
]

P = ParamSpec("P")
R = TypeVar("R")

WIDTH = 6.3  # inches: the text of an A4 page between margins of one inch
SMALL = 7.0  # points: for the numbers in many cells alone
ACCURACY = "val. accuracy (fraction)"

# The palette of Okabe and Ito (2008) without its yellow, which is too light on white; the order
# alternates dark and light, so that neighbours differ in grey too.
BLACK, BLUE, ORANGE, VERMILLION = "#000000", "#0072B2", "#E69F00", "#D55E00"
GREEN, PURPLE, SKY = "#009E73", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
LINE_STYLES = ("-", (0, (4, 1.5)))  # of validation, of training
BASE = BLACK
GREY = "#9A9A9A"

# Light and dark in the order of the values, so that it reads in grey and by the colour-blind.
MAP = "viridis"
STEPS = 48  # of a colour bar

PARAMETERS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # it comes with matplotlib, so it is the same everywhere
    "font.size": 8.0,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.0,
    "svg.fonttype": "path",
    "text.parse_math": False,  # what a user typed is shown as it is, dollar signs too
    "text.usetex": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


def load_matplotlib(cache: Path) -> None:
    """Import it with its list of fonts in ``cache``, where it is not imported yet.

    Else it lies in the user's home, outside the output folder. ``MPLCONFIGDIR``, which matplotlib
    reads once, may say another place.
    """
    # It tells of each list that it makes.
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    if "MPLCONFIGDIR" in os.environ:
        return
    os.environ["MPLCONFIGDIR"] = str(cache.absolute())
    try:
        import matplotlib.font_manager  # noqa: F401
    finally:
        del os.environ["MPLCONFIGDIR"]


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a function under our parameters and matplotlib's defaults, whatever the user's are."""

    @wraps(draw)
    def under_our_parameters(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib as mpl

        defaults = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")}
        with mpl.rc_context({**defaults, **PARAMETERS}):  # type: ignore[dict-item]
            return draw(*args, **kwargs)

    return under_our_parameters


def new_canvas(height: float, *, width: float = WIDTH) -> Canvas:
    """An empty figure, in inches, that keeps its labels from being clipped."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def colour_of(share: float) -> str:
    """The sequential map's colour at 0 to 1, ``#rrggbb``."""
    return colours_of([share])[0]


def colours_of(shares: ArrayLike) -> list[str]:
    """The same of many, shape (n,)."""
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in _map()(np.asarray(shares))]


@cache
def _map() -> Colormap:
    """matplotlib makes a copy for each who asks."""
    import matplotlib as mpl

    return mpl.colormaps[MAP]


def readable_on(colour: str) -> str:
    """Black or white, by the relative luminance of the ground (ITU-R BT.709)."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"


def add_line(axes: Axes, x: ArrayLike, y: ArrayLike, **look: Any) -> None:
    """As ``axes.plot``, but for thousands: it moves no limits, so the caller sets them."""
    from matplotlib.lines import Line2D

    axes.add_artist(Line2D(np.atleast_1d(x), np.atleast_1d(y), **look))


def colour_bar(canvas: Canvas, axes: Axes, ends: tuple[float, float], *, label: str) -> None:
    """The sequential map beside the axes, from the one end to the other."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    # Each step is an element of the SVG; from 50 on matplotlib would make an image of them.
    steps = ListedColormap(colours_of(np.arange(STEPS) / (STEPS - 1)))
    bar = canvas.colorbar(ScalarMappable(Normalize(*ends), steps), ax=axes, pad=0.02, label=label)
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")  # else viewers show the paper between the steps


# So many points, the best ones, can be found again in a figure; an artist for each of thousands
# takes seconds, so the others are drawn together.
MOST_MARKED = 300


class PointIds:
    """The ``id`` in the SVG of what belongs to a point, by its place in ``points(study)`` from 0.

    ``FIGURE--point-RANK``; where a point has several artists (seeds, panels) the further ones are
    ``FIGURE--point-RANK--2`` and so on, since an id stands once in a document.
    """

    def __init__(self, figure: str) -> None:
        self._figure = figure
        self._given = Counter[int]()

    def next(self, rank: int) -> str:
        self._given[rank] += 1
        part = f"--{self._given[rank]}" if self._given[rank] > 1 else ""
        return f"{self._figure}--point-{rank}{part}"


def round_ticks(most: int, *, whole: bool = False) -> MaxNLocator:
    """Ticks at 1, 2 and 5 times powers of ten."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=whole, min_n_ticks=2)


def legend_below(canvas: Canvas, axes: Axes, *, columns: int) -> None:
    """The legend under the whole figure, where it hides nothing; each label once."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(reversed(labels), reversed(handles), strict=True))
    ordered = dict.fromkeys(labels)
    if ordered:
        shown = [once[label] for label in ordered]
        canvas.legend(shown, list(ordered), loc="outside lower center", ncols=columns)

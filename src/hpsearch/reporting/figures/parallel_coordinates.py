"""Each point of the search as a line over its settings, coloured by its accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hpsearch.reporting.analysis.points import Point, point_keys
from hpsearch.reporting.figures.axes import VerticalAxis, key_axis, number_axis
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.style import (
    MOST_MARKED,
    PointIds,
    add_line,
    colours_of,
    new_canvas,
    styled,
)
from hpsearch.reporting.figures.texts import shortened
from hpsearch.tracking.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["MOST_KEYS", "MOST_LINES", "draw_parallel", "parallel_figure"]

NAME = "parallel-coordinates"
MOST_KEYS = 8
MOST_LINES = 1000
ROOMY = 4  # keys; more have less room for their names and levels


def parallel_figure(study: Study, found: Sequence[Point]) -> Figure | None:
    """None where fewer than two points have an accuracy, or nothing varied."""
    able = [n for n, point in enumerate(found) if math.isfinite(point.mean("val/accuracy"))]
    keys = [key for key in point_keys(study) if len({found[n].cells[key] for n in able}) > 1]
    if len(able) < 2 or not keys:
        return None
    ranks = _evenly(able)
    shown = [found[rank] for rank in ranks]
    accuracies = np.array([point.mean("val/accuracy") for point in shown])
    longest = 12 if len(keys) <= ROOMY else 7
    axes = [key_axis(shown, key, longest=longest) for key in keys[:MOST_KEYS]]
    axes.append(number_axis("val. accuracy", accuracies))
    return rendered(
        draw_parallel(axes, ranks=ranks),
        name=NAME,
        title="Settings and their accuracy",
        caption=_caption(axes, len(shown), len(able), left_out=keys[MOST_KEYS:]),
    )


def _evenly(ranks: Sequence[int]) -> list[int]:
    """The best and, where there are too many, others at equal distances of rank."""
    at = np.linspace(0, len(ranks) - 1, min(len(ranks), MOST_LINES)).round().astype(int)
    return [ranks[n] for n in at]


def _caption(axes: Sequence[VerticalAxis], shown: int, of: int, *, left_out: Sequence[str]) -> str:
    logarithmic = ", ".join(axis.label for axis in axes if axis.scale == "log")
    which = f"{shown:,}" if shown == of else f"{shown:,} of {of:,}, evenly by rank, of the"
    parts = [
        f"Each line is one of {which} points of the search; its colour, and the last axis, is its "
        "mean validation accuracy (as a fraction). Lines through one level are spread around it, "
        "the best on top.",
        f"Logarithmic: {logarithmic}." if logarithmic else "",
        f"Not shown: {', '.join(left_out)}." if left_out else "",
    ]
    return " ".join(part for part in parts if part)


@styled
def draw_parallel(axes: Sequence[VerticalAxis], *, ranks: Sequence[int]) -> Canvas:
    """The last axis gives the colours; points are drawn from the worst to the best."""
    from hpsearch.reporting.figures.marks import Mark, add_marks

    canvas = new_canvas(3.4 if len(axes) <= ROOMY + 1 else 4.2)
    plane, ids = canvas.subplots(), PointIds(NAME)
    shares = axes[-1].places
    opaque = min(0.9, max(0.25, 40.0 / len(ranks)))
    width = 1.4 if len(ranks) <= 50 else 0.7
    heights = np.array([axis.places for axis in axes])  # (axes, points)
    colours = colours_of(shares)
    marked = min(len(ranks), MOST_MARKED)
    _unmarked(plane, heights[:, marked:], colours[marked:], alpha=opaque, linewidth=width)
    across = np.arange(len(axes))
    marks = [
        Mark(ids.next(ranks[n]), np.column_stack([across, heights[:, n]]), colours[n])
        for n in range(1, marked)
    ]
    add_marks(plane, reversed(marks), alpha=opaque, linewidth=width, zorder=2)
    best = {"color": colours[0], "linewidth": 2.2, "gid": ids.next(ranks[0])}
    add_line(plane, across, heights[:, 0], **best)
    for place, axis in enumerate(axes):
        _axis(plane, axis, place, last=place == len(axes) - 1)
    _head(plane, axes)
    return canvas


def _unmarked(
    plane: Axes, heights: npt.NDArray[np.float64], colours: Sequence[str], **look: float
) -> None:
    """Lines of many points as one artist, the worst first; ``heights`` is (axes, points)."""
    from matplotlib.collections import LineCollection

    lines = [np.column_stack([np.arange(len(heights)), line]) for line in heights.T[::-1]]
    if lines:
        drawn = LineCollection(lines, colors=list(colours[::-1]), **look)
        plane.add_collection(drawn, autolim=False)


def _axis(plane: Axes, axis: VerticalAxis, place: int, *, last: bool) -> None:
    low, high = min(0.0, float(axis.places.min())), max(1.0, float(axis.places.max()))
    plane.vlines(place, low, high, color="black", linewidth=0.8, zorder=3)
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    for height, text in axis.ticks:
        # Beside the last axis are the colours, and beside them there is room.
        left, offset, side = (0.0, 17, "left") if last else (-0.02, -4, "right")
        plane.plot([place + left, place], [height, height], color="black", lw=0.8, zorder=3)
        plane.annotate(text, (place, height), (offset, 0), textcoords="offset points", ha=side,
                       va="center", bbox=ground, zorder=4)  # fmt: skip
    if last:
        _colours(plane, place, width=0.015 * place)


def _colours(plane: Axes, place: int, *, width: float) -> None:
    """The map beside the last axis."""
    from matplotlib.patches import Rectangle

    for n, colour in enumerate(colours_of(np.arange(64) / 63)):
        corner = place + width / 2, n / 64
        plane.add_patch(
            Rectangle(corner, width, 1 / 64, facecolor=colour, edgecolor=colour, lw=0.3)
        )


def _head(plane: Axes, axes: Sequence[VerticalAxis]) -> None:
    steep = len(axes) > ROOMY + 1
    labels = [shortened(axis.label, 24) for axis in axes]
    plane.set_xticks(range(len(axes)), labels, rotation=30 if steep else 0)
    plane.xaxis.tick_top()
    for label in plane.get_xticklabels():
        label.set_horizontalalignment("left" if steep else "center")
    plane.tick_params(length=0)
    plane.set_yticks([])
    plane.spines[:].set_visible(False)
    lowest = min(float(axis.places.min()) for axis in axes)
    plane.set(xlim=(-0.3, len(axes) - 0.85), ylim=(min(-0.06, lowest - 0.02), 1.06))

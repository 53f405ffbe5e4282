"""When each trial ran, and how many ran at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpsearch.reporting.analysis.points import Point
from hpsearch.reporting.figures.bars import Bar, bars_of
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.lanes import Cut, Scale, cuts, lanes, shifted
from hpsearch.reporting.figures.style import (
    BLACK,
    BLUE,
    GREY,
    MOST_MARKED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    PointIds,
    legend_below,
    new_canvas,
    styled,
)
from hpsearch.tracking.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["draw_time_line", "time_line_figure"]

NAME = "time-line"
UNITS = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0), ("seconds", 1.0))
# State → colour and hatch; the hatch tells them apart in grey.
LOOKS = {
    "finished": (BLUE, ""),
    "pruned": (ORANGE, "////"),
    "failed": (VERMILLION, "xxxx"),
    "killed": (PURPLE, "...."),
    "running": (SKY, "----"),
}
HEIGHT = 0.8  # of a bar
GAP = 0.015  # of the width, in the place of idle time
LABEL = 0.12  # of the width


def time_line_figure(study: Study, found: Sequence[Point]) -> Figure | None:
    """None where no trial has begun."""
    bars = bars_of(study, found)
    if not bars:
        return None
    without = cuts([(bar.start, bar.end) for bar in bars])
    return rendered(
        draw_time_line(bars),
        name=NAME,
        title="When each trial ran",
        caption=_caption(bars, without),
    )


def _caption(bars: Sequence[Bar], without: Sequence[Cut]) -> str:
    text = (
        f"{len(bars):,} trials over the wall time since the first began, a bar each. Those that "
        "ran at once lie in different slots; slots are reconstructed from the times."
    )
    if any(bar.rank == 0 for bar in bars):
        text += " Black frame: the best point."
    if without:
        idle = sum(cut.long for cut in without)
        text += f" Cut out, at the dashed lines: {_duration(idle)} in which nothing ran."
    if any(bar.state == "running" for bar in bars):
        text += " Running trials are drawn to the last known moment."
    return text


@styled
def draw_time_line(bars: Sequence[Bar]) -> Canvas:
    """Lanes from above; the unit follows from the length."""
    from hpsearch.reporting.figures.marks import Mark, add_marks

    spans = [(bar.start, bar.end) for bar in bars]
    without, rows = cuts(spans), lanes(spans)
    worked = max(shifted(end, without) for _, end in spans)
    unit, size = _unit(worked)
    scale = Scale(without, gap=GAP * worked, unit=size)
    canvas = new_canvas(min(6.0, 1.3 + 0.3 * (max(rows) + 1)))
    axes, ids = canvas.subplots(), PointIds(NAME)
    edge = 0.15 if len(bars) > 150 else 0.6
    others: dict[str, list[tuple[Bar, int]]] = {}
    marks: list[Mark] = []
    for bar, row in zip(bars, rows, strict=True):
        some = others.setdefault(bar.state, [])  # if only for the legend
        if bar.rank == 0:
            _best(axes, bar, row, scale=scale, gid=ids.next(0))
        elif bar.rank is None or bar.rank >= MOST_MARKED:
            some.append((bar, row))
        else:
            # One answered from the store took no time, and would be all edge.
            around = "white" if bar.end > bar.start else BLUE
            marks.append(Mark(ids.next(bar.rank), _corners(bar, row, scale), around))
    add_marks(axes, marks, face=BLUE, linewidth=edge, zorder=2)
    for state in sorted(others, key=lambda state: state != "finished"):
        _others(axes, state, others[state], scale=scale, edge=edge)
    _finish(axes, scale, max(end for _, end in spans), slots=max(rows) + 1)
    said = ", idle time cut out" if without else ""
    axes.set_xlabel(f"wall time since the first start{said} ({unit})")
    legend_below(canvas, axes, columns=len(LOOKS))
    return canvas


def _best(axes: Axes, bar: Bar, row: int, *, scale: Scale, gid: str) -> None:
    """Of the best point, in a frame."""
    from matplotlib.patches import Rectangle

    corner, width = _corner(bar, row, scale)
    drawn = Rectangle(corner, width, HEIGHT, facecolor=BLUE, gid=gid)
    drawn.set(edgecolor=BLACK, linewidth=1.2, zorder=3, in_layout=False)
    axes.add_patch(drawn)


def _others(
    axes: Axes, state: str, bars: Sequence[tuple[Bar, int]], *, scale: Scale, edge: float
) -> None:
    """Those of one state that belong to no point, or to one of too many, together."""
    from matplotlib.collections import PolyCollection

    colour, hatch = LOOKS.get(state, (GREY, ""))
    corners = [_corners(bar, row, scale) for bar, row in bars]
    drawn = PolyCollection(corners, facecolor=colour, edgecolor="white", linewidth=edge, zorder=2)
    drawn.set(hatch=hatch, label=state, in_layout=False)
    axes.add_collection(drawn, autolim=False)


def _corner(bar: Bar, row: int, scale: Scale) -> tuple[tuple[float, float], float]:
    """The upper left one, and the width."""
    left = scale.place(bar.start)
    return (left, row - HEIGHT / 2), scale.place(bar.end) - left


def _corners(bar: Bar, row: int, scale: Scale) -> list[tuple[float, float]]:
    (left, low), width = _corner(bar, row, scale)
    right, high = left + width, low + HEIGHT
    return [(left, low), (right, low), (right, high), (left, high), (left, low)]


def _finish(axes: Axes, scale: Scale, end: float, *, slots: int) -> None:
    last = scale.place(end) or 1.0
    axes.set(xlim=(-0.01 * last, 1.01 * last), ylim=(slots - 0.4, -0.6), ylabel="slot")
    at, texts = scale.ticks(end)
    axes.set_xticks(at, texts)
    every = -(-slots // 16)
    axes.set_yticks(range(0, slots, every), [str(n + 1) for n in range(0, slots, every)])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    labelled = -1.0
    for cut in scale.without:
        place = scale.place(cut.at) + 0.5 * scale.gap / scale.unit
        axes.axvline(place, color=BLACK, linewidth=0.9, linestyle=(0, (3, 2)), zorder=4)
        if place - labelled > LABEL * last:
            labelled = place
            across = axes.get_xaxis_transform()
            axes.annotate(f"+{_duration(cut.long)}", (place, 1.0), (0, 2), ha="center", va="bottom",
                          xycoords=across, textcoords="offset points")  # fmt: skip


def _unit(seconds: float) -> tuple[str, float]:
    """The largest unit of which there are at least two."""
    return next((unit for unit in UNITS if seconds >= 2 * unit[1]), UNITS[-1])


def _duration(seconds: float) -> str:
    unit, size = _unit(seconds)
    return f"{seconds / size:.3g} {unit}"

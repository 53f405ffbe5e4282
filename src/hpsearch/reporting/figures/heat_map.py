"""Mean accuracy over two keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from hpsearch.reporting.analysis.effects import MOST_LEVELS, variance_shares
from hpsearch.reporting.analysis.points import Point, point_keys
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.levels import levels
from hpsearch.reporting.figures.style import (
    SMALL,
    PointIds,
    colour_bar,
    colour_of,
    new_canvas,
    readable_on,
    styled,
)
from hpsearch.reporting.figures.texts import distinct, shortened, value_text
from hpsearch.tracking.names import canonical
from hpsearch.tracking.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["Cell", "draw_heat_map", "heat_map_figure"]

NAME = "heat-map"
LEAST_FILLED = 0.5  # of the cells; a drawn number fills one half beside a key of two levels
ACROSS = 66  # characters that fit below the cells


@dataclass(frozen=True)
class Cell:
    """What lies where two levels meet: a mean accuracy, and the ranks of the points in it."""

    mean: float
    ranks: Sequence[int]


def heat_map_figure(study: Study, found: Sequence[Point]) -> Figure | None:
    """None where no two keys have from 2 to :data:`MOST_LEVELS` levels that mostly meet."""
    keys = _keys(study, found)
    if len(keys) < 2:
        return None
    across, down = sorted(keys, key=lambda key: -len(levels(found, key)))
    sides = levels(found, across), levels(found, down)
    cells = {
        (sides[0][right], sides[1][low]): _cell(found, {across: right, down: low})
        for right, low in product(*sides)
    }
    return rendered(
        draw_heat_map(cells, across=across, down=down),
        name=NAME,
        title=f"Accuracy over {across} and {down}",
        caption=_caption(list(cells.values()), across, down),
    )


def _keys(study: Study, found: Sequence[Point]) -> list[str]:
    """The two that explain most of the variance; without a full grid, with most levels."""
    sizes = {key: len(levels(found, key)) for key in point_keys(study)}
    able = [key for key, size in sizes.items() if 2 <= size <= MOST_LEVELS]
    shares = variance_shares(study)
    ordered = [of[0] for of in shares if len(of) == 1] or sorted(able, key=lambda k: -sizes[k])
    pairs = combinations([key for key in ordered if key in able], 2)
    return next((list(pair) for pair in pairs if _share_filled(found, pair) > LEAST_FILLED), [])


def _share_filled(found: Sequence[Point], pair: tuple[str, str]) -> float:
    """Of the cells in which the two keys' levels meet."""
    there = {tuple(canonical(point.cells[key]) for key in pair) for point in found}
    return len(there) / math.prod(len(levels(found, key)) for key in pair)


def _cell(found: Sequence[Point], asked: dict[str, str]) -> Cell:
    ranks = [
        rank
        for rank, point in enumerate(found)
        if all(canonical(point.cells[key]) == level for key, level in asked.items())
    ]
    means = [found[rank].mean("val/accuracy") for rank in ranks]
    known = [mean for mean in means if math.isfinite(mean)]
    return Cell(float(np.mean(known)) if known else math.nan, ranks)


def _caption(cells: Sequence[Cell], across: str, down: str) -> str:
    counts = [len(cell.ranks) for cell in cells if math.isfinite(cell.mean)]
    few, many = min(counts), max(counts)
    of = f"{few}" if few == many else f"{few} to {many}"
    points = "point" if few == many == 1 else "points"
    text = (
        f"Mean validation accuracy (as a fraction) for each {across} and {down}, over all other "
        f"keys and seeds: {of} {points} a cell."
    )
    return f"{text} Hatched: no finished trial." if len(counts) < len(cells) else text


@styled
def draw_heat_map(cells: dict[tuple[str, str], Cell], *, across: str, down: str) -> Canvas:
    """One rectangle a cell with its number; ``cells`` by (level across, level down), in order."""
    sides = [list(dict.fromkeys(pair[n] for pair in cells)) for n in (0, 1)]
    known = [cell.mean for cell in cells.values() if math.isfinite(cell.mean)]
    canvas = new_canvas(1.1 + 0.34 * len(sides[1]))
    axes = canvas.subplots()
    for (right, low), cell in cells.items():
        place = sides[0].index(right), sides[1].index(low)
        _draw_cell(axes, cell, place, known, size=8.0 if len(sides[0]) < 10 else SMALL)
    axes.set(xlim=(-0.5, len(sides[0]) - 0.5), ylim=(len(sides[1]) - 0.5, -0.5))
    written = [value_text(x) for x in sides[0]]
    steep = max(map(len, written)) > ACROSS // len(written)
    axes.set_xticks(range(len(written)), distinct(written, 16))
    if steep:
        axes.tick_params(axis="x", rotation=30)
        for label in axes.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")
    axes.set_yticks(range(len(sides[1])), distinct([value_text(x) for x in sides[1]], 24))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel=shortened(across, 60), ylabel=shortened(down, 30))
    if max(known) > min(known):  # one colour says nothing
        colour_bar(canvas, axes, (min(known), max(known)), label="mean val. accuracy")
    return canvas


def _draw_cell(
    axes: Axes, cell: Cell, place: tuple[int, int], known: Sequence[float], *, size: float
) -> None:
    from matplotlib.patches import Rectangle

    corner = place[0] - 0.5, place[1] - 0.5
    if not math.isfinite(cell.mean):
        axes.add_patch(
            Rectangle(corner, 1, 1, facecolor="white", edgecolor="#AAAAAA", hatch="////", lw=0)
        )
        return
    low, high = min(known), max(known)
    colour = colour_of((cell.mean - low) / (high - low) if high > low else 0.5)
    drawn = Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", lw=0.8)
    if len(cell.ranks) == 1:
        drawn.set_gid(PointIds(NAME).next(cell.ranks[0]))
    axes.add_patch(drawn)
    digits = 3 if high - low >= 0.005 or high == low else 4
    text, ink = f"{cell.mean:.{digits}f}", readable_on(colour)
    axes.text(*place, text, ha="center", va="center", color=ink, fontsize=size)

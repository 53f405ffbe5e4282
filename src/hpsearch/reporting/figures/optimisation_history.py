"""What the search found, trial by trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.reporting.analysis.points import Point
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.style import (
    ACCURACY,
    BLACK,
    BLUE,
    MOST_MARKED,
    ORANGE,
    VERMILLION,
    PointIds,
    add_line,
    legend_below,
    new_canvas,
    round_ticks,
    styled,
)
from hpsearch.tracking.study import Study, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["Outcome", "draw_history", "history_figure"]

NAME = "optimisation-history"


@dataclass(frozen=True)
class Outcome:
    """What became of a trial: its status, its accuracy (a pruned one's last; NaN where it has
    none), and the place of its point, where it has finished."""

    status: str
    accuracy: float
    rank: int | None = None


def history_figure(study: Study, found: Sequence[Point]) -> Figure | None:
    """None where no trial that ended has an accuracy."""
    outcomes = _outcomes(study, found)
    if not any(math.isfinite(each.accuracy) for each in outcomes):
        return None
    pruned = sum(each.status == "PRUNED" for each in outcomes)
    text = (
        f"Validation accuracy (as a fraction) of {len(outcomes):,} trials in the order of their "
        "end; each seed is a trial. The line is the best of the finished ones so far."
    )
    if pruned:
        text += f" Crosses: the {pruned:,} pruned ones, at their last evaluation."
    if any(not math.isfinite(each.accuracy) for each in outcomes):
        text += " Ticks on the axis: trials without an accuracy, failed or killed."
    title = "What the search found, trial by trial"
    return rendered(draw_history(outcomes), name=NAME, title=title, caption=text)


def _outcomes(study: Study, found: Sequence[Point]) -> list[Outcome]:
    """Of all trials that ended, oldest end first."""
    runs = study.runs[study.runs["end"].notna() & (study.runs["status"] != "RUNNING")]
    runs = runs.sort_values(["end", "start"], kind="stable")
    last = runs.get("metrics.val/accuracy", figure(runs, "val/accuracy")).astype(float)
    values = figure(runs, "val/accuracy").where(runs["status"] != "PRUNED", last)
    values = values.where(runs["status"].isin(["FINISHED", "PRUNED"]))
    ranks = {row: rank for rank, point in enumerate(found) for row in point.rows}
    return [
        Outcome(status, value, ranks.get(row))
        for row, status, value in zip(runs.index, runs["status"], values.tolist(), strict=True)
    ]


@styled
def draw_history(outcomes: Sequence[Outcome]) -> Canvas:
    """Trials are numbered from 1."""
    from hpsearch.reporting.figures.marks import Mark, add_marks

    canvas = new_canvas(3.1)
    axes, ids = canvas.subplots(), PointIds(NAME)
    size = 4.5 if len(outcomes) <= 200 else 2.5
    look: dict[str, Any] = {"marker": "o", "color": BLUE, "markersize": size, "ls": ""}
    many: dict[int, float] = {}
    marks: list[Mark] = []
    for number, each in _finished(outcomes).items():
        if each.rank is None or each.rank >= MOST_MARKED:
            many[number] = each.accuracy
        else:
            marks.append(Mark(ids.next(each.rank), [(number, each.accuracy)], BLUE))
    add_marks(axes, marks, sign=("o", size), zorder=2)
    if many or marks:  # if only for the legend
        add_line(axes, list(many), list(many.values()), label="finished", **look)
    _unfinished(axes, outcomes, size=size)
    _best_so_far(axes, outcomes)
    _limit(axes, [each.accuracy for each in outcomes if math.isfinite(each.accuracy)])
    axes.grid(axis="y")
    axes.set(xlabel="trial, in the order of the end", ylabel=ACCURACY)
    margin = 0.5 + 0.01 * len(outcomes)
    axes.set_xlim(1 - margin, len(outcomes) + margin)
    axes.xaxis.set_major_locator(round_ticks(9, whole=True))
    legend_below(canvas, axes, columns=4)
    return canvas


def _finished(outcomes: Sequence[Outcome]) -> dict[int, Outcome]:
    """By the number of the trial, from 1."""
    return {
        number: each
        for number, each in enumerate(outcomes, start=1)
        if each.status == "FINISHED" and math.isfinite(each.accuracy)
    }


def _unfinished(axes: Axes, outcomes: Sequence[Outcome], *, size: float) -> None:
    """Crosses at the last value of pruned trials, ticks on the axis for those without any."""
    known = {n: each for n, each in enumerate(outcomes, start=1) if math.isfinite(each.accuracy)}
    pruned = {n: each.accuracy for n, each in known.items() if each.status == "PRUNED"}
    if pruned:
        cross: dict[str, Any] = {
            "marker": "x",
            "color": ORANGE,
            "markersize": size + 1.0,
            "mew": size / 3.0,
        }
        label = "pruned, at its last evaluation"
        add_line(axes, list(pruned), list(pruned.values()), ls="", label=label, **cross)
    lost = sorted(set(range(1, len(outcomes) + 1)) - known.keys())
    if lost:
        tick: dict[str, Any] = {
            "marker": "|",
            "color": VERMILLION,
            "markersize": 9.0,
            "clip_on": False,
        }
        there = axes.get_xaxis_transform()
        label = "no accuracy"
        add_line(axes, lost, np.zeros(len(lost)), ls="", label=label, transform=there, **tick)


def _limit(axes: Axes, values: Sequence[float]) -> None:
    margin = 0.05 * (max(values) - min(values)) or 0.01
    axes.set_ylim(min(values) - margin, max(values) + margin)


def _best_so_far(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    values = [each.accuracy if each.status == "FINISHED" else math.nan for each in outcomes]
    if np.isnan(values).all():
        return
    best = np.fmax.accumulate(np.array(values))
    numbers = np.arange(1, len(outcomes) + 1)
    axes.step(
        numbers, best, where="post", color=BLACK, linewidth=1.0, label="best so far", zorder=1
    )

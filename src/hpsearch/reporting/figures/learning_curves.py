"""Loss and accuracy over the epochs, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.reporting.figures.style import (
    ACCURACY,
    BASE,
    GREY,
    LINE_STYLES,
    MARKERS,
    PALETTE,
    PointIds,
    add_line,
    new_canvas,
    round_ticks,
    styled,
)
from hpsearch.reporting.figures.trainings import Series, Training, common

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["NAME", "Group", "draw_learning"]

NAME = "learning-curves"
MOST_MARKED = 15  # evaluations; of more, every so many has a marker
LOSSES = ("val/loss", "train/loss")


@dataclass(frozen=True)
class Group:
    """The trainings of one point, a seed each.

    ``label`` is for the legend, empty where the curve is one of many in grey; ``rank`` is the
    point's place, None for a pruned trial; ``best`` the index of the best evaluation of the mean.
    """

    label: str
    seeds: Sequence[Training]
    rank: int | None = None
    is_base: bool = False
    pruned: bool = False
    best: int | None = None


@styled
def draw_learning(groups: Sequence[Group]) -> Canvas:
    """Losses at the left, accuracy at the right; those with a label in colour."""
    shown = [group for group in groups if group.label]
    canvas = new_canvas(2.9 + 0.17 * max(len(shown), len(_signs(groups))))
    losses, accuracies = canvas.subplots(1, 2)
    ids = PointIds(NAME)
    alpha = min(0.7, max(0.25, 20.0 / len(groups)))
    grey = [group for group in groups if not group.label]
    for axes, metric in ((losses, "val/loss"), (accuracies, "val/accuracy")):
        _in_grey(axes, grey, metric, ids, alpha=alpha)
    looks = _looks(shown)
    for group, look in zip(reversed(shown), reversed(looks), strict=True):
        _in_colour(losses, group, "train/loss", ids, {**look, "linestyle": LINE_STYLES[1]})
        _in_colour(losses, group, "val/loss", ids, look)
        _in_colour(accuracies, group, "val/accuracy", ids, look)
    losses.set(xlabel="epoch", ylabel="loss (nats)")
    accuracies.set(xlabel="epoch", ylabel=ACCURACY)
    for axes, metrics in ((losses, LOSSES), (accuracies, ("val/accuracy",))):
        axes.grid()
        axes.xaxis.set_major_locator(round_ticks(7, whole=_longest(groups) >= 2))
        axes.set_xlim(left=0.0, right=1.03 * _longest(groups))
        _limit(axes, groups, metrics)
    _legend(canvas, groups, looks)
    return canvas


def _looks(shown: Sequence[Group]) -> list[dict[str, Any]]:
    """The base is black; the others have a colour and a marker of their own."""
    free = iter(zip(PALETTE, MARKERS, strict=True))
    base = {"color": BASE, "marker": "*", "markersize": 5.5}
    looks = []
    for group in shown:
        colour, marker = (BASE, "*") if group.is_base else next(free)
        looks.append(base if group.is_base else {"color": colour, "marker": marker})
    return looks


def _in_grey(
    axes: Axes, groups: Sequence[Group], metric: str, ids: PointIds, *, alpha: float
) -> None:
    """Behind the others; where a pruned trial was stopped there is a cross."""
    from hpsearch.reporting.figures.marks import Mark, add_marks

    look: dict[str, Any] = {"alpha": alpha, "zorder": 1, "linewidth": 0.5}
    marks = []
    for group in groups:
        curve = common(group.seeds, metric)
        if group.rank is not None:
            places = np.column_stack([curve.epochs, curve.mean])
            marks.append(Mark(ids.next(group.rank), places, GREY))
            continue
        cross: dict[str, Any] = {"markevery": [len(curve.epochs) - 1]} if group.pruned else {}
        cross |= {"marker": "x", "markersize": 4} if group.pruned else {}
        add_line(axes, curve.epochs, curve.mean, color=GREY, **cross, **look)
    add_marks(axes, marks, **look)


def _in_colour(axes: Axes, group: Group, metric: str, ids: PointIds, look: dict[str, Any]) -> None:
    """The mean, for validation with its band and its best; then what single seeds did on."""
    curve = common(group.seeds, metric)
    every = -(-len(curve.epochs) // MOST_MARKED)
    gid = None if group.rank is None else ids.next(group.rank)
    axes.plot(curve.epochs, curve.mean, markevery=every, gid=gid, **look)
    if metric == "train/loss":
        return
    if len(group.seeds) > 1:
        colour = look["color"]
        axes.fill_between(curve.epochs, curve.low, curve.high, color=colour, alpha=0.13, lw=0)
    if group.best is not None and group.best < len(curve.epochs):
        at = curve.epochs[group.best], curve.mean[group.best]
        axes.plot(*at, "o", color=look["color"], markerfacecolor="none", markersize=9, zorder=4)


def _limit(axes: Axes, groups: Sequence[Group], metrics: Sequence[str]) -> None:
    """All in colour is seen; of the grey ones, one that diverged would press all others flat."""
    coloured: list[Series] = []
    grey: list[Series] = []
    for group in groups:
        for metric in metrics if group.label else metrics[:1]:
            curve = common(group.seeds, metric)
            has_band = group.label and metric == metrics[0]
            band = [curve.low, curve.high] if has_band else []
            (coloured if group.label else grey).extend([curve.mean, *band])
    seen, rest = _finite(coloured), _finite(grey)
    if not len(seen):
        return
    low, high = float(seen.min()), float(seen.max())
    span = (high - low) or 0.02
    low = max(low - span / 2, min([low, *rest]))
    high = min(high + span / 2, max([high, *rest]))
    axes.set_ylim(low - 0.05 * span, high + 0.05 * span)


def _longest(groups: Sequence[Group]) -> float:
    return max(float(seed.epochs[-1]) for group in groups for seed in group.seeds)


def _finite(series: Sequence[Series]) -> Series:
    values: Series = np.concatenate([np.array([]), *series])
    return values[np.isfinite(values)]


def _legend(canvas: Canvas, groups: Sequence[Group], looks: Sequence[dict[str, Any]]) -> None:
    """At the left the points, at the right what the signs mean."""
    from matplotlib.lines import Line2D

    shown = [group for group in groups if group.label]
    handles = [
        Line2D([], [], label=group.label, **look) for group, look in zip(shown, looks, strict=True)
    ]
    signs = _signs(groups)
    # A legend fills its columns from above, so the shorter one gets empty lines.
    blank: dict[str, Any] = {"ls": "", "label": " "}
    handles += [Line2D([], [], **blank) for _ in range(len(signs) - len(handles))]
    handles += [Line2D([], [], **{"color": "#444444", **sign}) for sign in signs]
    canvas.legend(handles=handles, loc="outside lower center", ncols=2)


def _signs(groups: Sequence[Group]) -> list[dict[str, Any]]:
    signs: list[dict[str, Any]] = [
        {"label": "validation", "ls": LINE_STYLES[0]},
        {"label": "training", "ls": LINE_STYLES[1]},
        {"label": "best epoch", "ls": "", "marker": "o", "mfc": "none", "ms": 8},
    ]
    if any(not group.label and not group.pruned for group in groups):
        signs.append({"label": "another point", "color": GREY, "lw": 0.8})
    if any(group.pruned for group in groups):
        signs.append({"label": "pruned", "color": GREY, "lw": 0.8, "marker": "x", "ms": 4})
    return signs

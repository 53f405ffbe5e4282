"""Which classes the winner takes for which."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hpsearch.reporting.analysis.differences import FINGERPRINT
from hpsearch.reporting.analysis.points import Point
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.style import (
    MAP,
    SMALL,
    colour_bar,
    colour_of,
    new_canvas,
    readable_on,
    styled,
)
from hpsearch.reporting.figures.texts import distinct
from hpsearch.tracking import names
from hpsearch.tracking.study import Study
from hpsearch.trials import TrialStore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["MOST_NUMBERED", "confusion_figure", "draw_confusion", "validation_confusion"]

NAME = "confusion-matrix"
MOST_NUMBERED = 10  # classes; numbers of more do not fit into a text column
MOST_NAMED = 40
MOST_CLASSES = 100  # of more not even a colour is seen

Counts = npt.NDArray[np.int64]


def confusion_figure(
    study: Study,
    found: Sequence[Point],
    *,
    root: Path,
    test: Sequence[Sequence[int]] | None,
    classes: Sequence[str],
) -> Figure | None:
    """None where neither test figures are given nor the winner's predictions are kept, and of more
    than :data:`MOST_CLASSES` classes."""
    counts = validation_confusion(found, root) if test is None else np.array(test)
    if counts is None or not 1 < len(counts) <= MOST_CLASSES:
        return None
    split = "validation" if test is None else "test"
    return rendered(
        draw_confusion(counts, classes=_named(study, classes, len(counts))),
        name=NAME,
        title=f"Confusion matrix of the winner on the {split} split",
        caption=_caption(counts, split),
    )


def _caption(counts: Counts, split: str) -> str:
    right, total = int(np.trace(counts)), int(counts.sum())
    text = (
        f"The winner on {total:,} {split} examples, {right:,} of them right. A row is a true "
        "class, a column a predicted one; the colour is the share of the row."
    )
    if split == "validation":
        text += " The winner was chosen by these examples."
    if len(counts) <= MOST_NUMBERED:
        text += " In a cell: number of examples, and per cent of the row."
    return text


def validation_confusion(found: Sequence[Point], root: Path) -> Counts | None:
    """Shape (classes, classes), rows true; of the best trial, from its folder below ``root``."""
    name = found[0].fingerprints[0] if found else ""
    folder = TrialStore(root).look(name)
    judged = folder.judged() if FINGERPRINT.fullmatch(name) else None
    if judged is None:
        return None
    labels, probabilities = judged[1], folder.probabilities()
    size = probabilities.shape[1]
    pairs = labels * size + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def _named(study: Study, classes: Sequence[str], size: int) -> list[str]:
    """As given, else as the study says, else numbers."""
    written = study.tags.get(names.CLASSES) or study.base.get("data.classes") or "null"
    for known in (list(classes), _parsed(written)):
        if len(known) == size:
            return known
    return [str(n) for n in range(size)]


def _parsed(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [str(name) for name in found] if isinstance(found, list) else []


@styled
def draw_confusion(counts: Counts, *, classes: Sequence[str]) -> Canvas:
    """``counts`` has shape (classes, classes), rows true."""
    size = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, counts / np.maximum(totals, 1), math.nan)
    side = min(5.0, max(2.2, 0.55 * size + 1.0))
    canvas = new_canvas(side + 0.6, width=side + 1.6)
    axes = canvas.subplots()
    middles = np.arange(size)
    look: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.8 if size <= 20 else 0.1}
    axes.pcolormesh(middles, middles, shares, cmap=MAP, vmin=0.0, vmax=1.0, **look)
    if size <= MOST_NUMBERED:
        for row, column in np.ndindex(size, size):
            _number(axes, (column, row), int(counts[row, column]), float(shares[row, column]))
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    _name_sides(axes, classes)
    colour_bar(canvas, axes, (0.0, 1.0), label="share of the true class")
    return canvas


def _number(axes: Axes, place: tuple[int, int], count: int, share: float) -> None:
    text = f"{count:,}\n{100 * share:.1f} %" if math.isfinite(share) else "0"
    ink = readable_on(colour_of(share)) if math.isfinite(share) else "black"
    axes.text(*place, text, ha="center", va="center", color=ink, fontsize=SMALL + 0.5)


def _name_sides(axes: Axes, classes: Sequence[str]) -> None:
    labels = distinct(classes, 16)
    every = -(-len(labels) // MOST_NAMED)
    at = range(0, len(labels), every)
    axes.set_xticks(at, labels[::every])
    axes.set_yticks(at, labels[::every])
    if sum(map(len, labels)) > 30:
        axes.tick_params(axis="x", rotation=90)
    axes.tick_params(length=0, labelsize=8.0 if len(labels) <= 20 else 6.0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class")

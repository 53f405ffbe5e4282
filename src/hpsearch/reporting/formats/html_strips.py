"""Figures and their intervals as lines below the figures, all of a column on one scale.

A forest plot within the table (Lewis and Clarke, "Forest plots", BMJ 2001): whether two rows'
intervals overlap is seen at a glance, whatever the order of the rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import pandas as pd

from hpsearch.reporting.analysis.tables import ENDS, FIGURES, INTERVAL

__all__ = ["strips"]

ACCURACY = next(iter(FIGURES))
DIFFERENCE = f"Δ {ACCURACY}"
NUMBER = r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
SPAN = re.compile(rf"({NUMBER}) to ({NUMBER})")
MARGIN = 3.0  # per cent of the cell's width that stay free on both sides

Interval = tuple[float, float, float]  # low, figure, high


def strips(frame: pd.DataFrame) -> dict[int, list[str]]:
    """Number of a column → of each cell, what its style sheet needs; empty without an interval.

    Drawn are the accuracies that have an interval, on the scale from the lowest end to the
    highest, and the intervals of differences, on a scale that contains zero: the line that tells
    whether an interval says anything.
    """
    columns = {n: frame.iloc[:, n].tolist() for n in range(frame.shape[1])}
    places = {str(name): n for n, name in enumerate(frame.columns)}
    found = {}
    if {ACCURACY, *ENDS} <= set(places):
        shown = (columns[places[name]] for name in (ENDS[0], ACCURACY, ENDS[1]))
        found[places[ACCURACY]] = _styles(list(zip(*map(_numbers, shown), strict=True)))
    if DIFFERENCE in places:
        figures = _numbers(columns[places[DIFFERENCE]])
        for name, n in places.items():
            if name.startswith(INTERVAL) and name not in ENDS:
                spans = [_ends(cell) for cell in columns[n]]
                both = zip(spans, figures, strict=True)
                found[n] = _styles([(low, x, high) for (low, high), x in both], zero=True)
    return {n: styles for n, styles in found.items() if any(styles)}


def _numbers(cells: Sequence[object]) -> list[float]:
    """NaN for a text that is none."""
    texts = [str(cell) for cell in cells]
    return [float(text) if re.fullmatch(NUMBER, text) else math.nan for text in texts]


def _ends(cell: object) -> tuple[float, float]:
    found = SPAN.fullmatch(str(cell))
    return (float(found[1]), float(found[2])) if found else (math.nan, math.nan)


def _styles(intervals: Sequence[Interval], *, zero: bool = False) -> list[str]:
    origin = {"z": 0.0} if zero else {}
    known = [*(x for each in intervals for x in each if math.isfinite(x)), *origin.values()]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if not high > low:
        return [""] * len(intervals)
    marks = [dict(zip("lah", each, strict=True)) | origin for each in intervals]
    return [_style(each, low, high) for each in marks]


def _style(marks: Mapping[str, float], low: float, high: float) -> str:
    """Where the ends, the figure and zero lie in the cell; empty where one is unknown."""
    if not all(map(math.isfinite, marks.values())):
        return ""
    width = (100 - 2 * MARGIN) / (high - low)
    return ";".join(f"--{key}:{MARGIN + width * (x - low):.1f}%" for key, x in marks.items())

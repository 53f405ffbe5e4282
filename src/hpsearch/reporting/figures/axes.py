"""The vertical axes of parallel coordinates: where each value lies between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.reporting.analysis.effects import MOST_LEVELS
from hpsearch.reporting.analysis.points import ABSENT, Point
from hpsearch.reporting.figures.levels import levels
from hpsearch.reporting.figures.style import round_ticks
from hpsearch.reporting.figures.texts import distinct, is_number, number, value_text

__all__ = ["ABSENT_PLACE", "LOG_FROM", "VerticalAxis", "key_axis", "number_axis"]

# Logarithmic is what is positive, spans this factor, and lies mostly in its lower quarter: numbers
# drawn evenly from 0.0 to 0.5 span as much by chance.
LOG_FROM = 20.0
ABSENT_PLACE = -0.1  # below the numbers
MOST_TICKS = 12
LONGEST = 12  # characters of a level

Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VerticalAxis:
    """One axis: ``places`` has shape (points,), ``ticks`` are places and their texts."""

    label: str
    places: Places
    ticks: Sequence[tuple[float, str]]
    scale: str  # "levels", "linear" or "log"


def key_axis(found: Sequence[Point], key: str, *, longest: int = LONGEST) -> VerticalAxis:
    """Texts, and few numbers that recur, are levels at equal distances; others are on a scale."""
    known = levels(found, key)
    numbers = [number(level) for level in known if level != ABSENT]
    recur = len(known) <= 3 or 2 * len(known) <= len(found)
    if (len(known) <= MOST_LEVELS and recur) or not all(map(np.isfinite, numbers)):
        return _level_axis(found, key, longest=longest)
    texts = [point.cells[key] for point in found]
    values = np.array([number(text) if is_number(text) else np.nan for text in texts])
    axis = number_axis(key, values)
    if ABSENT not in known:
        return axis
    ticks = [*axis.ticks, (ABSENT_PLACE, ABSENT)]
    places = np.where(np.isnan(axis.places), ABSENT_PLACE, axis.places)
    return VerticalAxis(key, places, ticks, axis.scale)


def number_axis(label: str, values: Places) -> VerticalAxis:
    """A linear scale, or a logarithmic one where the values span decades."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    middle = float(np.nanmedian(values))
    by_log = low > 0.0 and high / low >= LOG_FROM and middle < high / 4.0
    bend = np.log10 if by_log else np.asarray
    begin, end = (float(bend(x)) for x in (low, high))
    span = end - begin
    if span == 0.0:
        begin, span = begin - 0.5, 1.0
    marks = [x for x in _marks(low, high, by_log=by_log) if low <= x <= high] or [low]
    texts = [f"{x:g}" for x in marks] if by_log else _alike(marks)
    ticks = [((float(bend(x)) - begin) / span, text) for x, text in zip(marks, texts, strict=True)]
    places = (bend(values) - begin) / span
    return VerticalAxis(label, places, ticks, "log" if by_log else "linear")


def _marks(low: float, high: float, *, by_log: bool) -> list[float]:
    if not by_log:
        return [float(x) for x in round_ticks(6).tick_values(low, high)]
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    within = (1, 2, 5) if len(exponents) < 5 else (1,)
    return [float(f"{digit}e{exponent}") for exponent in exponents for digit in within]


def _alike(marks: Sequence[float]) -> list[str]:
    """With as many decimals as the longest needs."""
    short = [f"{x:.6g}" for x in marks]
    if any("e" in text for text in short):
        return short
    decimals = max(len(text.partition(".")[2]) for text in short)
    return [f"{x:.{decimals}f}" for x in marks]


def _level_axis(found: Sequence[Point], key: str, *, longest: int) -> VerticalAxis:
    """Points of one level are spread around it, best on top, so that each can be followed."""
    from hpsearch.tracking.names import canonical

    known = levels(found, key)
    step = 1.0 / max(1, len(known) - 1)
    at = [list(known).index(canonical(point.cells[key])) for point in found]
    places = np.array(at, dtype=float) * step if len(known) > 1 else np.full(len(at), 0.5)
    for level in range(len(known)):
        mine = np.flatnonzero(np.array(at) == level)
        half = min(0.04, 0.3 * step) * (len(mine) > 1)
        places[mine] += np.linspace(half, -half, len(mine))
    labels = distinct([value_text(text) for text in known.values()], longest)
    every = -(-len(labels) // MOST_TICKS)
    middle = [n * step if len(known) > 1 else 0.5 for n in range(len(known))]
    ticks = list(zip(middle, labels, strict=True))[::every]
    return VerticalAxis(key, places, ticks, "levels")

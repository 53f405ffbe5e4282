"""Where the bars of a time line lie: lanes one below the other, and idle time cut out."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hpsearch.reporting.figures.style import round_ticks

__all__ = ["IDLE_SHARE", "Cut", "Scale", "cuts", "lanes", "shifted"]

Span = tuple[float, float]  # seconds

IDLE_SHARE = 0.1  # of the time in which something ran


class Cut(NamedTuple):
    """Idle time that is not drawn: it began ``at`` and was ``long``, in seconds."""

    at: float
    long: float


def lanes(spans: Sequence[Span]) -> list[int]:
    """A lane from 0 for each: the first that is free at its begin (greedy interval partitioning).

    Taken by their begins this needs as many lanes as ever ran at once (Kleinberg and Tardos 2005,
    section 4.1).
    """
    given = [0] * len(spans)
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    for n in sorted(range(len(spans)), key=lambda n: spans[n]):
        begin, end = spans[n]
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        given[n] = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, given[n]))
    return given


def cuts(spans: Sequence[Span]) -> list[Cut]:
    """The times in which nothing ran that are long beside those in which something did."""
    gaps: list[Cut] = []
    last, worked = min(spans)[0], 0.0
    for begin, end in sorted(spans):
        if begin > last:
            gaps.append(Cut(last, begin - last))
        worked += max(0.0, end - max(begin, last))
        last = max(last, end)
    return [gap for gap in gaps if gap.long > IDLE_SHARE * worked]


def shifted(moment: float, without: Sequence[Cut]) -> float:
    """The moment on a scale without the cuts."""
    return moment - sum(cut.long for cut in without if cut.at < moment)


@dataclass(frozen=True)
class Scale:
    """Seconds → places on the axis, in units; in the place of each cut is a ``gap`` of seconds."""

    without: Sequence[Cut]
    gap: float
    unit: float

    def place(self, moment: float) -> float:
        gaps = self.gap * sum(cut.at < moment for cut in self.without)
        return (shifted(moment, self.without) + gaps) / self.unit

    def ticks(self, end: float) -> tuple[list[float], list[str]]:
        """Places and texts: units without the cuts and without the gaps."""
        last = shifted(end, self.without) / self.unit
        marks = [float(x) for x in round_ticks(9).tick_values(0.0, last) if 0.0 <= x <= last]
        begins = [shifted(cut.at, self.without) / self.unit for cut in self.without]
        gaps = [sum(begin < mark for begin in begins) * self.gap / self.unit for mark in marks]
        return [x + gap for x, gap in zip(marks, gaps, strict=True)], [f"{x:g}" for x in marks]

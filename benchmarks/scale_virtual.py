"""Slots without processes: trials that train in virtual time, under a sweeper in real time.

The clock runs while the sweeper works, jumps to the next end of a trial when it waits, and stands
while a trial reports, which jobs do on other machines.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

__all__ = ["Clock", "Start", "Trainings", "training_seconds"]

Report = Callable[[int, int, float], None]  # trial number, step, value

_SIGMA = 0.5  # of the logarithm: two trials in three lie within a factor of 2.7


def training_seconds(number: int, *, mean: float) -> float:
    """Log-normal with this mean, and the same for the same trial of every variant."""
    drawn = np.random.default_rng([number, 1]).normal(math.log(mean) - _SIGMA**2 / 2, _SIGMA)
    return math.exp(drawn)


class Clock:
    """Seconds since the sweep began."""

    def __init__(self) -> None:
        self._base = time.perf_counter()

    def now(self) -> float:
        return time.perf_counter() - self._base

    def jump(self, to: float) -> None:
        """Nothing happens until then."""
        self._base -= max(0.0, to - self.now())

    @contextmanager
    def standing(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._base += time.perf_counter() - began


class Start(NamedTuple):
    """How long the slot had stood empty before the trial, and how long the trial trains, in s."""

    number: int
    empty: float
    trains: float


@dataclass
class Trainings:
    """What runs, in the order of what happens next: reports, then the end, of each trial."""

    clock: Clock
    slots: int
    mean: float
    reports: int
    report: Report
    starts: list[Start] = field(default_factory=list)
    _events: list[tuple[float, int, int, float]] = field(default_factory=list)
    _free: list[float] = field(default_factory=list)  # since when each empty slot is empty

    def __post_init__(self) -> None:
        self._free = [self.clock.now()] * self.slots

    def start(self, number: int, value: float) -> None:
        """`value` is what the training will end with."""
        began, took = self.clock.now(), training_seconds(number, mean=self.mean)
        self.starts.append(Start(number, began - heapq.heappop(self._free), took))
        for step in range(1, self.reports + 1):
            when = began + took * step / (self.reports + 1)
            heapq.heappush(self._events, (when, number, step, value))
        heapq.heappush(self._events, (began + took, number, 0, value))

    def ended(self) -> Sequence[tuple[int, float]]:
        """The next trial to end, and those that ended while the sweeper was busy."""
        found: list[tuple[int, float]] = []
        while self._events and not (found and self._events[0][0] > self.clock.now()):
            when, number, step, value = heapq.heappop(self._events)
            self.clock.jump(when)
            if step:
                with self.clock.standing():
                    self.report(number, step, value * (1 + 1 / step))
            else:
                heapq.heappush(self._free, when)
                found.append((number, value))
        return found

    def idle(self, first: int, last: int) -> float:
        """The share of slot time that was empty, before the trials of these numbers."""
        chosen = [x for x in self.starts if first <= x.number <= last]
        empty, trains = sum(x.empty for x in chosen), sum(x.trains for x in chosen)
        return empty / (empty + trains) if chosen else math.nan

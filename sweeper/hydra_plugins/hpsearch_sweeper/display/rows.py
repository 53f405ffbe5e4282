"""What the live display knows: a value that each event replaces.

The thread that draws reads it at any time, so it never changes under its hands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["Best", "Progress", "Row"]


@dataclass(frozen=True)
class Row:
    """A trial that runs."""

    number: int
    position: int
    title: str
    began: float
    last: str = ""  # what its job printed last


@dataclass(frozen=True)
class Best:
    """The best finished trial; of several objectives, the newest on the Pareto front."""

    number: int
    title: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Progress:
    """Where the sweep stands."""

    total: int = 0
    finished: int = 0
    slots: int = 1
    began: float = 0.0
    failed: int = 0
    infeasible: int = 0
    pruned: int = 0
    best: Best | None = None
    running: Mapping[int, Row] = field(default_factory=dict)
    measured: tuple[float, ...] = ()  # seconds of the trials that ran and ended here

    def started(self, row: Row) -> Progress:
        return replace(self, running={**self.running, row.number: row})

    def said(self, number: int, line: str) -> Progress:
        """A job printed a line; an empty one says nothing."""
        row = self.running.get(number)
        if row is None or not line.strip():
            return self
        return replace(self, running={**self.running, number: replace(row, last=line.strip())})

    def ended(self, number: int, *, state: str, seconds: float) -> Progress:
        """A retried trial comes again, so it counts neither as finished nor as failed."""
        left = {key: row for key, row in self.running.items() if key != number}
        if state == "retried":
            return replace(self, running=left)
        return replace(
            self,
            running=left,
            finished=self.finished + 1,
            failed=self.failed + (state == "failed"),
            infeasible=self.infeasible + (state == "infeasible"),
            pruned=self.pruned + (state == "pruned"),
            measured=self.measured if state == "reused" else (*self.measured, seconds),
        )

    def bettered(self, best: Best) -> Progress:
        return replace(self, best=best)

    def shown(self, most: int) -> tuple[list[Row], int]:
        """The longest running rows that there is room for, and how many more there are."""
        rows = list(self.running.values())
        return (rows, 0) if len(rows) <= most else (rows[: most - 1], len(rows) - most + 1)

    def seconds_left(self, now: float) -> float | None:
        """An estimate from the trials that ended here; None before there is one."""
        waiting = self.total - self.finished - len(self.running)
        if not self.measured or (waiting <= 0 and not self.running):
            return None
        mean = sum(self.measured) / len(self.measured)
        rest = [max(0.0, mean - (now - row.began)) for row in self.running.values()]
        work = (sum(rest) + mean * max(0, waiting)) / max(1, min(self.slots, self.total))
        return max([work, *rest])

"""What a job reports in its first seconds goes to the study with its end.

To open a study takes a process longer than an epoch of a small model. The sweeper, which has it
open, gets these reports with the outcome, where no pruner has to see them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Report", "collected", "keep", "take"]

Report = tuple[int, float]  # step, value

SECONDS = 2.0  # from the begin of the job

_kept: list[Report] = []
_until = float("-inf")  # where nobody collects them nothing is kept


@contextmanager
def collected() -> Iterator[list[Report]]:
    """In a job's own process, from its begin to its end: what is to be told then."""
    global _until
    _kept.clear()
    _until = time.monotonic() + SECONDS
    try:
        yield _kept
    finally:
        _until = float("-inf")


def keep(step: int, value: float) -> bool:
    """Whether it is early enough to wait for the end; what Optuna would refuse is for it to say."""
    if time.monotonic() >= _until or not isinstance(step, int) or step < 0:
        return False
    if step not in dict(_kept):  # of several at one step the first counts, as in Optuna
        _kept.append((step, float(value)))
    return True


def take() -> list[Report]:
    """What was kept, for whoever tells it sooner."""
    taken = list(_kept)
    _kept.clear()
    return taken

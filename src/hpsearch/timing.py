"""Where a trial's time goes: phases, each counted without those inside it.

    @phase("data")
    def load_splits(...): ...

    with phase("model"): ...

For the main thread alone. Entering and leaving a phase costs a microsecond.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["begin", "phase", "phases"]

_spent: dict[str, float] = {}
_open: list[str] = []
_mark = 0.0
_first = True


def begin() -> None:
    """A trial begins; ``start`` is how old its process is, where it is the first one there."""
    global _first, _mark
    _spent.clear()
    _open[:] = ["other"]
    _mark = time.perf_counter()
    if _first:
        _spent["start"] = _age()
    _first = False


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Count the block, or the function that is decorated with it, as this phase."""
    _charge()
    _open.append(name)
    try:
        yield
    finally:
        _charge()
        _open.pop()


def phases() -> dict[str, float]:
    """Seconds of each phase since :func:`begin`, in the order in which they were entered."""
    _charge()
    return {name: round(seconds, 4) for name, seconds in _spent.items()}


def _charge() -> None:
    """What has passed since the last look, to the phase that was open."""
    global _mark
    now = time.perf_counter()
    if _open:
        _spent[_open[-1]] = _spent.get(_open[-1], 0.0) + now - _mark
    _mark = now


def _age() -> float:
    """Seconds since this process was made, to a hundredth; 0 where the system does not say."""
    try:
        # The name, in brackets, may hold blanks; the start is the 20th field after it.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, AttributeError):
        return 0.0

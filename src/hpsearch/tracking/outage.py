"""What the processes of one output root know together of a store that does not answer.

A mark on the disk says when it was last tried and how long that took. So the forty trials of a
sweep do not each wait for a dead host, and the user reads one warning.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["Outage"]

LONGEST = 300.0  # seconds without a new attempt
SHARE = 10.0  # attempts may take one tenth of the time
FRESH = 600.0  # for so long one warning is enough


class Outage:
    """The mark of one store; none of its methods raises."""

    def __init__(self, folder: Path) -> None:
        self._mark = folder / "away"

    def noted(self, seconds: float) -> bool:
        """Keep that an attempt of so many seconds was in vain; whether that is news."""
        news = self._age() > FRESH
        with suppress(OSError):
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.write_text(json.dumps({"seconds": round(seconds, 3)}))
        return news

    def over(self) -> None:
        with suppress(OSError):
            self._mark.unlink(missing_ok=True)

    def may_try(self, *, every: float) -> bool:
        """Whether the last attempt in vain, of any process, was long enough ago."""
        return self._age() >= min(max(every, SHARE * self._seconds()), LONGEST)

    def _age(self) -> float:
        try:
            age = time.time() - self._mark.stat().st_mtime
        except OSError:
            return float("inf")
        return age if age >= 0 else float("inf")  # the clock was set back

    def _seconds(self) -> float:
        try:
            return float(json.loads(self._mark.read_text())["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

"""What a person sees while a sweep runs, and how."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.display.rows import Progress

__all__ = ["Display", "open_display"]


class Display(Protocol):
    """Told what happens, by one thread."""

    def __enter__(self) -> Display:
        """From here on until the exit it may own the bottom of the terminal."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the terminal as it was, whatever happened."""

    def begin(self, study_name: str, progress: Progress, *, folder: str) -> None:
        """The sweep begins, with what the study holds of earlier ones."""

    def started(self, number: int, *, position: int, title: str) -> None:
        """A trial's job begins."""

    def ended(
        self,
        number: int,
        *,
        state: str,
        text: str,
        seconds: float,
        values: tuple[float, ...] | None,
        best: bool,
    ) -> None:
        """How it ended, in the words of `text`: a state of `jobs.slots`, or reused."""

    def reused(self, number: int, *, position: int, title: str, text: str) -> None:
        """A trial that never started: an equal point has its values, as `text` says."""

    def output(self, number: int, line: str) -> None:
        """A line that the job printed."""

    def note(self, text: str) -> None:
        """What else a person should know; said again and again, it is shown once."""


def open_display(*, live: bool | None = None, slots: int) -> Display:
    """The live table on a terminal that bears it, else lines; `live` forces either."""
    wanted = _terminal_bears_it() if live is None else live
    if wanted and find_spec("rich") is not None:
        from hydra_plugins.hpsearch_sweeper.display import live as live_module

        return live_module.LiveDisplay(slots=slots)
    from hydra_plugins.hpsearch_sweeper.display import lines

    return lines.LineDisplay(slots=slots)


def _terminal_bears_it() -> bool:
    if os.environ.get("CI") or os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return False
    encoding = (sys.stderr.encoding or "").lower().replace("-", "")
    return sys.stderr.isatty() and encoding == "utf8"

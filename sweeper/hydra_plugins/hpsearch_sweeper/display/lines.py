"""Plain lines: for files, batch systems, dumb terminals, and where rich is missing."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.display import texts

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.display.rows import Progress

__all__ = ["LineDisplay"]

log = logging.getLogger(__name__)


class LineDisplay:
    """Logs a line when a trial starts and one when it ends."""

    def __init__(self, *, slots: int) -> None:
        self._slots = slots
        self._total = 0
        self._noted = ""
        self._names: dict[int, str] = {}

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._names.clear()

    def begin(self, study_name: str, progress: Progress, *, folder: str) -> None:
        self._total, self._slots = progress.total, progress.slots
        self._say(texts.study_text(study_name, progress, folder=folder))

    def started(self, number: int, *, position: int, title: str) -> None:
        self._names[number] = texts.name_text(position, self._total, title=title)
        self._say(f"{self._names[number]}  starts as job {number}")

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
        name = self._names.pop(number, f"job {number}")
        self._say(f"{name}  {texts.result_text(state, text, seconds=seconds)}")

    def reused(self, number: int, *, position: int, title: str, text: str) -> None:
        name = texts.name_text(position, self._total, title=title)
        self._say(f"{name}  {texts.result_text('reused', text, seconds=0.0)}")

    def output(self, number: int, line: str) -> None:
        shown = line if self._slots == 1 else f"job {number} | {line}"
        print(shown, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        if text != self._noted:
            self._say(text)
        self._noted = text

    def _say(self, text: str) -> None:
        log.info("%s", text)

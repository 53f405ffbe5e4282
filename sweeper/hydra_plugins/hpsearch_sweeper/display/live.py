"""A table of the running trials at the bottom of the terminal; what has ended scrolls above it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.display import rows, streams, table, texts, ticking

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.text import Text

__all__ = ["LiveDisplay"]

log = logging.getLogger(__name__)

STYLES = {
    "complete": "none",
    "best": "bold green",
    "pruned": "yellow",
    "failed": "red",
    "infeasible": "red",
    "retried": "magenta",
    "reused": "dim",
}


class LiveDisplay:
    """Draws itself twice a second and after each event, and is gone at the end.

    Printing past a table costs milliseconds, so what jobs print waits for the next drawing.
    """

    def __init__(self, *, slots: int, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        # what people print is text: no [tags], no :smileys:, no colours by guessing
        self._console = console or Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._slots = slots
        self._progress = rows.Progress(slots=slots, began=time.monotonic())
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._noted = ""
        self._lines: deque[Text] = deque()
        self._lock = threading.RLock()  # a signal handler may print amid a printing
        self._ticker = ticking.Ticker(self._refresh, every=0.5)

    def __enter__(self) -> LiveDisplay:
        self._live.start(refresh=True)
        self._proxies = streams.proxies()
        for proxy in self._proxies:
            streams.redirect(proxy.rich_proxied_file, proxy)
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._ticker.stop()
        finally:
            self._live.stop()
            for proxy in self._proxies:
                streams.redirect(proxy, proxy.rich_proxied_file)

    def begin(self, study_name: str, progress: rows.Progress, *, folder: str) -> None:
        self._slots = progress.slots
        self._progress = progress
        self._say(texts.study_text(study_name, progress, folder=folder))

    def started(self, number: int, *, position: int, title: str) -> None:
        row = rows.Row(number, position, title, began=time.monotonic())
        self._progress = self._progress.started(row)
        name = texts.name_text(position, self._progress.total, title=title)
        streams.log_elsewhere(log, f"{name}  starts as job {number}")
        self._refresh()

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
        row = self._progress.running.get(number)
        name, title = f"job {number}", row.title if row else ""
        if row:
            name = texts.name_text(row.position, self._progress.total, title=title)
        self._progress = self._progress.ended(number, state=state, seconds=seconds)
        if best and values and state != "reused":
            self._progress = self._progress.bettered(rows.Best(number, title, values))
            state = "best"
        self._say(name, texts.result_text(state, text, seconds=seconds), style=STYLES[state])

    def reused(self, number: int, *, position: int, title: str, text: str) -> None:
        self._progress = self._progress.ended(number, state="reused", seconds=0.0)
        name = texts.name_text(position, self._progress.total, title=title)
        result = texts.result_text("reused", text, seconds=0.0)
        self._say(name, result, style=STYLES["reused"])

    def output(self, number: int, line: str) -> None:
        from rich.text import Text

        said = Text.from_ansi(line)
        self._progress = self._progress.said(number, said.plain)
        job = Text("" if self._slots == 1 else f"job {number} | ", style="dim")
        self._lines.append(job + said)

    def note(self, text: str) -> None:
        if text != self._noted:
            self._say(text, style="bold")
        self._noted = text

    def _say(self, text: str, result: str = "", *, style: str = "none") -> None:
        """Prints above the table; `style` is that of the result, or of all without one."""
        from rich.text import Text

        line = Text(text, style="none" if result else style)
        if result:
            line.append("  ").append(result, style)
        streams.log_elsewhere(log, line.plain)
        self._lines.append(line)
        self._refresh()

    def _refresh(self) -> None:
        """Prints what waits; that draws the table anew too."""
        from rich.text import Text

        with self._lock:
            waiting = [self._lines.popleft() for _ in range(len(self._lines))]
            if waiting:
                self._console.print(Text("\n").join(waiting), soft_wrap=True)
            else:
                self._live.refresh()

    def _draw(self) -> Group:
        width, height = self._console.size
        return table.draw(self._progress, now=time.monotonic(), width=width, height=height)

"""Ctrl-C while trials run: once is a request, twice an order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Runner

__all__ = ["Pressed", "counted"]


class Pressed:
    """How often the user has asked to stop."""

    count = 0

    def interrupt(self, number: int, frame: Any) -> None:
        """SIGINT: the first lets running trials end, the second does not."""
        del number, frame
        self.count += 1

    def terminate(self, number: int, frame: Any) -> None:
        """SIGTERM: whoever sends it does not wait."""
        del number, frame
        self.count += 2


@contextmanager
def counted(runner: Runner) -> Iterator[Pressed]:
    """Counts SIGINT and SIGTERM instead of raising, where the runner's jobs run elsewhere."""
    pressed = Pressed()
    if runner.in_this_process or threading.current_thread() is not threading.main_thread():
        yield pressed  # a job in this process has to be interrupted itself
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, pressed.interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, pressed.terminate),
    }
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

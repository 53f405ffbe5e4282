"""Signals while trials run: Ctrl-C once is a request, twice an order; SIGTERM is a gentle order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Runner

__all__ = ["Pressed", "counted", "exit_code"]

_SIGNALLED = 128  # and the signal's number, as a shell has it


class Pressed:
    """How often the user, or the system, has asked to stop."""

    count = 0
    terminated = False  # by SIGTERM

    def interrupt(self, number: int, frame: Any) -> None:
        """SIGINT: the first lets running trials end, the second does not."""
        del number, frame
        self.count += 1

    def terminate(self, number: int, frame: Any) -> None:
        """SIGTERM: whoever sends it waits for some seconds. Others may send it once more."""
        del number, frame
        self.count = max(self.count, 2)
        self.terminated = True

    def raise_if_any(self) -> None:
        """As Python does for a Ctrl-C; the argument is the signal, where it was another one."""
        if self.count:
            raise KeyboardInterrupt(*([signal.SIGTERM] if self.terminated else []))


def exit_code(error: KeyboardInterrupt) -> int:
    """Of a program that ends with it."""
    terminated = error.args == (signal.SIGTERM,)
    return _SIGNALLED + (signal.SIGTERM if terminated else signal.SIGINT)


@contextmanager
def counted(runner: Runner) -> Iterator[Pressed]:
    """Counts SIGINT and SIGTERM, where the runner's jobs run elsewhere.

    A job in this process has to be interrupted itself: there both raise.
    """
    pressed = Pressed()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    handlers = {signal.SIGINT: pressed.interrupt, signal.SIGTERM: pressed.terminate}
    if runner.in_this_process:
        handlers = {signal.SIGTERM: _raise}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: Any) -> NoReturn:
    del frame
    raise KeyboardInterrupt(number)

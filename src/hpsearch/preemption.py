"""Signals that ask a training to stop: it ends between two steps, with a checkpoint.

SIGTERM is what a batch system, a container's host or the sweeper sends before it kills; Ctrl-C is a
person's word. The training itself knows no signals: it asks a plain callable once a step.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

__all__ = ["heeded", "terminable"]

# A batch system tells a trial and its sweeper, which tells the trial once more: that is one word.
ECHO_SECONDS = 5.0
HINT = b"\nstopping after this step, with a checkpoint; Ctrl-C again stops now\n"


class _Stop:
    """Whether a signal has come since :meth:`listen`; the handler does little more than note it."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._number: int | None = None
        self._at = 0.0

    def requested(self) -> bool:
        return self._number is not None

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # None is a handler of somebody's C code, which could not be put back.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._note)

    def put_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pass_on(self) -> None:
        """To whoever listened before, for it was meant for them too: Ctrl-C ends a whole sweep."""
        if self._number is not None and callable(self._before[self._number]):
            signal.raise_signal(self._number)

    def _note(self, number: int, frame: Any) -> None:
        del frame
        now = time.monotonic()
        if self._number is None:
            self._number, self._at = number, now
            if number == signal.SIGINT:
                with suppress(OSError):
                    os.write(2, HINT)
        elif number == signal.SIGINT or now - self._at > ECHO_SECONDS:
            self.put_back()
            signal.raise_signal(number)


@contextmanager
def heeded() -> Iterator[Callable[[], bool]]:
    """SIGTERM and Ctrl-C, once, end nothing in the block: they make what it yields true.

    A second one does what it would have done without this. Outside of the main thread, which alone
    may listen, nobody is asked to stop.
    """
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop.requested
        return
    stop.listen()
    try:
        yield stop.requested
    finally:
        stop.put_back()
        stop.pass_on()


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does: a ``KeyboardInterrupt``, with the signal's number.

    Unless somebody handles or ignores it already.
    """
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: Any) -> NoReturn:
    del frame
    raise KeyboardInterrupt(number)

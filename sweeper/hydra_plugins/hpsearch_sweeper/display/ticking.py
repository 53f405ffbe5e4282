"""A thread that calls a function again and again until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Ticker"]


class Ticker:
    """Calls once more when it is stopped, so nothing stays behind."""

    def __init__(self, call: Callable[[], None], *, every: float) -> None:
        self._call = call
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep display", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._call()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            self._call()

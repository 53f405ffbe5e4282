"""Signs of life: one thread touches the files of all claims of this process."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

__all__ = ["BEAT", "add", "remove"]

# Seconds between two signs of life.
BEAT = 5.0


class _Pulse:
    """One thread that touches the files of all claims of this process, while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: set[int] = set()
        self._thread: threading.Thread | None = None

    def add(self, file: int) -> None:
        with self._lock:
            self._files.add(file)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def remove(self, file: int) -> None:
        with self._lock:
            self._files.discard(file)

    def _run(self) -> None:
        while True:
            time.sleep(BEAT)
            with self._lock:
                if not self._files:
                    self._thread = None
                    return
                for file in self._files:
                    with suppress(OSError):  # it may come back, or was taken over
                        os.utime(file)


_pulse = _Pulse()


def add(file: int) -> None:
    """From here on this open file is touched at each beat."""
    _pulse.add(file)


def remove(file: int) -> None:
    """No more; it may be closed."""
    _pulse.remove(file)


def _begin_anew() -> None:
    """A fork holds no lease of its parent's, and has none of its threads."""
    global _pulse
    _pulse = _Pulse()


os.register_at_fork(after_in_child=_begin_anew)

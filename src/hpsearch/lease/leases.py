"""A lease: taken over in two moves, checked before each write, given back."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hpsearch.errors import LeaseLostError
from hpsearch.lease import claims, pulse
from hpsearch.lease.watch import Watch

__all__ = ["Lease"]

# Seconds between two attempts: the first, and at most.
POLL = 0.005, 0.2


class Lease:
    """Held by one :meth:`take` at a time, over all processes and hosts. The file stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._token = ""
        self._file: int | None = None
        self._watch = Watch()

    def take(
        self, seconds: float = math.inf, *, stop_requested: Callable[[], bool] = lambda: False
    ) -> bool:
        """Whether it was got within so many seconds, before something said stop."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        end, pause = time.monotonic() + seconds, POLL[0]
        while not self._try():
            left = end - time.monotonic()
            if left <= 0 or stop_requested():
                return False
            time.sleep(min(pause, left))
            pause = min(2 * pause, POLL[1])
        return True

    def check(self) -> None:
        """Call it before anything is written.

        Raises:
            LeaseLostError: another process has taken it over.
        """
        now = claims.look(self.path)
        if self._file is None or now is None or now.token != self._token:
            how = "is gone" if now is None else "was taken over by another process"
            raise LeaseLostError(f"{self.path} {how}; nothing more is written by this one")

    def give(self) -> None:
        """To whoever wants it; does nothing where it was lost or given before."""
        if self._file is None:
            return
        pulse.remove(self._file)
        with suppress(OSError):  # by its own file, which is nobody else's even where it was lost
            os.pwrite(self._file, claims.content(self._token, ""), 0)
            os.ftruncate(self._file, len(claims.content(self._token, "")))
        with suppress(OSError):
            os.close(self._file)
        self._file = None

    def _try(self) -> bool:
        self._token = secrets.token_hex(8)
        now = claims.look(self.path)
        if now is None:
            return claims.make(self.path, self._token) and self._own()
        return self._watch.is_over(self.path, now) and self._succeed(now)

    def _succeed(self, before: claims.Claim) -> bool:
        ticket = self.path.with_name(f"{self.path.name}.{before.token}")
        if not claims.make(ticket, self._token):
            self._clear(ticket)
            return False
        now = claims.look(self.path)
        # Whoever took this process for dead has removed its ticket.
        with suppress(FileNotFoundError):
            if now is not None and now.token == before.token:
                ticket.rename(self.path)
            else:
                ticket.unlink()
        return self._own()

    def _clear(self, ticket: Path) -> None:
        """Remove what a taker left that died between its two moves."""
        claim = claims.look(ticket)
        if claim is not None and self._watch.is_over(ticket, claim):
            ticket.unlink(missing_ok=True)

    def _own(self) -> bool:
        """Whether the claim that stands is ours; then it lives from here on."""
        file = claims.opened(self.path, os.O_RDWR)
        if file is None:
            return False
        if claims.read(file).token != self._token:
            os.close(file)
            return False
        self._file = file
        pulse.add(file)
        return True

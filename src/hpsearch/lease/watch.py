"""Whose claim is over, as far as this process can see."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from hydra_plugins.hpsearch_sweeper.study import workers

from hpsearch.lease import pulse
from hpsearch.lease.claims import Claim, file_server_time

__all__ = ["Watch"]

# Who gave no sign of life in so many looks, one a beat, is taken for dead: looks, not seconds, for
# a file server that hangs holds the watcher as well.
MISSED = 12
# For whoever cannot wait and look again: this many seconds by the file server's clock alone.
LONG = 600.0


class _Seen(NamedTuple):
    """A sign of life, in how many looks there was no other, and when the last of these was."""

    beat: tuple[int, int]
    looks: int
    at: float


class Watch:
    """Tells which claims are over. It has to see how time goes by."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Path, str], _Seen] = {}

    def is_over(self, path: Path, claim: Claim) -> bool:
        if claim.free:
            return True
        status = workers.status(claim.worker)
        if status != "unknown":  # as one of another host, or of another container, is
            return status == "dead"
        key = (path, claim.token)
        return self._is_silent(key, claim.beat) if key in self._seen else self._is_old(key, claim)

    def _is_old(self, key: tuple[Path, str], claim: Claim) -> bool:
        """At first sight."""
        self._seen[key] = _Seen(claim.beat, 0, time.monotonic())
        return file_server_time(key[0]) - claim.beat[0] > LONG * 1e9

    def _is_silent(self, key: tuple[Path, str], beat: tuple[int, int]) -> bool:
        last, looks, at = self._seen[key]
        now = time.monotonic()
        if beat != last:
            self._seen[key] = _Seen(beat, 0, now)
            return False
        if now - at >= pulse.BEAT:
            looks, at = looks + 1, now
        self._seen[key] = _Seen(beat, looks, at)
        return looks >= MISSED

"""A lease on what processes of several hosts share, without file locks, which NFS may not have.

It is a file that names its holder. The holder touches it every few seconds, from a thread; whoever
wants it waits until it is given back, until its holder is dead, as far as this host can see, or
until it has not been touched for some beats by the watcher's own clock.

Of the file system it is assumed what NFS (3 and newer, mounted as usual) and every local one does:

- A file made with ``O_CREAT | O_EXCL`` is made by one process alone.
- A rename within a folder replaces its target at once, for all hosts.
- Who opens a file sees what was written and touched before, by whoever has closed it
  (close-to-open consistency; the mount option ``nocto`` gives it up).
- Hosts have different names. Their clocks need not agree, and neither with the file server's.

A claim is taken over in two moves. The taker makes the file ``<lease>.<token of the old claim>``,
which only one can, looks whether the old claim still stands, and renames it over that. Nothing is
ever removed by its place, so that no claim but the one that was judged can be lost.

No lease can hold a process that sleeps while it expires. Before it writes it asks :meth:`check`.
filelock's ``SoftFileLease`` is not used, for it swaps the two files by ``RENAME_EXCHANGE``, which
NFS has not: there the claim of a process that was killed would stand for ever.
"""

from __future__ import annotations

import errno
import math
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hydra_plugins.hpsearch_sweeper.study import workers

from hpsearch.errors import LeaseLostError

__all__ = ["Lease", "Mark", "is_held"]

# Seconds between two signs of life. Who gave none in so many looks, one a beat, is taken for dead:
# looks, not seconds, for a file server that hangs holds the watcher as well.
BEAT, MISSED = 5.0, 12
# For whoever cannot wait and look again: this many seconds by the file server's clock alone.
LONG = 600.0
# Seconds between two attempts: the first, and at most.
POLL = 0.005, 0.2


class _Claim(NamedTuple):
    token: str
    worker: str  # as :mod:`workers` names it; empty where the lease is free
    beat: tuple[int, int]  # changes with each sign of life; in nanoseconds of the file server

    @property
    def free(self) -> bool:
        return not self.worker


class Lease:
    """Held by one :meth:`take` at a time, over all processes and hosts. The file stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._token = ""
        self._file: int | None = None
        self._watch = _Watch()

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
        now = _look(self.path)
        if self._file is None or now is None or now.token != self._token:
            how = "is gone" if now is None else "was taken over by another process"
            raise LeaseLostError(f"{self.path} {how}; nothing more is written by this one")

    def give(self) -> None:
        """To whoever wants it; does nothing where it was lost or given before."""
        if self._file is None:
            return
        _pulse.remove(self._file)
        with suppress(OSError):  # by its own file, which is nobody else's even where it was lost
            os.pwrite(self._file, _content(self._token, ""), 0)
            os.ftruncate(self._file, len(_content(self._token, "")))
        with suppress(OSError):
            os.close(self._file)
        self._file = None

    def _try(self) -> bool:
        self._token = secrets.token_hex(8)
        now = _look(self.path)
        if now is None:
            return _make(self.path, self._token) and self._own()
        return self._watch.is_over(self.path, now) and self._succeed(now)

    def _succeed(self, before: _Claim) -> bool:
        ticket = self.path.with_name(f"{self.path.name}.{before.token}")
        if not _make(ticket, self._token):
            self._clear(ticket)
            return False
        now = _look(self.path)
        # Whoever took this process for dead has removed its ticket.
        with suppress(FileNotFoundError):
            if now is not None and now.token == before.token:
                ticket.rename(self.path)
            else:
                ticket.unlink()
        return self._own()

    def _clear(self, ticket: Path) -> None:
        """Remove what a taker left that died between its two moves."""
        claim = _look(ticket)
        if claim is not None and self._watch.is_over(ticket, claim):
            ticket.unlink(missing_ok=True)

    def _own(self) -> bool:
        """Whether the claim that stands is ours; then it lives from here on."""
        file = _opened(self.path, os.O_RDWR)
        if file is None:
            return False
        if _parsed(file).token != self._token:
            os.close(file)
            return False
        self._file = file
        _pulse.add(file)
        return True


class Mark:
    """One of many that say: this folder is in use. A file of its own in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(8)
        folder.mkdir(parents=True, exist_ok=True)
        _make(self.path, self.path.name)
        self._file = os.open(self.path, os.O_RDWR)
        _pulse.add(self._file)

    def remove(self) -> None:
        _pulse.remove(self._file)
        os.close(self._file)
        self.path.unlink(missing_ok=True)

    @staticmethod
    def any(folder: Path) -> bool:
        """Whether somebody uses it; removes what dead ones left."""
        found = [x for x in folder.glob("*") if not x.name.startswith(".")]
        for path in [path for path in found if not is_held(path)]:
            path.unlink(missing_ok=True)
            found.remove(path)
        return bool(found)


def is_held(path: Path) -> bool:
    """Whether a process that lives, as far as can be seen at once, holds this lease."""
    claim = _look(path)
    return claim is not None and not claim.free and not _Watch().is_over(path, claim)


class _Watch:
    """Tells which claims are over. It has to see how time goes by."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Path, str], tuple[tuple[int, int], int, float]] = {}

    def is_over(self, path: Path, claim: _Claim) -> bool:
        if claim.free:
            return True
        status = workers.status(claim.worker)
        if status != "unknown":  # as one of another host, or of another container, is
            return status == "dead"
        key = (path, claim.token)
        return self._is_silent(key, claim.beat) if key in self._seen else self._is_old(key, claim)

    def _is_old(self, key: tuple[Path, str], claim: _Claim) -> bool:
        """At first sight."""
        self._seen[key] = (claim.beat, 0, time.monotonic())
        return _now(key[0]) - claim.beat[0] > LONG * 1e9

    def _is_silent(self, key: tuple[Path, str], beat: tuple[int, int]) -> bool:
        last, looks, at = self._seen[key]
        now = time.monotonic()
        if beat != last:
            self._seen[key] = (beat, 0, now)
            return False
        if now - at >= BEAT:
            looks, at = looks + 1, now
        self._seen[key] = (beat, looks, at)
        return looks >= MISSED


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


def _begin_anew() -> None:
    """A fork holds no lease of its parent's, and has none of its threads."""
    global _pulse
    _pulse = _Pulse()


os.register_at_fork(after_in_child=_begin_anew)


def _content(token: str, worker: str) -> bytes:
    return f"{token}\n{worker}\n".encode()


def _make(path: Path, token: str) -> bool:
    """A file that names this process; False where one is there. Closed, it is seen by all hosts."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(file, _content(token, workers.this_worker()))
    except OSError:  # the disk is full
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return True


def _look(path: Path) -> _Claim | None:
    """The claim that stands there now; opened anew, for then NFS asks its server."""
    file = _opened(path, os.O_RDONLY)
    if file is None:
        return None
    try:
        return _parsed(file)
    finally:
        os.close(file)


def _opened(path: Path, flags: int) -> int | None:
    """None where it is not there, or was replaced in this moment."""
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            return None
        raise


def _parsed(file: int) -> _Claim:
    """What is not whole, or not ours, is the claim of an unknown process."""
    status = os.fstat(file)
    token, _, rest = os.pread(file, 1000, 0).decode("utf-8", "replace").partition("\n")
    worker, end, _ = rest.partition("\n")
    beat = (status.st_mtime_ns, status.st_ctime_ns)
    whole = token.isalnum() and end  # it becomes part of a file's name
    return _Claim(token, worker, beat) if whole else _Claim("unreadable", "unknown", beat)


def _now(beside: Path) -> int:
    """The file server's clock, which dates a new file as it dates the beats; nanoseconds."""
    probe = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}.tmp")
    file = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return os.fstat(file).st_mtime_ns
    finally:
        os.close(file)
        probe.unlink(missing_ok=True)

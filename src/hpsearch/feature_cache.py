"""Sealed folders below ``cache/features``: made once, shared by processes, the least used evicted.

A folder is named by what it was computed from. Whoever uses one holds a lock that others may share;
whoever makes or evicts one holds it alone. The kernel frees the locks of a killed process.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hpsearch.atomic import new_folder
from hpsearch.data import seals

__all__ = ["STAMP", "FeatureCache", "stamp", "stamp_break"]

log = logging.getLogger(__name__)

MIB = 2**20
LOCKS = ".locks"
STAMP = "stamp.json"


@dataclass(frozen=True)
class FeatureCache:
    """A folder of entries that together take at most ``limit`` bytes, or None for any number."""

    folder: Path
    limit: int | None

    @contextmanager
    def entry(
        self,
        key: str,
        make: Callable[[Path], None],
        *,
        what: str,
        check: Callable[[Path], str | None] = seals.break_reason,
    ) -> Iterator[Path]:
        """The folder of this key, which nobody evicts while the block lasts.

        ``make`` fills it where it is missing or ``check`` finds it damaged; of several processes
        one does, and the others wait. ``what`` names it in the log.
        """
        path = self.folder / key
        with self._lock(key) as lock:
            while True:
                fcntl.flock(lock, fcntl.LOCK_SH)
                if path.is_dir() and check(path) is None:
                    break
                fcntl.flock(lock, fcntl.LOCK_UN)
                self._make(lock, path, make, what=what, check=check)
            os.utime(path)  # by this the least recently used one is found
            yield path

    def size(self) -> int:
        """Bytes of all entries."""
        return sum(_size(entry) for entry in self._entries())

    def _make(
        self,
        lock: IO[bytes],
        path: Path,
        make: Callable[[Path], None],
        *,
        what: str,
        check: Callable[[Path], str | None],
    ) -> None:
        """Alone, unless another process did it meanwhile."""
        if not _alone(lock):
            log.info("another process computes %s, waiting: %s", what, path)
            fcntl.flock(lock, fcntl.LOCK_EX)
        there = path.exists()
        if there:
            reason = check(path)
            if reason is None:
                return
            log.warning("cache %s is damaged (%s): computing %s again", path, reason, what)
        began = time.perf_counter()
        with new_folder(path, replace=there) as temporary:
            make(temporary)
            seals.seal(temporary)
        self._tidy()
        limit = "any" if self.limit is None else f"{self.limit / MIB:,.0f}"
        log.info(
            *("%s: computed once, in %.1f s; %s is %.1f MiB of %s", what),
            *(time.perf_counter() - began, self.folder, self.size() / MIB, limit),
        )

    def _tidy(self) -> None:
        """Remove what killed processes left, and the least recently used beyond the limit."""
        for left in self.folder.glob(".*.tmp"):
            self._remove(left, key=left.name.split(".")[1])
        excess = 0 if self.limit is None else self.size() - self.limit
        for entry in sorted(self._entries(), key=lambda entry: entry.stat().st_mtime):
            if excess <= 0:
                return
            size = _size(entry)
            if self._remove(entry, key=entry.name):
                log.info("evicted %s (%.1f MiB), the least recently used", entry, size / MIB)
                excess -= size

    def _remove(self, folder: Path, *, key: str) -> bool:
        """Unless someone is using or making it, who may be this process."""
        with self._lock(key) as lock:
            if not _alone(lock):
                return False
            gone = folder.with_name(f".{key}.gone.tmp")
            if folder != gone:
                folder.replace(gone)
            shutil.rmtree(gone, ignore_errors=True)
            return True

    @contextmanager
    def _lock(self, key: str) -> Iterator[IO[bytes]]:
        """A file to lock; it stays, for one that is removed could be locked twice."""
        locks = self.folder / LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / key).open("ab") as file:
            yield file

    def _entries(self) -> list[Path]:
        return [entry for entry in self.folder.iterdir() if not entry.name.startswith(".")]


def stamp(folder: Path) -> None:
    """Note sizes and times of a folder's files, where reading them all takes too long."""
    (folder / STAMP).write_text(json.dumps(_stamps(folder)))


def stamp_break(folder: Path) -> str | None:
    """As ``seals.break_reason``, but files that look untouched are not read."""
    try:
        if json.loads((folder / STAMP).read_text()) == _stamps(folder):
            return None
    except (OSError, ValueError):
        pass
    return seals.break_reason(folder)  # a copied cache has other times


def _stamps(folder: Path) -> dict[str, list[int]]:
    own = (STAMP, seals.SEAL)
    found = {file.name: file.stat() for file in folder.iterdir() if file.name not in own}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(found.items())}


def _alone(lock: IO[bytes]) -> bool:
    """Lock for oneself; False at once where others hold it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

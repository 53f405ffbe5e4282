"""Sealed folders below ``cache/features``: made once, shared by processes, the least used evicted.

A folder is named by what it was computed from. Whoever makes or evicts one holds its lease; whoever
uses one leaves a mark, so that it stays: its files are mapped into memory, and on NFS a file that
another host removes is gone for everybody.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hpsearch.atomic import new_folder
from hpsearch.data import seals
from hpsearch.errors import PreemptedError
from hpsearch.lease import Lease, Mark

__all__ = ["STAMP", "FeatureCache", "stamp", "stamp_break"]

log = logging.getLogger(__name__)

MIB = 2**20
LEASES, USES = ".leases", ".uses"
STAMP = "stamp.json"


@dataclass(frozen=True)
class FeatureCache:
    """A folder of entries that together take at most ``limit`` bytes, or None for any number.

    Attributes:
        folder: where they lie.
        limit: bytes, or None.
        stop_requested: asked while another process computes what is waited for.
    """

    folder: Path
    limit: int | None
    stop_requested: Callable[[], bool] = lambda: False

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

        Raises:
            PreemptedError: it was to stop while it waited.
        """
        path = self.folder / key
        mark = Mark(self._uses(key))  # before the look: who evicts looks at it after
        try:
            while not (path.is_dir() and check(path) is None):
                self._make(path, make, what=what, check=check)
            os.utime(path)  # by this the least recently used one is found
            yield path
        finally:
            mark.remove()

    def size(self) -> int:
        """Bytes of all entries."""
        return sum(_size(entry) for entry in self._entries())

    def _make(
        self,
        path: Path,
        make: Callable[[Path], None],
        *,
        what: str,
        check: Callable[[Path], str | None],
    ) -> None:
        """Alone, unless another process did it meanwhile."""
        lease = self._lease(path.name)
        if not lease.take(0):
            log.info("another process computes %s, waiting: %s", what, path)
            if not lease.take(stop_requested=self.stop_requested):
                raise PreemptedError("told to stop while another process computes")
        try:
            self._make_alone(path, make, what=what, check=check)
        finally:
            lease.give()

    def _make_alone(
        self,
        path: Path,
        make: Callable[[Path], None],
        *,
        what: str,
        check: Callable[[Path], str | None],
    ) -> None:
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
        for entry in sorted(self._entries(), key=_used_at):
            if excess <= 0:
                return
            size = _size(entry)
            if self._remove(entry, key=entry.name):
                log.info("evicted %s (%.1f MiB), the least recently used", entry, size / MIB)
                excess -= size

    def _remove(self, folder: Path, *, key: str) -> bool:
        """Unless someone is using or making it, who may be this process."""
        lease = self._lease(key)
        if not lease.take(0):
            return False
        try:
            return self._remove_alone(folder, key=key)
        finally:
            lease.give()

    def _remove_alone(self, folder: Path, *, key: str) -> bool:
        uses = self._uses(key)
        if Mark.any(uses):
            return False
        gone = folder.with_name(f".{key}.{secrets.token_hex(4)}.tmp")
        try:
            folder.replace(gone)
        except FileNotFoundError:  # another process was faster
            return False
        if Mark.any(uses):  # who came in between has found it, and may have opened its files
            gone.replace(folder)
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _lease(self, key: str) -> Lease:
        return Lease(self.folder / LEASES / key)

    def _uses(self, key: str) -> Path:
        return self.folder / USES / key

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


def _used_at(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:  # another process has evicted it
        return 0.0


def _size(folder: Path) -> int:
    size = 0
    with suppress(FileNotFoundError):  # another process evicts it
        for file in folder.rglob("*"):
            size += file.stat().st_size if file.is_file() else 0
    return size

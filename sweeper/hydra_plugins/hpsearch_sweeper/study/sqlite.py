"""How every process talks to a sqlite file, so that many may write to it at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["WAIT_SECONDS", "Connection", "is_shared_by_hosts"]

WAIT_SECONDS = 60.0  # for another writer; each writes for some milliseconds

_NETWORKED = {"9p", "afs", "beegfs", "ceph", "cifs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
_NETWORKED |= {"orangefs", "panfs", "smb3", "smbfs", "wekafs"}


class Connection(sqlite3.Connection):
    """Readers and one writer do not wait for each other (WAL), and a commit waits for no disk.

    A `kill -9` loses nothing; a power cut may lose the last commits, never the file. WAL keeps its
    index in memory that processes share, so it is for the processes of one host: on a network
    file system the classic journal stays, slower and safe. A file that cannot change its mode now
    (another program reads it) or at all (it is read-only) goes on as it is.
    """

    def __init__(self, database: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(database, *arguments, **options)
        with suppress(sqlite3.OperationalError):
            self._write_ahead(Path(os.fsdecode(database).removeprefix("file:").partition("?")[0]))

    def _write_ahead(self, path: Path) -> None:
        before = self.execute("PRAGMA busy_timeout").fetchone()[0]
        self.execute("PRAGMA busy_timeout = 200")  # a change of mode is not worth a minute
        try:
            wanted = "DELETE" if is_shared_by_hosts(path) else "WAL"
            mode = self.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
            if mode == "wal":  # under the classic journal a power cut could break the file
                self.execute("PRAGMA synchronous = NORMAL")
        finally:
            self.execute(f"PRAGMA busy_timeout = {before}")


def is_shared_by_hosts(path: Path) -> bool:
    """Whether the file lies on a network file system, as far as this system tells."""
    real = os.path.realpath(path)
    found = [(len(place), kind) for place, kind in _mounts() if _is_below(real, place)]
    kind = max(found, default=(0, ""))[1]
    return kind in _NETWORKED or kind.startswith("fuse.sshfs")


def _mounts() -> Iterator[tuple[str, str]]:
    """Each mounted place and its kind of file system; nothing but on Linux."""
    with suppress(OSError), open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
        for line in file:
            _, place, kind, *_ = line.split(" ")
            yield place.replace("\\040", " "), kind


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")

"""What was computed from files, remembered until one of them changes.

A file is known by its place, size, inode and its times of modification and of change; no program
sets the last. A time stands for a grain of up to two seconds on some file systems, in which a file
could be written twice: what is that young is not remembered.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from hpsearch.atomic import write_text

__all__ = ["remembered", "stamp"]

log = logging.getLogger(__name__)

GRAIN = 2.0


def stamp(files: Iterable[Path], *more: object) -> str | None:
    """16 hexadecimal digits that stand for what these files hold, and for whatever ``more`` is.

    None where a file is too young to be told from its next version.
    """
    total = hashlib.sha256(json.dumps(more, default=str).encode())
    for file in sorted(file.resolve() for file in files):
        stat = file.stat()
        if time.time() - max(stat.st_mtime, stat.st_ctime) < GRAIN:
            return None
        known = (stat.st_size, stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
        total.update(f"{file} {known}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()[:16]


def remembered(folder: Path, files: Iterable[Path], compute: Callable[[], str]) -> str:
    """What ``compute`` makes of these files, from a note in ``folder`` where there is one."""
    files = list(files)
    key = stamp(files)
    if key is None:
        return compute()
    note = folder / f"{key}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(note.read_text())
        if found["check"] == _check(key, found["value"]):
            return str(found["value"])
    value = compute()
    if stamp(files) == key:  # nobody wrote meanwhile
        _keep(note, key, value)
    return value


def _keep(note: Path, key: str, value: str) -> None:
    try:
        write_text(note, json.dumps({"value": value, "check": _check(key, value)}) + "\n")
    except OSError as error:  # the next one computes it again
        log.debug("%s could not be written (%s)", note, error)


def _check(key: str, value: str) -> str:
    """So that a damaged note is not believed."""
    return hashlib.sha256(f"{key} {value}".encode()).hexdigest()[:16]

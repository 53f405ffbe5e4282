"""The output folder: whether it can be written, and what a disk that refuses means to a person."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from hpsearch.errors import ConfigError

__all__ = ["explain_disk", "require_writable"]

# What no other code than a file system's answers to somebody who writes.
REFUSALS = {
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.EIO,
}
FULL = {errno.ENOSPC, errno.EDQUOT}
# sqlite and safetensors tell it in words alone.
WORDS = re.compile(
    r"unable to open database file|readonly database|database or disk is full|disk I/O error|"
    r"No space left on device|Disk quota exceeded|Read-only file system"
)
ELSEWHERE = "root=FOLDER names another place for everything that is written"


def require_writable(root: str) -> None:
    """Make the output folder, and a file in it that is gone at once.

    Raises:
        ConfigError: it cannot be made, or nothing can be written there.
    """
    folder = Path(root) / "outputs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"root={root}: {folder.absolute()} cannot be written ({reason}); allowed is a folder "
            "that can be made and written"
        ) from error


def explain_disk(error: BaseException) -> str | None:
    """One line where a disk is full, read-only or not ours, whoever says so; else None."""
    for one in _chain(error):
        if isinstance(one, OSError) and _refuses(one):
            where = os.fsdecode(one.filename) if one.filename else "the disk"
            return f"{where}: cannot be written ({one.strerror}); {ELSEWHERE}"
        found = WORDS.search(str(one)) if _is_of_a_disk(one) else None
        if found:
            return f"the disk refuses to be written ({found[0]}); {ELSEWHERE}"
    return None


def _refuses(error: OSError) -> bool:
    if error.filename is None:
        return error.errno in FULL
    # Where it says that a folder is not there, it would not make it either (/proc).
    made = isinstance(error, FileNotFoundError) and _raised_in(error) in ("mkdir", "makedirs")
    return made or error.errno in REFUSALS


def _raised_in(error: BaseException) -> str:
    """The function that raised it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_code.co_name if frames else ""


def _is_of_a_disk(error: BaseException) -> bool:
    named = type(error).__name__ in ("OperationalError", "SafetensorError", "ArrowInvalid")
    return named or isinstance(error, sqlite3.Error | OSError | RuntimeError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__

"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["new_folder", "write_bytes", "write_text"]


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode())


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to fill, which takes the name ``path`` when the block ends without an exception.

    Without ``replace`` a folder that came to be meanwhile wins: its content is the same, since
    folders are named by what they hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    # A process killed here may have had our number: in a container it is the same each time.
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if replace and path.exists():
            # A folder cannot be renamed over a full one; for a moment the old one has another name.
            old = path.with_name(f".{path.name}.old.{os.getpid()}")
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            with suppress(OSError):
                temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> Path:
    """A name of this process on the same file system, so that the rename is atomic."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")

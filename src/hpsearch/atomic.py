"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["new_folder", "remove_leftovers", "sync", "temporary_file", "write_bytes", "write_text"]


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(path) as (temporary, file):
        file.write(content)
        sync(file)
        temporary.replace(path)


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode())


@contextmanager
def temporary_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside ``path``, to be written, synced and renamed; it does not outlive the block."""
    temporary = _beside(path)
    try:
        with temporary.open("wb") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def sync(file: BinaryIO) -> None:
    """To the disk, so that not even a loss of power leaves a renamed file empty."""
    file.flush()
    os.fsync(file.fileno())


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
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb+") as written:
                    sync(written)
        if replace and path.exists():
            # A folder cannot be renamed over a full one; for a moment the old one has another name.
            old = path.with_name(f".{path.name}.old.{os.getpid()}.tmp")
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            with suppress(OSError):
                temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """What killed processes left unfinished; for a folder that nobody else writes to."""
    for left in folder.glob(".*.tmp"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A name of this process on the same file system, so that the rename is atomic."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")

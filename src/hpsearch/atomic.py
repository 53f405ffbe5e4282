"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["new_folder", "remove_leftovers", "sync", "temporary_file", "write_bytes", "write_text"]

FORGOTTEN = 86400.0  # seconds


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
    _remove_forgotten(path)
    temporary = _beside(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb+") as written:
                    sync(written)
        if replace:
            # A folder cannot be renamed over a full one; for a moment the old one has another name.
            old = _beside(path)
            with suppress(FileNotFoundError):  # another process was faster
                path.rename(old)
            # On NFS what somebody has open stays there under another name, and the folder with it.
            shutil.rmtree(old, ignore_errors=True)
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():  # nor has another process made it meanwhile
                raise
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
    """A name in the same folder, so that the rename is atomic; no other host's process has it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _remove_forgotten(path: Path) -> None:
    """What killed processes had begun there, a day ago: so much hosts' clocks do not differ."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > FORGOTTEN:
                shutil.rmtree(left, ignore_errors=True)

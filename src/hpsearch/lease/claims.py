"""The file of a lease: one line that names a claim, one that names who makes it."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from hydra_plugins.hpsearch_sweeper.study import workers

__all__ = ["Claim", "content", "file_server_time", "look", "make", "opened", "read"]


class Claim(NamedTuple):
    """What a lease's file says."""

    token: str
    worker: str  # as :mod:`workers` names it; empty where the lease is free
    beat: tuple[int, int]  # changes with each sign of life; in nanoseconds of the file server

    @property
    def free(self) -> bool:
        return not self.worker


def content(token: str, worker: str) -> bytes:
    """Of a claim's file."""
    return f"{token}\n{worker}\n".encode()


def make(path: Path, token: str) -> bool:
    """A file that names this process; False where one is there. Closed, it is seen by all hosts."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(file, content(token, workers.this_worker()))
    except OSError:  # the disk is full
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return True


def look(path: Path) -> Claim | None:
    """The claim that stands there now; opened anew, for then NFS asks its server."""
    file = opened(path, os.O_RDONLY)
    if file is None:
        return None
    try:
        return read(file)
    finally:
        os.close(file)


def opened(path: Path, flags: int) -> int | None:
    """None where it is not there, or was replaced in this moment."""
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            return None
        raise


def read(file: int) -> Claim:
    """What is not whole, or not ours, is the claim of an unknown process."""
    status = os.fstat(file)
    token, _, rest = os.pread(file, 1000, 0).decode("utf-8", "replace").partition("\n")
    worker, end, _ = rest.partition("\n")
    beat = (status.st_mtime_ns, status.st_ctime_ns)
    whole = token.isalnum() and end  # it becomes part of a file's name
    return Claim(token, worker, beat) if whole else Claim("unreadable", "unknown", beat)


def file_server_time(beside: Path) -> int:
    """The file server's clock, which dates a new file as it dates the beats; nanoseconds."""
    probe = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}.tmp")
    file = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return os.fstat(file).st_mtime_ns
    finally:
        os.close(file)
        probe.unlink(missing_ok=True)

"""Ray clusters on this machine, started as on any other: `ray start`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.cluster.services import missing

__all__ = ["OPEN", "descendants", "head", "node", "require_ray"]

START = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")
SECONDS = 60

# No token is asked for, which would lie in the home of whoever started the cluster.
OPEN = {"RAY_AUTH_MODE": "disabled"}


def require_ray() -> None:
    if find_spec("ray") is None:
        missing("Ray", "pip install 'hpsearch[ray]'")


@contextmanager
def head(*words: str) -> Iterator[str]:
    """A cluster of one node; its address."""
    port = free_port()
    own = (f"--port={port}", "--head", "--include-dashboard=false")
    with _started(*own, *words, port=port):
        yield f"127.0.0.1:{port}"


@contextmanager
def node(address: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One more, on the same machine."""
    with _started(f"--address={address}", *words, port=None) as process:
        yield process


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _started(*words: str, port: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """In a folder of its own, whose path is short, for Ray makes sockets there."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    command = [*START, f"--temp-dir={folder}"] if port else [*START]
    environment = {**os.environ, "HOME": str(folder), "RAY_TMPDIR": str(folder), **OPEN}
    log = folder / "start.log"
    try:
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, *words],
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait(process, log)
            yield process
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while "Ray runtime started" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            missing("Ray", f"`ray start` failed: {log.read_text()[-500:]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it started; left to itself, Ray takes ten seconds."""
    for pid in [process.pid, *descendants(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(ancestor: int) -> list[int]:
    """Those that live; a zombie does not."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, *_ = entry.read_text().rpartition(")")[2].split()
            if state != "Z":
                parents[int(entry.parent.name)] = int(parent)
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]

"""Runs the real commands, as a user types them, in a folder of their own."""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from tests.corpus import lay_out

__all__ = ["SHARP", "Done", "environment", "run"]

SECONDS = 240
# For limits of memory: what is freed goes back to the kernel at once, and is not lost in fragments;
# several threads would wait for each other, busily.
SHARP = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def environment(folder: Path) -> dict[str, str]:
    """No network, one thread, and a home of its own, so that a stray file is seen."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "LANG", "TMPDIR")}
    return {**kept, "HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run(
    folder: Path,
    module: str,
    *words: str,
    more: Mapping[str, str] | None = None,
    anew: bool = False,
) -> Done:
    """``python -m hpsearch.MODULE WORDS`` in ``folder``; a sweep only reports where told.

    It is forked from a process that has imported what it needs, and finds the embedded reviews.
    With ``anew``, and with variables of its own, it is started as by a user, in a folder of which
    it knows nothing: for tests of what happens until it has begun, and of its memory.
    """
    swept = module == "train" and "-m" in words
    told = any(word.startswith("report.") for word in words)
    unasked = ["report.auto=false"] if swept and not told else []  # figures take seconds
    name, given = f"hpsearch.{module}", [*words, *unasked]
    if not (anew or more):
        if module == "train" and not any(word.startswith("root=") for word in words):
            lay_out(folder)
        return _server().run(folder, name, given)
    done = subprocess.run(
        [sys.executable, "-m", name, *given],
        cwd=folder,
        env={**environment(folder), **(more or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@cache
def _server() -> _Server:
    """One for all tests of this process; it ends with them."""
    server = _Server()
    atexit.register(server.close)
    return server


class _Server:
    """`tests/command_server.py`, in a process of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="command-server-")
        root = Path(self._folder.name)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("command_server.py")],
                cwd=root,
                env=environment(root),
                stdin=theirs,
                stdout=subprocess.PIPE,  # a command's streams are made for pipes, as before
                stderr=subprocess.STDOUT,
            )

    def run(self, folder: Path, module: str, words: Sequence[str]) -> Done:
        order = {
            "folder": str(folder),
            "environment": environment(folder),
            "module": module,
            "words": list(words),
            "sweeps": module == "hpsearch.train" and "-m" in words,
        }
        pipes = [os.pipe() for _ in range(3)]
        writers = [writer for _, writer in pipes]
        with self._lock:
            socket.send_fds(self._control, [json.dumps(order).encode()], writers)
        for writer in writers:
            os.close(writer)
        out, err, code = _read([reader for reader, _ in pipes], time.monotonic() + SECONDS)
        self._assert_clean()
        return Done(int(code), out, err)

    def _assert_clean(self) -> None:
        """The libraries were imported when this was the home."""
        strays = [path for path in Path(self._folder.name).rglob("*") if path.name != "home"]
        assert not strays, f"written into the home of the time of import: {strays}"

    def close(self) -> None:
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _read(pipes: Sequence[int], end: float) -> list[str]:
    """What is written into each until nobody can any more."""
    found = {pipe: bytearray() for pipe in pipes}
    left = set(pipes)
    while left:
        ready = select.select(left, [], [], max(0.0, end - time.monotonic()))[0]
        if not ready:
            _server().close()  # and with it what it has started
            raise TimeoutError(f"more than {SECONDS} seconds: {found}")
        for pipe in ready:
            piece = os.read(pipe, 1 << 16)
            found[pipe] += piece
            if not piece:
                os.close(pipe)
                left.remove(pipe)
    return [found[pipe].decode() for pipe in pipes]

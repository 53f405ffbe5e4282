"""What a job prints: kept in a file in its folder, and read from there while it runs."""

from __future__ import annotations

import io
import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hydra_plugins.hpsearch_sweeper import hiding

__all__ = ["OUTPUT_FILE", "Tail", "redirect"]

OUTPUT_FILE = "output.txt"
LAST_LINES = 20
MOST = 1_000_000  # bytes that are read at once; of more, the last count


def redirect(folder: Path) -> None:
    """Sends this process's output there, that of C code and of a segfault included."""
    import faulthandler

    folder.mkdir(parents=True, exist_ok=True)
    target = os.open(folder / OUTPUT_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(target, number)
    os.close(target)
    _open_streams()
    faulthandler.enable(file=2)


class _Redacting(io.TextIOWrapper):
    """Keeps passwords out of the file; what C code prints goes past it."""

    def write(self, text: str, /) -> int:
        super().write(hiding.redacted(text))
        return len(text)


def _open_streams() -> None:
    for name, number in (("stdout", 1), ("stderr", 2)):
        file = open(number, "wb", closefd=False)  # noqa: SIM115 - open as long as the process
        stream = _Redacting(file, encoding="utf-8", errors="backslashreplace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


class Tail:
    """Reads what is added to a job's output after now."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / OUTPUT_FILE
        self._start = self._path.stat().st_size if self._path.exists() else 0
        self._file: BinaryIO | None = None
        self._rest = b""
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def begun(self) -> bool:
        """Whether the job has got so far as to open its output."""
        return self._path.exists()

    @property
    def last_lines(self) -> str:
        """Of those that were read."""
        return "\n".join(self._last)

    def lines(self, *, final: bool = False) -> Iterator[str]:
        """The complete lines since the last call; at the end also what lacks the line break."""
        *complete, rest = (self._rest + self._read()).split(b"\n")
        self._rest = rest[-MOST:]
        if final and self._rest:
            complete.append(self._rest)
        for line in complete:
            # a progress bar rewrites its line: the last state is what counts
            text = line.decode("utf-8", "backslashreplace").rstrip("\r").rpartition("\r")[2]
            self._last.append(text)
            yield text

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self) -> bytes:
        if self._file is None:
            if not self.begun:
                return b""
            self._file = self._path.open("rb")
            self._file.seek(self._start)
        size = os.fstat(self._file.fileno()).st_size
        if size - self._file.tell() > MOST:
            self._file.seek(size - MOST)
        return self._file.read(MOST)

"""Files that keep what MLflow could not be told: one a run, a JSON record a line.

The first record says which run it is. Every record is on the disk before the trial goes on; a
line that a dying process or a full disk cut short is passed over when the file is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hpsearch.atomic import write_text
from hpsearch.lease import Lease
from hpsearch.redaction import redact
from hpsearch.tracking.records import Record

__all__ = ["STUDY_FILE", "SpoolFile", "SpoolFolder"]

TAIL = ".jsonl"
SENDING = ".sending"
STUDY_FILE = "-study-"  # in the name of a file that begins a study


class SpoolFile:
    """The records of one run. The process that writes it holds it, so that nobody sends a part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lease = Lease(path.with_suffix(".lease"))
        self._torn = False

    def begin(self, first: Record) -> None:
        """Make the file with its first record, and hold it."""
        try:
            self._take()
            write_text(self.path, json.dumps(first) + "\n")
        except OSError:
            self.release()
            raise

    def _take(self) -> None:
        for attempt in range(3):
            try:
                self._lease.take(0)
                return
            except FileNotFoundError:  # a process that has sent all took the folder away
                if attempt == 2:
                    raise

    def append(self, record: Record) -> None:
        line = json.dumps(record) + "\n"
        before, self._torn = ("\n" if self._torn else ""), True
        with self.path.open("r+b") as file:  # never a new file, which had no first record
            file.seek(0, os.SEEK_END)
            file.write((before + line).encode())
            file.flush()
            os.fsync(file.fileno())
        self._torn = False

    def records(self) -> list[Record]:
        return list(_parsed(self.path))

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Whether nobody else holds it; if so, it is ours in the block."""
        if not self._lease.take(0):
            yield False
            return
        try:
            yield True
        finally:
            self.release()

    def release(self) -> None:
        self._lease.give()
        if not self.path.exists():
            self._lease.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Everything in it is sent."""
        self.path.unlink(missing_ok=True)
        self.release()


class SpoolFolder:
    """What waits for one store: its files in the order in which they were begun."""

    def __init__(self, root: Path, *, uri: str, experiment: str) -> None:
        self.root = root.absolute()
        # Without passwords, and without the place of the root: it may be moved.
        store = redact(uri).rstrip("/").replace(f"sqlite:///{self.root}/", "sqlite:///")
        name = hashlib.sha256(f"{store}\n{experiment}".encode()).hexdigest()[:8]
        self.path = self.root / "outputs" / "spool" / name

    def new(self, first: Record) -> SpoolFile:
        """A file that nobody else uses, not made yet; named by its moment and kind."""
        words = f"{first['at']:014d}-{first['op']}-{os.urandom(4).hex()}"
        return SpoolFile(self.path / f"{words}{TAIL}")

    def add(self, record: Record) -> None:
        """A whole file of one record."""
        file = self.new(record)
        file.begin(record)
        file.release()

    def files(self) -> list[SpoolFile]:
        return [SpoolFile(path) for path in sorted(self.path.glob(f"*{TAIL}"))]

    def counts(self) -> tuple[int, int]:
        """How many files wait, and how many records are in them."""
        numbers = [len(file.records()) for file in self.files()]
        return len(numbers), sum(numbers)

    def waits(self, study: str) -> bool:
        """Whether the beginning of this study is not sent yet."""
        files = [file.path for file in self.files() if STUDY_FILE in file.path.name]
        starts = (next(_parsed(file), {}) for file in files)
        return any(start.get("study") == study for start in starts)

    @contextmanager
    def sending(self, *, seconds: float) -> Iterator[bool]:
        """Whether no other process sends; waits for one that does."""
        lease = Lease(self.path / SENDING)
        if not lease.take(seconds):
            yield False
            return
        try:
            yield True
        finally:
            lease.give()
            self.tidy()

    def tidy(self) -> None:
        """Leave nothing where everything is sent; what another process puts there keeps it."""
        with suppress(OSError):
            if not self.files():
                for rest in (self.path / SENDING, *self.path.glob(".*.tmp")):
                    rest.unlink(missing_ok=True)
                self.path.rmdir()
                self.path.parent.rmdir()


def _parsed(path: Path) -> Iterator[Record]:
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and "op" in record:
                    yield record

"""Checkpoints on disk: whole or not there, the last two kept, read without running code."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch

from hpsearch.atomic import sync, temporary_file

__all__ = ["Checkpoints"]

log = logging.getLogger(__name__)

KEPT = 2
DIGITS = 16
# 0007-step-000120-best-000100-<digest>.pt: which of the trial's checkpoints, after which step, the
# best evaluation by then, the content.
NAME = re.compile(rf"(\d+)-step-(\d+)(?:-best-(\d+))?-([0-9a-f]{{{DIGITS}}})\.pt")


class _Entry(NamedTuple):
    number: int
    step: int
    best: int | None
    digest: str
    path: Path


@dataclass
class Checkpoints:
    """The checkpoints of one trial, and beside them the best models that they speak of.

    Attributes:
        folder: where they lie.
        every_steps: optimiser steps from one to the next, or None.
        every_seconds: seconds from one to the next, or None.
        min_seconds: an evaluation has none of its own where the last one is younger.
        check: raises where nothing may be written there any more.
    """

    folder: Path
    every_steps: int | None = None
    every_seconds: float | None = None
    min_seconds: float = 0.0
    check: Callable[[], None] = lambda: None
    _written: float = field(default_factory=time.monotonic)

    def due(self, step: int) -> bool:
        """Whether to write one after this step."""
        if self.every_steps is not None and step % self.every_steps == 0:
            return True
        waited = time.monotonic() - self._written
        return self.every_seconds is not None and waited >= self.every_seconds

    def due_at_evaluation(self, step: int) -> bool:
        """Whether to write one after this step, after which there was an evaluation."""
        return self.due(step) or time.monotonic() - self._written >= self.min_seconds

    def write(self, state: dict[str, Any], *, step: int, best: int | None) -> None:
        """Keep a training's state; where the disk refuses, warn: the one before stays."""
        self._written = time.monotonic()
        self.check()
        try:
            self._write(state, step=step, best=best)
        except (OSError, RuntimeError) as error:  # torch turns what a write raises into the latter
            if not isinstance(error, OSError) and not isinstance(error.__context__, OSError):
                raise
            log.warning(
                "no checkpoint after step %d (%s); training goes on, and would begin again %s",
                step,
                " ".join(str(error.__context__ or error).split()),
                f"after step {self.steps()[-1]}" if self.steps() else "from the start",
            )
            return
        self.check()  # a large one takes its time
        self._tidy()

    def read(self) -> dict[str, Any] | None:
        """The newest state that is whole; None where there is none."""
        for entry in reversed(self._entries()):
            try:
                return _load(entry)
            except Exception as error:  # whatever a damaged file makes of the unpickler
                reason = " ".join(str(error).split())
                log.warning(
                    "checkpoint %s is damaged (%s), trying the one before", entry.path, reason
                )
        return None

    def best(self, step: int) -> Path:
        """The folder of the best model, evaluated after this step."""
        return self.folder / f"best-{step:06d}"

    def steps(self) -> list[int]:
        """After which steps there is a checkpoint, oldest first."""
        return [entry.step for entry in self._entries()]

    def remove(self) -> None:
        """All of them: the trial has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, state: dict[str, Any], *, step: int, best: int | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        number = max((entry.number for entry in self._entries()), default=0) + 1
        with temporary_file(self.folder / "step.pt") as (path, file):
            hashing = _Hashing(file)
            torch.save(state, hashing)  # type: ignore[arg-type]  # it only writes and flushes
            sync(file)
            of_best = "" if best is None else f"-best-{best:06d}"
            name = f"{number:04d}-step-{step:06d}{of_best}-{hashing.digest.hexdigest()[:DIGITS]}.pt"
            path.replace(self.folder / name)

    def _entries(self) -> list[_Entry]:
        """In the order in which they were written."""
        found = []
        for path in self.folder.glob("*.pt"):
            if match := NAME.fullmatch(path.name):
                best = None if match[3] is None else int(match[3])
                found.append(_Entry(int(match[1]), int(match[2]), best, match[4], path))
        return sorted(found)

    def _tidy(self) -> None:
        """Remove all but the last ones, and the models that these do not speak of."""
        entries = self._entries()
        for entry in entries[:-KEPT]:
            entry.path.unlink(missing_ok=True)
        spoken_of = {self.best(e.best) for e in entries[-KEPT:] if e.best is not None}
        for model in self.folder.glob("best-*"):
            if model not in spoken_of:
                shutil.rmtree(model, ignore_errors=True)


class _Hashing:
    """A file that hashes what goes through it: torch itself does not see a flipped bit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def _load(entry: _Entry) -> dict[str, Any]:
    with entry.path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS] != entry.digest:
            raise ValueError("its content is not what was written")
    state: dict[str, Any] = torch.load(entry.path, map_location="cpu", weights_only=True)
    return state

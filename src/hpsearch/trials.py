"""The trial store: a folder for each trial, named by what the trial is."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.atomic import remove_leftovers, write_bytes, write_text
from hpsearch.lease import Lease, is_held
from hpsearch.timing import phase

__all__ = ["METRICS", "Result", "TrialFolder", "TrialStore", "versions"]

log = logging.getLogger(__name__)

RESULT = "result.json"
PREDICTIONS = "val_probabilities.npy"
LABELS = "val_labels.npy"
BEST = "best"
CHECKPOINTS = "checkpoints"
METRICS = "metrics.json"
LEASE = ".lease"


@dataclass(frozen=True)
class Result:
    """A finished trial: the best evaluation, every evaluation, and what it was run on."""

    fingerprint: str
    best: dict[str, float]
    history: list[dict[str, float]]
    stopped_early: bool
    seconds: float
    config: dict[str, Any]
    data: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    # Each return to a checkpoint after a divergence; the sizes that fitted into memory.
    rollbacks: list[str] = field(default_factory=list)
    sizes: dict[str, int | bool] = field(default_factory=dict)
    # Seconds of each phase up to here, in the process that ended the trial.
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialFolder:
    """What is kept of one trial: ``best/``, the validation probabilities, ``result.json``.

    Until it has finished, ``checkpoints/`` instead, with the best model so far.

    Attributes:
        path: where it lies.
        check: raises :class:`LeaseLostError` where another process trains the trial by now; called
            before anything is written.
    """

    path: Path
    check: Callable[[], None] = field(default=lambda: None, compare=False)

    @property
    def best(self) -> Path:
        """The best model, in the ``save_pretrained`` layout."""
        return self.path / BEST

    @property
    def checkpoints(self) -> Path:
        """What an unfinished trial goes on from."""
        return self.path / CHECKPOINTS

    @contextmanager
    def held(self) -> Iterator[TrialFolder]:
        """Nobody else trains this trial meanwhile, here or on another host; waits for whoever does.

        Two points of a search can be one trial (``head.dim=0`` has no activation). What a killed
        process held is free. The folder to use in the block is the one that it gets.
        """
        lease = Lease(self.path / LEASE)
        if not lease.take(0):
            text = "another process trains the same trial, or did a moment ago; waiting for it: %s"
            log.info(text, self.path)
            lease.take()
        try:
            remove_leftovers(self.path)
            remove_leftovers(self.checkpoints)
            yield replace(self, check=lease.check)
        finally:
            lease.give()

    def is_held(self) -> bool:
        """Whether a process is training this trial."""
        return is_held(self.path / LEASE)

    def result(self) -> Result | None:
        """The result of a finished trial; None where it or its model is not there."""
        file = self.path / RESULT
        if not file.is_file() or not (self.best / "config.yaml").is_file():
            return None
        try:
            return Result(**json.loads(file.read_text()))
        except (ValueError, TypeError) as error:
            log.warning("%s is damaged (%s): the trial is trained again", file, error)
            return None

    def reopen(self, best_folder: Callable[[int], Path]) -> None:
        """Undo a :meth:`finish` that was killed before the result stood: its model is a best one
        so far again, under the name that ``best_folder`` gives the model of a step."""
        if self.best.is_dir():
            metrics = json.loads((self.best / METRICS).read_text())
            target = best_folder(int(metrics["step"]))
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.best.rename(target)

    @phase("checkpoint")
    def finish(
        self,
        result: Result,
        probabilities: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int64],
        *,
        model: Path,
    ) -> None:
        """Store the model, what it says of the validation examples, then the result.

        ``probabilities`` has shape (validation examples, classes), ``labels`` (examples,).
        """
        self.check()
        model.rename(self.best)
        for name, array in ((PREDICTIONS, probabilities), (LABELS, labels)):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            write_bytes(self.path / name, buffer.getvalue())
        self.check()
        write_text(self.path / RESULT, json.dumps(asdict(result), indent=2) + "\n")
        self.remove_checkpoints()

    def remove_checkpoints(self) -> None:
        """Nothing goes on from them any more."""
        self.check()
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def probabilities(self) -> npt.NDArray[np.float32]:
        """Of the best model: (validation examples, classes), in the split's order."""
        loaded: npt.NDArray[np.float32] = np.load(self.path / PREDICTIONS, allow_pickle=False)
        return loaded

    def judged(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]] | None:
        """Which validation examples the best model has right, and their labels, both (examples,);
        None where they are not kept."""
        try:
            labels: npt.NDArray[np.int64] = np.load(self.path / LABELS, allow_pickle=False)
            predicted = self.probabilities().argmax(axis=1)
        except (OSError, ValueError):
            return None
        return (predicted == labels, labels) if predicted.shape == labels.shape else None


class TrialStore:
    """All trials below an output folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "outputs" / "trials"

    def open(self, fingerprint: str) -> TrialFolder:
        """The trial's folder, which is made where there is none."""
        found = self.look(fingerprint)
        found.path.mkdir(parents=True, exist_ok=True)
        return found

    def look(self, fingerprint: str) -> TrialFolder:
        """The trial's folder, which may not be there."""
        return TrialFolder(self.folder / fingerprint)


@cache
def versions() -> dict[str, str]:
    """Of the libraries that can change a result."""
    from importlib.metadata import version

    return {name: version(name) for name in ("hpsearch", "torch", "transformers", "tokenizers")}

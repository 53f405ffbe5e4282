"""Recorded learning curves of a grid, and what a search with a pruner would have made of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import optuna
from hydra_plugins.hpsearch_sweeper import trial as sweeper_trial
from hydra_plugins.hpsearch_sweeper.trial import TrialHandle

__all__ = ["Curves", "Outcome", "read_curves", "search", "write_curves"]

Array = npt.NDArray[np.float64]
SEED = "seed"


@dataclass(frozen=True)
class Curves:
    """Validation accuracies (points, seeds, epochs); the points in the grid's own order."""

    keys: tuple[str, ...]
    points: tuple[tuple[str, ...], ...]
    values: Array

    @property
    def epochs(self) -> int:
        return self.values.shape[2]

    @property
    def best(self) -> Array:
        """Of each run, at the epoch whose checkpoint is kept: (points, seeds)."""
        found: Array = self.values.max(axis=2)
        return found

    @property
    def quality(self) -> Array:
        """What a point is worth: the mean of ``best`` over all recorded seeds, (points,)."""
        found: Array = self.best.mean(axis=1)
        return found


class Outcome(NamedTuple):
    """What a search came to: what it spent, and the point that it calls the best."""

    steps: int
    chosen: int


def write_curves(file: Path, curves: Curves) -> None:
    """A row a run: the point, the seed, the accuracy after each epoch."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*curves.keys, SEED, *range(1, curves.epochs + 1)])
        for point, runs in zip(curves.points, curves.values, strict=True):
            for seed, run in enumerate(runs):
                writer.writerow([*point, seed, *(f"{value:.6g}" for value in run)])


def read_curves(file: Path) -> Curves:
    """The inverse of :func:`write_curves`."""
    with file.open(newline="", encoding="utf-8") as source:
        head, *rows = csv.reader(source)
    width = head.index(SEED)
    points = tuple(dict.fromkeys(tuple(row[:width]) for row in rows))
    values = np.array([[float(x) for x in row[width + 1 :]] for row in rows])
    return Curves(tuple(head[:width]), points, values.reshape(len(points), -1, values.shape[1]))


def search(
    values: Array,
    returned: Array,
    pruner: Mapping[str, Any],
    *,
    name: str,
    order: Sequence[int],
) -> Outcome:
    """One sweep, a trial after the other, with recorded values in place of the training.

    Args:
        values: what each point's trial reports, (points, steps).
        returned: what it returns if nobody stops it, (points,).
        pruner: what `hydra.sweeper.pruner` composes to. It is asked as a job asks it.
        name: of the study: by it Hyperband chooses the bracket of each trial.
        order: the points in the order of their trials.
    """
    with _study(name) as study:
        steps = sum(_run(study, values[x], returned[x], pruner=dict(pruner)) for x in order)
        return Outcome(steps, order[study.best_trial.number])


@contextmanager
def _study(name: str) -> Iterator[optuna.Study]:
    storage = optuna.storages.InMemoryStorage()
    sampler = optuna.samplers.RandomSampler()  # never asked: the points are those of the grid
    sweeper_trial.announce(name, storage)
    try:
        yield optuna.create_study(
            study_name=name, storage=storage, sampler=sampler, direction="maximize"
        )
    finally:
        sweeper_trial.forget(name)


def _run(study: optuna.Study, values: Array, returned: float, *, pruner: dict[str, Any]) -> int:
    """One trial, told as `hpsearch.run` tells it; the steps that it took."""
    number = study.ask().number
    handle = TrialHandle(number=number, study_name=study.study_name, pruner=pruner)
    for step, value in enumerate(values, start=1):
        handle.report(float(value), step)
        if handle.should_prune():
            study.tell(number, state=optuna.trial.TrialState.PRUNED)
            return step
    study.tell(number, float(returned))
    return len(values)

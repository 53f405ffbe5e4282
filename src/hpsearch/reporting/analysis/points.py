"""Points of a search and their replicates: trials that differ in nothing but the seed."""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from hpsearch.tracking.names import canonical
from hpsearch.tracking.study import Study, figure

__all__ = [
    "ABSENT",
    "SEED",
    "Point",
    "is_replicated",
    "once_per_study",
    "point_keys",
    "points",
    "varied_keys",
]

T = TypeVar("T")

SEED = "seed"  # a replicate's key: no hyper-parameter, whatever was searched
METRICS = ("val/accuracy", "val/loss")
ABSENT = "—"  # the trial has no such parameter


@dataclass(frozen=True)
class Point:
    """The finished trials at one point, best first; each list has one entry a trial.

    Attributes:
        cells: searched key that varied → its value, without the seed.
        rows: labels of the trials' rows in ``Study.runs``.
        seeds: in one spelling; alike where the trials have none.
        fingerprints: the trials' names in the trial store.
        figures: metric → its value at the best epoch.
    """

    cells: Mapping[str, str]
    rows: list[Any] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def accuracies(self) -> dict[str, float]:
        """Seed → validation accuracy."""
        return dict(zip(self.seeds, self.figures["val/accuracy"], strict=True))

    def fingerprint(self, seed: str) -> str:
        return self.fingerprints[self.seeds.index(seed)]

    def mean(self, metric: str) -> float:
        """Over the seeds; NaN where one has no figure."""
        return math.fsum(self.figures[metric]) / len(self.rows)

    @property
    def deviation(self) -> float:
        """Standard deviation of the accuracy over seeds (n - 1); NaN for one seed."""
        values = self.figures["val/accuracy"]
        return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def once_per_study(function: Callable[[Study], T]) -> Callable[[Study], T]:
    """Compute it at the first call for a study, and keep it for as long as that study lives.

    The sections of a report all begin with the same points. What is kept is not to be changed.
    """
    kept: WeakKeyDictionary[Study, T] = WeakKeyDictionary()

    @functools.wraps(function)
    def call(study: Study) -> T:
        if study not in kept:
            kept[study] = function(study)
        return kept[study]

    return call


@once_per_study
def points(study: Study) -> list[Point]:
    """Best first: by mean validation accuracy, then by mean loss, then by name."""
    runs, keys = study.finished(), point_keys(study)
    cells = runs[[f"params.{key}" for key in keys]].fillna(ABSENT).astype(str)
    found: dict[str, Point] = {}
    names = runs["fingerprint"].fillna("").astype(str)
    figures = np.column_stack([figure(runs, metric) for metric in METRICS]).tolist()
    rows = zip(runs.index, cells.to_numpy().tolist(), _seeds(runs), names, figures, strict=True)
    for row, texts, seed, name, values in rows:
        known = Point(dict(zip(keys, texts, strict=True)))
        point = found.setdefault(json.dumps([canonical(text) for text in texts]), known)
        point.rows.append(row)
        point.seeds.append(seed)
        point.fingerprints.append(name)
        for metric, value in zip(METRICS, values, strict=True):
            point.figures[metric].append(value)
    return sorted(found.values(), key=_rank)


def _seeds(runs: pd.DataFrame) -> list[str]:
    found = runs.get(f"params.{SEED}", pd.Series("", index=runs.index))
    return [canonical(str(seed)) for seed in found]


def _rank(point: Point) -> tuple[float, ...]:
    accuracy, loss = point.mean("val/accuracy"), point.mean("val/loss")
    lost = (math.isnan(accuracy), math.isnan(loss))  # nothing compares with NaN
    return (lost[0], 0.0 if lost[0] else -accuracy, lost[1], 0.0 if lost[1] else loss)


def is_replicated(study: Study) -> bool:
    """Whether its trials have several seeds."""
    return SEED in varied_keys(study)


def point_keys(study: Study) -> list[str]:
    """The searched keys that took more than one value, without the seed."""
    return [key for key in varied_keys(study) if key != SEED]


@once_per_study
def varied_keys(study: Study) -> list[str]:
    """The searched keys that took more than one value, the base's own among them.

    In the order of the command; where nothing was searched but several runs share the
    study's name, every parameter that differs between them, in alphabetical order.
    """
    keys = [column.removeprefix("params.") for column in study.point_columns()]
    base: Mapping[str, str] = study.base if study.keys else {}
    return [key for key in keys if len(_values(study, key, base)) > 1]


def _values(study: Study, key: str, base: Mapping[str, str]) -> set[str]:
    found = {canonical(str(value)) for value in study.runs[f"params.{key}"].dropna()}
    return found | ({canonical(base[key])} if key in base else set())

"""Points of a search and their replicates: trials that differ in nothing but the seed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from hpsearch.tracking.names import canonical
from hpsearch.tracking.study import Study, figure

__all__ = ["ABSENT", "SEED", "Point", "is_replicated", "point_keys", "points", "varied_keys"]

SEED = "seed"  # a replicate's key: no hyper-parameter, whatever was searched
ABSENT = "—"  # the trial has no such parameter


@dataclass(frozen=True)
class Point:
    """The finished trials at one point.

    Attributes:
        cells: searched key that varied → its value, without the seed.
        runs: a row a seed, best first, as in ``Study.runs``.
    """

    cells: Mapping[str, str]
    runs: pd.DataFrame

    @cached_property
    def accuracies(self) -> dict[str, float]:
        """Seed → validation accuracy at the best epoch."""
        return dict(zip(self._seeds, figure(self.runs, "val/accuracy").tolist(), strict=True))

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Seed → the trial's name in the trial store."""
        return dict(zip(self._seeds, self.runs["fingerprint"].astype(str), strict=True))

    @property
    def _seeds(self) -> list[str]:
        """One a row; alike where the trials have none."""
        found = self.runs.get(f"params.{SEED}", pd.Series("", index=self.runs.index))
        return [canonical(str(seed)) for seed in found]

    def mean(self, metric: str) -> float:
        """Over the seeds; NaN where one has no figure."""
        return float(figure(self.runs, metric).mean(skipna=False))

    @property
    def deviation(self) -> float:
        """Standard deviation of the accuracy over seeds (n - 1); NaN for one seed."""
        return float(pd.Series(self.accuracies).std(ddof=1))


def points(study: Study) -> list[Point]:
    """Best first: by mean validation accuracy, then by mean loss, then by name."""
    rows, keys = study.finished(), point_keys(study)
    cells = rows[[f"params.{key}" for key in keys]].fillna(ABSENT).astype(str)
    texts = [json.dumps([canonical(x) for x in row]) for row in cells.to_numpy().tolist()]
    groups = rows.groupby(pd.Series(texts, index=rows.index, dtype=object), sort=False)
    found = [
        Point(dict(zip(keys, cells.loc[runs.index[0]].tolist(), strict=True)), runs)
        for _, runs in groups
    ]
    return sorted(found, key=_rank)


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

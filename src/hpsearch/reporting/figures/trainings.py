"""How the trainings of a point went, evaluation by evaluation."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["METRICS", "Curve", "Series", "Training", "common", "trainings"]

METRICS = ("train/loss", "val/loss", "val/accuracy")
INFINITE = 1e300  # MLflow keeps infinity as the largest number of 64 bits

Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """One trial: all arrays have shape (evaluations,); what was not measured is NaN."""

    epochs: Series
    metrics: dict[str, Series]


@dataclass(frozen=True)
class Curve:
    """A metric over the seeds of a point, shapes (evaluations,), as far as all seeds went."""

    epochs: Series
    mean: Series
    low: Series
    high: Series


def trainings(histories: pd.DataFrame) -> dict[Hashable, Training]:
    """``run_id`` → its training, from rows of ``run_id, metric, step, value``.

    Of two values for one step the later row counts; a run without epochs is drawn by its steps.
    """
    known = histories[histories["metric"].isin([*METRICS, "epoch"])]
    index = ["run_id", "step", "metric"]
    last = known.drop_duplicates(index, keep="last").set_index(index)["value"].astype(float)
    wide = last.unstack("metric").sort_index().reindex(columns=[*METRICS, "epoch"])
    wide = wide.mask(wide.abs() > INFINITE)
    values = {name: wide[name].to_numpy(dtype=float) for name in (*METRICS, "epoch")}
    steps = wide.index.get_level_values("step").to_numpy(dtype=float)
    # A frame for each of thousands of runs would take seconds.
    return {run: _training(steps, values, rows) for run, rows in _places(wide.index).items()}


def _places(index: pd.Index[Any]) -> dict[Hashable, slice]:
    """Run id → its rows in a sorted index."""
    run_ids = index.get_level_values("run_id").to_numpy()
    begins = np.flatnonzero(run_ids[1:] != run_ids[:-1]) + 1
    edges = [0, *begins.tolist(), len(run_ids)] if len(run_ids) else []
    return {run_ids[begin]: slice(begin, end) for begin, end in pairwise(edges)}


def _training(steps: Series, values: Mapping[str, Series], rows: slice) -> Training:
    epochs = values["epoch"][rows]
    at = steps[rows] if np.isnan(epochs).any() else epochs
    return Training(at, {metric: values[metric][rows] for metric in METRICS})


def common(seeds: Sequence[Training], metric: str) -> Curve:
    """Mean, smallest and largest over the seeds; beyond the shortest they are of fewer seeds."""
    length = min(len(one.epochs) for one in seeds)
    values = np.array([one.metrics[metric][:length] for one in seeds])
    return Curve(seeds[0].epochs[:length], values.mean(axis=0), values.min(axis=0),
                 values.max(axis=0))  # fmt: skip

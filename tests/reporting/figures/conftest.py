"""Studies as the tracker reads them, made by hand: a figure needs no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from hpsearch.tracking.study import Study

MINUTE = 60.0

Make = Callable[..., Study]
Histories = Callable[..., pd.DataFrame]

TAGS = ("error", "fingerprint", "data", "digest", "source", "n_train", "n_val", "folder", "command")


@pytest.fixture(scope="session")
def make() -> Make:
    """A study of trials, each its parameters with ``accuracy``, and if need be ``status``, ``last``
    (accuracy), ``start``, ``end`` (seconds), ``fingerprint`` and ``seconds`` (trained)."""

    def study(
        trials: Sequence[Mapping[str, Any]], *, base: Mapping[str, str], **tags: str
    ) -> Study:
        rows = [_row(n, dict(trial)) for n, trial in enumerate(trials)]
        columns = ["run_id", "name", "status", "start", "end", *TAGS]
        frame = pd.DataFrame(rows, columns=None if rows else columns)
        for moment in ("start", "end"):
            frame[moment] = pd.to_datetime(frame[moment], unit="s", utc=True)
        return Study(
            "s", dict(base), list(base), frame, {f"hpsearch.{k}": v for k, v in tags.items()}
        )

    return study


def _row(n: int, trial: dict[str, Any]) -> dict[str, object]:
    status = trial.pop("status", "FINISHED")
    accuracy = trial.pop("accuracy", float("nan"))
    start = trial.pop("start", n * MINUTE)
    row: dict[str, object] = dict.fromkeys(TAGS)
    row |= {"run_id": f"r{n}", "name": f"t{n}", "status": status, "start": start}
    row |= {"end": trial.pop("end", start + MINUTE), "fingerprint": trial.pop("fingerprint", None)}
    row["metrics.val/accuracy"] = trial.pop("last", accuracy)
    if status == "FINISHED":
        row |= {"metrics.best/val/accuracy": accuracy, "metrics.best/val/loss": 1.0 - accuracy}
        row["metrics.best/seconds"] = trial.pop("seconds", float("nan"))
    return row | {f"params.{key}": str(value) for key, value in trial.items()}


@pytest.fixture(scope="session")
def histories() -> Histories:
    """The long frame of some runs, from ``run_id`` → accuracies, one an epoch."""

    def frame(accuracies: Mapping[str, Sequence[float]]) -> pd.DataFrame:
        rows = []
        for run, values in accuracies.items():
            for step, value in enumerate(values, start=1):
                metrics = {"epoch": float(step), "val/accuracy": value, "val/loss": 1.0 - value}
                metrics["train/loss"] = 1.0 / step
                rows += [(run, metric, step, one) for metric, one in metrics.items()]
        return pd.DataFrame(rows, columns=["run_id", "metric", "step", "value"])

    return frame

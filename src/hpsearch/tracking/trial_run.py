"""One trial's run in MLflow, written in a few batches."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from hpsearch.errors import TrackingError
from hpsearch.tracking import names
from hpsearch.tracking.database import mlflow_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

__all__ = ["DataInfo", "TrialRun"]

logger = logging.getLogger(__name__)

LONGEST_DIGEST = 36


@dataclass(frozen=True)
class DataInfo:
    """What a trial was trained and validated on."""

    name: str
    digest: str
    source: str  # a folder or file, an http(s) address, or a name on the hub
    n_train: int
    n_val: int
    classes: Sequence[str]

    def tags(self) -> dict[str, str]:
        return {
            names.DATA: self.name,
            names.DIGEST: self.digest,
            names.SOURCE: self.source,
            names.N_TRAIN: str(self.n_train),
            names.N_VAL: str(self.n_val),
            names.CLASSES: names.as_text(list(self.classes)),
        }


class TrialRun:
    """A run being written; leaving the ``with`` block sets its final status.

    FINISHED after a normal exit, FAILED after an exception (its text in the tag
    ``hpsearch.error``), KILLED after Ctrl-C or ``sys.exit``. A run that is continued keeps
    what it has: a step that is already there is not written again.
    """

    def __init__(self, client: MlflowClient, run: Run, *, continued: bool = False) -> None:
        self.run_id: str = run.info.run_id
        self._client = client
        self._continued = continued
        self._steps: dict[str, set[int]] = {}  # metric → the steps that MLflow has
        self._had = dict(run.data.metrics)
        # A trial that had finished keeps its end time, unless something is added to it.
        self._ended = run.info.end_time if run.info.status == "FINISHED" else None

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Write one epoch's metrics, in one batch."""
        new = {key: value for key, value in metrics.items() if step not in self._known(key)}
        for key in new:
            self._steps[key].add(step)
        self._write(new, step=step)

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Write the figures of the best epoch, each as ``best/<metric>``."""
        best = {f"{names.BEST}{key}": float(value) for key, value in metrics.items()}
        new = {key: value for key, value in best.items() if not _equal(self._had.get(key), value)}
        self._had |= new
        self._write(new, step=0)

    def artifacts(self, folder: Path, *, under: str) -> None:
        """Copy a folder's files to MLflow, below ``under``."""
        with mlflow_errors(f"copying {folder}"):
            self._client.log_artifacts(self.run_id, str(folder), under)

    def text(self, text: str, *, path: str) -> None:
        """Keep a text as an artifact, such as ``config.yaml``."""
        with mlflow_errors(f"writing {path}"):
            self._client.log_text(self.run_id, text, path)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Set tags, such as ``hpsearch.folder``; a tag that is there is overwritten."""
        write_batch(self._client, self.run_id, tags=tags)

    def pruned(self, *, step: int) -> None:
        """Say that the trial was given up at this step; call it before the exception leaves."""
        self.tag({names.PRUNED: str(step)})

    def __enter__(self) -> TrialRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        if error is None:
            self._end("FINISHED", {})
            return False
        killed = not isinstance(error, Exception)
        try:
            self._end("KILLED" if killed else "FAILED", {names.ERROR: describe(error)})
        except TrackingError as second:  # the first error is the one to see
            logger.warning("the run's end could not be written: %s", second)
        return False

    def _end(self, status: str, tags: Mapping[str, str]) -> None:
        write_batch(self._client, self.run_id, tags=tags)
        with mlflow_errors("ending a run"):
            ended = self._ended if status == "FINISHED" else None
            self._client.set_terminated(self.run_id, status, ended)

    def _known(self, key: str) -> set[int]:
        if key not in self._steps:
            self._steps[key] = self._read_steps(key) if self._continued else set()
        return self._steps[key]

    def _read_steps(self, key: str) -> set[int]:
        with mlflow_errors(f"reading {key}"):
            return {m.step for m in self._client.get_metric_history(self.run_id, key)}

    def _write(self, metrics: Mapping[str, float], *, step: int) -> None:
        if metrics:
            self._ended = None
            write_batch(self._client, self.run_id, metrics=metrics, step=step)


def write_batch(
    client: MlflowClient,
    run_id: str,
    *,
    metrics: Mapping[str, float] | None = None,
    step: int = 0,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write everything in as few requests as MLflow allows. Raises :class:`TrackingError`."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    with mlflow_errors("writing a run"):
        client.log_batch(
            run_id,
            metrics=[Metric(k, float(v), now, step) for k, v in (metrics or {}).items()],
            params=[Param(k, v) for k, v in (params or {}).items()],
            tags=[RunTag(k, v) for k, v in (tags or {}).items()],
        )


def describe(error: BaseException) -> str:
    """``ValueError: no such thing``, on one line."""
    text = " ".join(str(error).split())
    return names.cut(f"{type(error).__name__}: {text}" if text else type(error).__name__, 1000)


def as_input(data: DataInfo) -> DatasetInput:
    """The data set as MLflow shows it, under "Datasets used"."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    kind, source = _source(data.source)
    profile = {"n_train": data.n_train, "n_val": data.n_val, "classes": list(data.classes)}
    dataset = Dataset(
        name=names.cut(data.name, 500),
        digest=data.digest[:LONGEST_DIGEST],
        source_type=kind,
        source=json.dumps(source),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training")])


def _source(source: str) -> tuple[str, dict[str, str]]:
    if source.startswith(("http://", "https://")):
        return "http", {"url": source}
    if Path(source).exists():
        return "local", {"uri": str(Path(source).absolute())}
    return "hpsearch", {"source": source}


def _equal(left: float | None, right: float) -> bool:
    return left == right or (left is not None and math.isnan(left) and math.isnan(right))

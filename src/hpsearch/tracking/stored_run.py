"""One trial's run in a store that answers, written record by record."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hpsearch.atomic import write_text
from hpsearch.linking import link_tree
from hpsearch.tracking import names
from hpsearch.tracking.away import mlflow_errors, patient
from hpsearch.tracking.found import FoundRun
from hpsearch.tracking.places import local_folder
from hpsearch.tracking.records import MetricPoint, Record
from hpsearch.tracking.store import Store

__all__ = ["Point", "StoredRun"]

logger = logging.getLogger(__name__)

Point = tuple[int, int, dict[str, float]]  # step, moment, metric → value


class StoredRun:
    """A run that keeps what it has: a step that is already there is not written again."""

    def __init__(self, store: Store, run: FoundRun, *, continued: bool) -> None:
        self.run_id = run.run_id
        self._store = store
        self._continued = continued
        self._steps: dict[str, set[int]] = {}  # metric → the steps that MLflow has
        self._artifacts = run.artifacts
        self._had = dict(run.metrics)
        # A trial that had finished keeps its end time, unless something is added to it.
        self._ended = run.end if run.status == "FINISHED" else None

    def write(self, record: Record) -> None:
        """Write one record. Raises :class:`TrackingError`; it may be written again then."""
        write = {
            "points": self._write_points,
            "summary": self._write_summary,
            "text": self._write_text,
            "artifacts": self._write_artifacts,
            "tags": self._write_tags,
            "end": self._write_end,
        }[record["op"]]
        write(record)

    def _write_points(self, record: Record) -> None:
        points: Sequence[Point] = record["points"]
        new = self._new(points)
        self._write(new)
        for metric in new:
            self._steps[metric.key].add(metric.step)

    def _new(self, points: Sequence[Point]) -> list[MetricPoint]:
        # In one batch a step may come twice too, where a trial was continued.
        new: dict[tuple[str, int], MetricPoint] = {}
        for step, at, metrics in points:
            for key, value in metrics.items():
                if step not in self._known(key):
                    new.setdefault((key, step), MetricPoint(key, float(value), at, step))
        return list(new.values())

    def _write_summary(self, record: Record) -> None:
        best = {f"{names.BEST}{key}": float(value) for key, value in record["metrics"].items()}
        new = {key: value for key, value in best.items() if not _equal(self._had.get(key), value)}
        self._write([MetricPoint(key, value, record["at"], 0) for key, value in new.items()])
        self._had |= new

    def _write_text(self, record: Record) -> None:
        with patient(), mlflow_errors(f"writing {record['path']}"):
            if (place := local_folder(self._artifacts)) is not None:
                write_text(place / record["path"], record["text"])
            else:
                self._store.client.log_text(self.run_id, record["text"], record["path"])

    def _write_artifacts(self, record: Record) -> None:
        folder = Path(record["folder"])
        if not folder.is_dir():
            logger.warning("%s is gone: it cannot be copied to MLflow any more", folder)
            return
        beside = self._store.artifacts.parent
        with (
            patient(),
            mlflow_errors(f"copying {folder}"),
            _with(folder, record.get("instead", {}), beside=beside) as shown,
        ):
            self._copy(shown, record["under"])

    def _copy(self, folder: Path, under: str) -> None:
        """MLflow would copy into a folder of this machine too."""
        place = local_folder(self._artifacts)
        if place is not None:
            link_tree(folder, place / under)
        else:
            self._store.client.log_artifacts(self.run_id, str(folder), under)

    def _write_tags(self, record: Record) -> None:
        tags: Mapping[str, str] = record["tags"]
        self._store.write(self.run_id, tags=tags)

    def _write_end(self, record: Record) -> None:
        if record["tags"]:
            self._store.write(self.run_id, tags=record["tags"])
        ended = self._ended if record["status"] == "FINISHED" else None
        self._store.end(self.run_id, record["status"], at=ended or record["at"])

    def _known(self, key: str) -> set[int]:
        if key not in self._steps:
            self._steps[key] = self._store.steps(self.run_id, key) if self._continued else set()
        return self._steps[key]

    def _write(self, metrics: list[MetricPoint]) -> None:
        if metrics:
            self._ended = None
            self._store.write(self.run_id, metrics=metrics)


@contextmanager
def _with(folder: Path, texts: Mapping[str, str], *, beside: Path) -> Iterator[Path]:
    """The folder; where files of it have other texts, a folder of links and of these texts."""
    if not texts:
        yield folder
        return
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as temporary:
        for file in folder.rglob("*"):
            name = file.relative_to(folder)
            shown = Path(temporary, name)
            shown.parent.mkdir(parents=True, exist_ok=True)
            if str(name) in texts:
                shown.write_text(texts[str(name)])
            elif file.is_file():
                shown.symlink_to(file.absolute())
        yield Path(temporary)


def _equal(left: float | None, right: float) -> bool:
    return left == right or (left is not None and math.isnan(left) and math.isnan(right))

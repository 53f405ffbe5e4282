"""A study's report beside its figures in MLflow: files below ``report/``, and the description.

Files are copied, never linked: the next report must not change what an earlier one left in
MLflow, nor the other way round.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hpsearch.atomic import new_folder
from hpsearch.errors import TrackingError
from hpsearch.redaction import redact
from hpsearch.tracking import names
from hpsearch.tracking.away import mlflow_errors, patient
from hpsearch.tracking.found import FoundRun
from hpsearch.tracking.places import check_place, local_folder
from hpsearch.tracking.records import MetricPoint, ReportFiles
from hpsearch.tracking.store import Store

__all__ = ["REPORT", "put_report"]

log = logging.getLogger(__name__)

REPORT = "report"  # the artifacts' folder
MORE = "\n\n*… the whole report is among the artifacts, in `report/`.*"


def put_report(store: Store, report: ReportFiles) -> None:
    """Replace the report of the study's own run, or of its one trial where there is none.

    Raises :class:`TrackingError` where MLflow does not have the study, or refuses.
    """
    run = _run(store, report.study)
    check_place(store, run.artifacts)
    place = local_folder(run.artifacts)
    with patient(), mlflow_errors(f"copying the report of {report.study}"):
        if place is not None:
            with new_folder(place / REPORT, replace=True) as temporary:
                _copy(report.files, temporary)
        else:
            _send(store, run, report.files)
    _describe(store, run, report)


def _run(store: Store, study: str) -> FoundRun:
    own = {names.STUDY: study}
    found = store.found({**own, names.KIND: "study"}) or store.found(own)
    if not found:
        raise TrackingError(f"study={study}: {store.uri} has no run of it")
    return found[0]


def _copy(files: Sequence[str], folder: Path) -> None:
    """Side by side, as they lie: links between them stay whole."""
    for name in files:
        file = Path(name)
        if file.is_dir():
            shutil.copytree(file, folder / file.name, ignore=shutil.ignore_patterns(".*"))
        elif file.is_file():
            shutil.copyfile(file, folder / file.name)
        else:
            log.warning("%s is gone: it cannot be copied to MLflow", file)


def _send(store: Store, run: FoundRun, files: Sequence[str]) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # The client can send artifacts, but not delete them.
    uri = run.artifacts
    kept = get_artifact_repository(artifact_uri=uri, tracking_uri=store.uri)
    with tempfile.TemporaryDirectory() as temporary:
        _copy(files, Path(temporary))
        new = {
            f"{REPORT}/{file.relative_to(temporary).as_posix()}"
            for file in Path(temporary).rglob("*")
        }
        store.client.log_artifacts(run.run_id, temporary, REPORT)
    for path in _listed(store, run.run_id, REPORT):
        if path not in new:
            kept.delete_artifacts(path)  # type: ignore[no-untyped-call]


def _listed(store: Store, run_id: str, path: str) -> Iterator[str]:
    for found in store.client.list_artifacts(run_id, path):
        if found.is_dir:
            yield from _listed(store, run_id, found.path)
        else:
            yield found.path


def _describe(store: Store, run: FoundRun, report: ReportFiles) -> None:
    """Write the figures and tags that are new, and the description."""
    figures = {k: v for k, v in report.figures.items() if run.metrics.get(k) != v}
    tags = {k: v for k, v in report.tags.items() if run.tags.get(k) != v}
    tags |= _description(run.tags, report.note)
    metrics = [MetricPoint(key, value, report.at, 0) for key, value in figures.items()]
    if metrics or tags:
        store.write(run.run_id, metrics=metrics, tags=tags)


def _description(tags: Mapping[str, str], note: str) -> dict[str, str]:
    """The tags of a new one; none where a person wrote another one, or nothing is new."""
    had = tags.get(names.NOTE, "")
    if had and _digest(had) != tags.get(names.NOTE_DIGEST):
        return {}
    text = _shortened(redact(note.strip()))
    return {names.NOTE: text, names.NOTE_DIGEST: _digest(text)} if text and text != had else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shortened(text: str) -> str:
    """Whole lines only: half a row would break a table."""
    if len(text) <= names.LONGEST_TAG:
        return text
    kept = text[: names.LONGEST_TAG - len(MORE)]
    return kept.rpartition("\n")[0].rstrip() + MORE

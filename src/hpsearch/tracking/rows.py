"""Runs in MLflow's sqlite file, written by SQL, row for row as MLflow writes them.

To open MLflow's store and to compile its statements, anew in each process, takes a third of a
second; a head on cached features trains in less. Where the tables are not exactly the known ones,
or MLflow would refuse or change a value, nothing is written and MLflow's client does it. Source of
the rules: ``mlflow.store.tracking.sqlalchemy_store`` and ``mlflow.utils.validation``.
"""

from __future__ import annotations

import math
import posixpath
import re
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from hpsearch.errors import TrackerAwayError
from hpsearch.tracking import names
from hpsearch.tracking.found import FoundRun
from hpsearch.tracking.records import MetricPoint
from hpsearch.tracking.tables import SECONDS, columns_of

__all__ = ["add_dataset", "add_run", "delete_tag", "end_run", "reopen_run", "write_run"]

TABLES = {
    "experiments": {
        *("experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time"),
        *("last_update_time", "workspace"),
    },
    "runs": {
        *("run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id"),
        *("status", "start_time", "end_time", "source_version", "lifecycle_stage"),
        *("artifact_uri", "experiment_id", "deleted_time"),
    },
    "tags": {"key", "value", "run_uuid"},
    "params": {"key", "value", "run_uuid"},
    "metrics": {"key", "value", "timestamp", "run_uuid", "step", "is_nan"},
    "latest_metrics": {"key", "value", "timestamp", "step", "is_nan", "run_uuid"},
    "datasets": {
        *("dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type"),
        *("dataset_source", "dataset_schema", "dataset_profile"),
    },
    "inputs": {
        *("input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step"),
    },
    "input_tags": {"input_uuid", "name", "value"},
}
ALLOWED = re.compile(r"[/\w.\- :]+", re.ASCII)  # of a key
LARGEST = 1.7976931348623157e308  # for what is infinite

NEW_RUN = (
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
    " status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
    " VALUES (?, ?, 'UNKNOWN', '', '', 'unknown', 'RUNNING', ?, '', 'active', ?, ?)"
)
PUT_TAG = (
    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
    " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)
NEW_PARAM = "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)"
NEW_METRIC = (
    "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
PUT_LATEST = (
    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET"
    " value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,"
    " is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value)"
    " > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)"
)
NEW_DATASET = (
    "INSERT INTO datasets (dataset_uuid, name, digest, dataset_source_type, dataset_source,"
    " dataset_profile, experiment_id) SELECT ?, ?, ?, ?, ?, ?, experiment_id FROM runs"
    " WHERE run_uuid = ? ON CONFLICT (experiment_id, name, digest) DO NOTHING"
)
NEW_INPUT = (
    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id)"
    " SELECT ?, 'DATASET', dataset_uuid, 'RUN', ? FROM datasets JOIN runs USING (experiment_id)"
    " WHERE datasets.name = ? AND digest = ? AND run_uuid = ?"
)
NEW_INPUT_TAG = "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)"


class _ForTheClientError(Exception):
    """What is asked for is not plain enough."""


def add_run(
    file: Path,
    experiment: str,
    name: str,
    *,
    at: int,
    tags: Mapping[str, str],
    params: Mapping[str, str],
    dataset: Mapping[str, str] | None,
) -> FoundRun | None:
    """A new run with all that it begins with, or nothing at all.

    ``experiment`` is an id, ``at`` milliseconds since 1970, ``dataset`` the fields of MLflow's.
    """
    run_id, tags = uuid.uuid4().hex, {**tags, names.RUN_NAME: name}
    try:
        _check_texts(params, longest=names.LONGEST_VALUE)
        _check_texts(tags, longest=names.LONGEST_TAG)
        with _transaction(file) as connection:
            place = f"{_artifacts_of(connection, experiment)}/{run_id}/artifacts"
            connection.execute(NEW_RUN, [run_id, name, at, place, int(experiment)])
            connection.executemany(PUT_TAG, _rows(tags, run_id))
            connection.executemany(NEW_PARAM, _rows(params, run_id))
            if dataset is not None:
                _add_dataset(connection, run_id, dataset)
    except _ForTheClientError:
        return None
    return FoundRun(run_id, name, "RUNNING", at, None, place, tags, params, {})


def write_run(
    file: Path,
    run_id: str,
    *,
    metrics: Sequence[MetricPoint],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> bool:
    """Add to an active run, all or nothing; whether it was done."""
    try:
        _check_texts(params, longest=names.LONGEST_VALUE)
        _check_texts(tags, longest=names.LONGEST_TAG)
        _check_keys(metric.key for metric in metrics)
        if names.RUN_NAME in tags:  # the run has another name then too
            raise _ForTheClientError
        with _transaction(file) as connection:
            _check_active(connection, run_id)
            connection.executemany(NEW_PARAM, _rows(params, run_id))
            values = [_value_row(metric, run_id) for metric in metrics]
            connection.executemany(NEW_METRIC, values)
            connection.executemany(PUT_LATEST, values)
            connection.executemany(PUT_TAG, _rows(tags, run_id))
    except _ForTheClientError:
        return False
    return True


def end_run(file: Path, run_id: str, status: str, *, at: int) -> bool:
    """Give an active run its end; whether it was done."""
    query = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?"
    return _change(file, run_id, query, [status, at, run_id])


def reopen_run(file: Path, run_id: str) -> bool:
    """Let an active run run again; whether it was done."""
    query = "UPDATE runs SET status = 'RUNNING' WHERE run_uuid = ?"
    return _change(file, run_id, query, [run_id])


def delete_tag(file: Path, run_id: str, tag: str) -> bool:
    """Of an active run; whether it was done."""
    return _change(file, run_id, "DELETE FROM tags WHERE run_uuid = ? AND key = ?", [run_id, tag])


def add_dataset(file: Path, run_id: str, dataset: Mapping[str, str]) -> bool:
    """Give an active run a data set, unless it has one; whether it has one now."""
    try:
        with _transaction(file) as connection:
            _check_active(connection, run_id)
            query = "SELECT 1 FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?"
            if connection.execute(query, [run_id]).fetchone() is None:
                _add_dataset(connection, run_id, dataset)
    except _ForTheClientError:
        return False
    return True


def _change(file: Path, run_id: str, query: str, given: Sequence[object]) -> bool:
    try:
        with _transaction(file) as connection:
            _check_active(connection, run_id)
            connection.execute(query, given)
    except _ForTheClientError:
        return False
    return True


@contextmanager
def _transaction(file: Path) -> Iterator[sqlite3.Connection]:
    """Raises :class:`TrackerAwayError` where the file stays locked."""
    address = f"{file.as_uri()}?mode=rw"  # it is never made here
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=SECONDS)) as connection,
            connection,
        ):
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            if any(columns_of(connection, table) != known for table, known in TABLES.items()):
                raise _ForTheClientError
            yield connection
    except sqlite3.OperationalError as error:
        raise TrackerAwayError(f"{file}: {error}") from None
    except sqlite3.Error:  # such as a parameter that has another value
        raise _ForTheClientError from None


def _artifacts_of(connection: sqlite3.Connection, experiment: str) -> str:
    query = "SELECT artifact_location, lifecycle_stage FROM experiments WHERE experiment_id = ?"
    found = connection.execute(query, [int(experiment)]).fetchone()
    if found is None or found[1] != "active" or not found[0] or set("?#") & set(found[0]):
        raise _ForTheClientError
    return str(found[0]).rstrip("/")


def _add_dataset(connection: sqlite3.Connection, run_id: str, given: Mapping[str, str]) -> None:
    """The data set itself is kept once an experiment."""
    named = (given["name"], given["digest"])
    rest = (given["source_type"], given["source"], given["profile"])
    input_id = uuid.uuid4().hex
    connection.execute(NEW_DATASET, [uuid.uuid4().hex, *named, *rest, run_id])
    connection.execute(NEW_INPUT, [input_id, run_id, *named, run_id])
    connection.execute(NEW_INPUT_TAG, [input_id, *names.DATA_CONTEXT])


def _check_active(connection: sqlite3.Connection, run_id: str) -> None:
    query = "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?"
    if connection.execute(query, [run_id]).fetchone() != ("active",):
        raise _ForTheClientError


def _check_texts(given: Mapping[str, str], *, longest: int) -> None:
    _check_keys(given)
    if not all(isinstance(text, str) and len(text) <= longest for text in given.values()):
        raise _ForTheClientError


def _check_keys(keys: Iterable[str]) -> None:
    for key in keys:
        plain = ALLOWED.fullmatch(key) and key == posixpath.normpath(key) != "."
        if not plain or key.startswith(("/", "..")) or len(key) > names.LONGEST_KEY:
            raise _ForTheClientError


def _rows(given: Mapping[str, str], run_id: str) -> list[tuple[str, str, str]]:
    return [(key, value, run_id) for key, value in given.items()]


def _value_row(metric: MetricPoint, run_id: str) -> tuple[object, ...]:
    value, is_nan = metric.value, math.isnan(metric.value)
    if is_nan:
        value = 0.0
    elif math.isinf(value):
        value = math.copysign(LARGEST, value)
    return (metric.key, value, metric.timestamp, metric.step, is_nan, run_id)

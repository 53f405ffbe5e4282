"""A run written by SQL into a sqlite file is the run that MLflow's client would write."""

from __future__ import annotations

import itertools
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking import (
    Tracker,
    open_tracker,
    opening,
    records,
    rows,
    tables,
    tracker,
    trial_run,
)
from hpsearch.tracking.records import MetricPoint
from tests.conftest import fresh
from tests.tracking.conftest import start, trial

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")


def to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another release of MLflow had other tables."""
    monkeypatch.setitem(rows.TABLES, "runs", {"run_uuid"})
    monkeypatch.setitem(tables.TABLES, "runs", {"no such column"})


def write_study(tracker: Tracker) -> None:
    """Everything that a trial may write: odd figures, a step twice, a second part, an error."""
    start(tracker)
    with trial(tracker, "activation=tanh") as run:
        run.log({"val/accuracy": 0.5, "val/loss": math.inf}, step=1)
        run.log({"val/accuracy": math.nan, "val/loss": -math.inf}, step=2)
        run.log_all([(2, {"val/accuracy": 0.7}), (3, {"val/accuracy": 0.1})])
        run.tag({"hpsearch.folder": "elsewhere", "note": "it's ü"})
        run.summary({"val/accuracy": 0.5, "seconds": 1e-300})
        run.text("seed: 0", path="config.yaml")
    given_up = trial(tracker, "activation=relu")
    given_up.pruned(step=1)
    with pytest.raises(RuntimeError), given_up:
        raise RuntimeError("over")
    with trial(tracker, "activation=relu") as run:
        run.log({"val/accuracy": 0.2}, step=4)
    tracker.end_study("s")


def content(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that are written; ids by the order of their runs, roots alike."""
    with closing(sqlite3.connect(file)) as connection:
        tables = {
            table: connection.execute(f"SELECT {', '.join(sorted(columns))} FROM {table}")
            for table, columns in rows.TABLES.items()
            if table != "experiments"
        }
        found = {table: cursor.fetchall() for table, cursor in tables.items()}
        order = connection.execute("SELECT run_uuid FROM runs ORDER BY start_time")
        known = {run: f"run {n}" for n, (run,) in enumerate(order)}
    return {table: sorted(_plain(row, known, file) for row in found[table]) for table in found}


def _plain(row: tuple[Any, ...], known: dict[str, str], file: Path) -> tuple[str, ...]:
    texts = [str(value).replace(str(file.parent), "ROOT") for value in row]
    for run, name in known.items():
        texts = [text.replace(run, name) for text in texts]
    return tuple(re.sub(r"\b[0-9a-f]{32}\b", "an id", text) for text in texts)


def test_the_rows_are_those_of_the_client(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    columns = dict(rows.TABLES)
    for name in ("sql", "client"):
        clock = itertools.count(1_700_000_000_000)
        for module in (records, opening, tracker, trial_run):
            monkeypatch.setattr(module, "now", lambda clock=clock: next(clock))
        (tmp_path / name).mkdir()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path / name)
            if name == "client":
                to_the_client(patch)
            write_study(fresh(empty_store, tmp_path / name))
        assert columns == rows.TABLES
        found.append(content(tmp_path / name / "mlflow.db"))
        texts = list((tmp_path / name).rglob("config.yaml"))
        assert [text.read_text() for text in texts] == ["seed: 0"]
    by_sql, by_client = found
    assert len(by_sql["runs"]) == 3
    assert len(by_sql["metrics"]) > 8
    assert by_sql == by_client


def test_a_new_trial_does_not_open_the_store_of_mlflow(tracker: Tracker, tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path)
    with trial(tracker, "activation=tanh", "alone") as run:
        run.log({"val/accuracy": 0.5}, step=1)
        run.summary({"val/accuracy": 0.5})
        run.text("seed: 0", path="config.yaml")
    assert "client" not in vars(tracker._store)
    study = tracker.read_study("alone")
    assert study.runs["metrics.best/val/accuracy"].tolist() == [0.5]


def test_the_log_goes_into_the_file_when_the_trial_ends(empty_store: Path, tmp_path: Path) -> None:
    """Each connection that is the last to be closed would wait for the disk."""
    made = fresh(empty_store, tmp_path)
    made._store.client._tracking_client.store.engine.dispose()
    log = tmp_path / "mlflow.db-wal"
    assert not log.exists()
    with trial(open_tracker(tmp_path), "activation=tanh", "alone") as run:
        run.log({"val/accuracy": 0.5}, step=1)
        assert log.exists()
    assert not log.exists()


def test_nor_does_a_study_that_goes_on(tracker: Tracker, tmp_path: Path) -> None:
    write_study(tracker)
    tracker = open_tracker(tmp_path)
    write_study(tracker)
    tracker.end_trial(study="s", fingerprint="activation=tanh", status="KILLED", error="x")
    assert tracker.running_trials("s") == []
    assert "client" not in vars(tracker._store)


def write(tracker: Tracker, run_id: str, **tags: str) -> bool:
    assert tracker._store.file is not None
    return rows.write_run(tracker._store.file, run_id, metrics=[], params={}, tags=tags)


def test_what_is_not_plain_is_left_to_the_client(tracker: Tracker, tmp_path: Path) -> None:
    with trial(tracker, "activation=tanh", "alone") as run:
        pass
    assert run.run_id is not None
    file, client = tmp_path / "mlflow.db", tracker._store.client
    assert write(tracker, run.run_id, note="y")
    for key in ("a//b", ".", "../a", "/a", "a;b", "ü", "k" * 251, "", "mlflow.runName"):
        assert not write(tracker, run.run_id, **{key: "x"}), key
    assert not write(tracker, run.run_id, note="x" * 8001)
    assert not write(tracker, "0" * 32, note="x")
    had = client.get_run(run.run_id).data.params
    changed = dict.fromkeys(had, "another")
    assert had
    assert not rows.write_run(
        file, run.run_id, metrics=[MetricPoint("m", 1.0, 1, 1)], params=changed, tags={"note": "x"}
    )
    client.delete_run(run.run_id)
    assert not write(tracker, run.run_id, note="x")
    client.restore_run(run.run_id)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ALTER TABLE tags ADD COLUMN more TEXT")
    assert not write(tracker, run.run_id, note="x")
    data = client.get_run(run.run_id).data
    assert (data.tags["note"], data.metrics, data.params) == ("y", {}, had)


def test_another_value_of_a_parameter_is_refused_in_the_words_of_mlflow(tracker: Tracker) -> None:
    with trial(tracker, "activation=tanh", "alone") as run:
        pass
    assert run.run_id is not None
    (key, *_) = tracker._store.client.get_run(run.run_id).data.params
    with pytest.raises(TrackingError, match=r"writing a run: .*param"):
        tracker._store.write(run.run_id, params={key: "another"})


def test_a_locked_file_is_away(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "SECONDS", 0.1)
    with trial(tracker, "activation=tanh", "alone") as run:
        pass
    assert run.run_id is not None
    assert tracker._store.file is not None
    with closing(sqlite3.connect(tracker._store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TrackerAwayError, match="locked"):
            write(tracker, run.run_id, note="x")

"""A sqlite file that another process keeps locked: waited for, then the figures are kept."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from hpsearch import report
from hpsearch.errors import TrackerAwayError
from hpsearch.tracking import Tracker, open_tracker
from tests.tracking.conftest import spooled, start, trial

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def locked(file: Path, *, seconds: float = 120.0) -> Iterator[None]:
    words = [sys.executable, "-c", HOLD, str(file), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
        holder.kill()


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    tracker = open_tracker(tmp_path)
    tracker.prepare()
    start(tracker)
    return tracker


def test_a_short_lock_is_waited_for(tracker: Tracker, tmp_path: Path) -> None:
    with locked(tmp_path / "mlflow.db", seconds=1.5), trial(tracker) as run:
        run.log({"val/accuracy": 0.5}, step=1)
        assert spooled(tmp_path) == []
    assert tracker.read_study("s").runs["status"].tolist() == ["FINISHED"]


@pytest.mark.slow
def test_a_long_lock_keeps_the_figures_for_later(tracker: Tracker, tmp_path: Path) -> None:
    with locked(tmp_path / "mlflow.db"):
        began = time.monotonic()
        with trial(tracker) as run:
            run.log({"val/accuracy": 0.5}, step=1)
        assert time.monotonic() - began < 20
        assert len(spooled(tmp_path)) == 1
    assert tracker.send_spooled().runs == 1
    row = tracker.read_study("s").runs.iloc[0]
    assert (row["status"], row["metrics.val/accuracy"]) == ("FINISHED", 0.5)
    assert not (tmp_path / "outputs" / "spool").exists()


@pytest.mark.slow
def test_a_lock_that_comes_amid_a_trial_costs_one_wait(tracker: Tracker, tmp_path: Path) -> None:
    with trial(tracker) as run:
        with locked(tmp_path / "mlflow.db"):
            began = time.monotonic()
            for step in range(5):
                run.log({"val/accuracy": 0.5}, step=step)
            assert time.monotonic() - began < 30
        assert len(spooled(tmp_path)) == 1
    assert tracker.send_spooled().runs == 1
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        counted = connection.execute("SELECT count(*) FROM metrics").fetchone()
    assert counted == (5,)


def test_the_spool_moves_with_its_root_and_a_report_sends_it(
    tracker: Tracker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").rename(tmp_path / "kept.db")
    (tmp_path / "mlflow.db").mkdir()  # no file can be opened there
    with trial(tracker) as run:
        run.summary({"val/accuracy": 0.75, "val/loss": 0.5})
    (tmp_path / "mlflow.db").rmdir()
    (tmp_path / "kept.db").rename(tmp_path / "mlflow.db")
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}_moved"))
    assert len(spooled(moved)) == 1
    report.main([f"root={moved}"])
    printed = capsys.readouterr().out
    assert "sent to MLflow: 3 records of 1 runs, kept while it was away" in printed
    assert "0.75" in printed


def test_reading_a_store_that_is_away_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrackerAwayError, match=r"http://127\.0\.0\.1:9 does not answer: .*refused"):
        open_tracker(tmp_path, uri="http://127.0.0.1:9").studies()
    assert list(tmp_path.iterdir()) == []

"""Another program holds the database for itself: a backup, a viewer, a shell."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.sweeper.conftest import Program

IMPATIENT = "hydra.sweeper.storage='sqlite:///studies.db?timeout=1'"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else writes meanwhile."""
    with closing(sqlite3.connect(folder / "studies.db", timeout=60)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.slow
def test_a_database_locked_for_some_seconds_amid_a_sweep_loses_nothing(program: Program) -> None:
    words = ("seconds=0.5,0.6,0.7,0.8", "reports=3", "hydra.sweeper.n_jobs=2")
    with program.start(*words) as sweep:
        program.wait_for_jobs(1)
        with locked(program.folder):
            time.sleep(4)
            assert sweep.poll() is None
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, printed
    assert [trial.value for trial in program.trials] == [0.5, 0.6, 0.7, 0.8]
    assert all(len(trial.intermediate_values) == 3 for trial in program.trials)
    assert "locked" not in printed


def test_a_sweep_that_begins_with_a_locked_database_waits(program: Program) -> None:
    with locked(program.folder):
        sweep = program.start("seconds=0,0.1")
        time.sleep(4)
        assert sweep.poll() is None
        assert list(program.begun.iterdir()) == []
    printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, printed
    assert [trial.value for trial in program.trials] == [0.0, 0.1]


@pytest.mark.slow
def test_a_database_locked_for_too_long_ends_the_sweep_in_one_line(program: Program) -> None:
    words = ("seconds=0.5,0.6,0.7", IMPATIENT)
    with program.start(*words) as sweep:
        program.wait_for_jobs(1)
        with locked(program.folder):
            printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 1, printed
    line = "studies.db?timeout=1: another program has locked it for too long; the same command goes"
    assert printed.count(line) == 1
    assert "Traceback" not in printed
    program.run(*words)
    complete = [trial.value for trial in program.trials if trial.state.name == "COMPLETE"]
    assert complete == [0.5, 0.6, 0.7]


@pytest.mark.slow
def test_a_trial_outlives_a_database_that_takes_no_report(program: Program) -> None:
    with program.start("seconds=6", "reports=6", IMPATIENT) as sweep:
        program.wait_for_jobs(1)
        time.sleep(1.5)
        with locked(program.folder):
            time.sleep(3)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, printed
    (trial,) = program.trials
    assert trial.value == 6.0
    assert 3 <= len(trial.intermediate_values) < 6
    assert "the trial goes on (database is locked)" in printed

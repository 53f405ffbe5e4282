"""What is asked again when its database server went away, and what is not."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

import psycopg
import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.study import locks, outages
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import IntegrityError, OperationalError

GONE = OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused\nIs it up?"))
LOCKED = OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked"))
WRONG = IntegrityError("INSERT", {}, psycopg.IntegrityError("duplicate key"))


class Asking:
    """Fails so often as there are errors, then answers."""

    def __init__(self, *given: Exception, hurried: bool = False) -> None:
        self.errors = list(given)
        self.failures = 0
        self._hurried = hurried

    @outages.outlived
    def ask(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    def hurried(self) -> bool:
        return self._hurried

    def interrupted(self) -> None:
        self.failures += 1


def wrapped(kind: Callable[[str], Exception]) -> Exception:
    """As Optuna and the study's lock wrap it."""
    error = kind("it failed")
    error.__cause__ = GONE
    return error


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "_FIRST_PAUSE", 0.01)


@pytest.mark.parametrize("lost", [GONE, wrapped(StorageInternalError), wrapped(errors.StudyError)])
def test_a_lost_server_is_asked_again_and_said_once(
    lost: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    asking = Asking(lost, lost, lost)
    with caplog.at_level(logging.WARNING):
        assert asking.ask() == "answer"
    assert asking.failures == 3
    assert [x.message for x in caplog.records] == [
        "the database does not answer, it is asked again for 120 s (connection refused)"
    ]


@pytest.mark.parametrize("error", [LOCKED, WRONG, ValueError("wrong"), errors.StudyError("late")])
def test_what_another_try_would_not_mend_is_not_tried_again(error: Exception) -> None:
    with pytest.raises(type(error)):
        Asking(error).ask()


def test_who_is_in_a_hurry_is_told_at_once() -> None:
    with pytest.raises(OperationalError):
        Asking(GONE, hurried=True).ask()


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.05)
    asking = Asking(*[GONE] * 100)
    with pytest.raises(OperationalError):
        asking.ask()
    assert 2 <= asking.failures < 10


@pytest.mark.cluster
def test_a_lock_that_was_lost_with_its_connection_is_seen(database: str) -> None:
    lock = locks.study_lock(database, "test")
    with lock:
        lock.confirm()
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        with pytest.raises(errors.StudyError, match="the lock of the study test was lost") as lost:
            lock.confirm()
        assert outages.is_outage(lost.value)
    with lock:
        lock.confirm()

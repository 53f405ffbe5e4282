"""MLflow's sqlite file: made whole or not at all, and quick to write.

The sqlite file is made aside and renamed into place, so that a process killed amid the
migrations leaves no half-made database. Write-ahead logging with ``synchronous=NORMAL`` makes a
commit some five times cheaper and keeps the file consistent whatever dies; after a loss of
*power* the last commits may be missing (https://sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import functools
import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.tables import opened

__all__ = ["check_file", "check_lock", "hold", "make", "quiet", "settle", "sqlite_file", "tune"]

HOW_TO = "make some: python -m hpsearch.train -m head.activation=tanh,relu"
_synchronous: dict[str, str] = {}  # sqlite file → its `synchronous`, for new connections


def sqlite_file(uri: str) -> Path | None:
    """The file of a ``sqlite:///`` address; None for any other store."""
    name = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(name).absolute() if name and uri.startswith("sqlite:///") else None


def make(file: Path) -> None:
    """Make MLflow's sqlite file, unless it is there already. Takes about a second."""
    if _tables(file):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        _migrate(draft)
        _publish(draft, file)
    finally:
        _remove(draft)


def _publish(draft: Path, file: Path) -> None:
    """Give the draft its name, unless another process was faster: never replace its file."""
    try:
        os.link(draft, file)
    except FileExistsError:
        if not _tables(file):
            raise TrackingError(f"{file} is empty: remove it, or give another root") from None
    except OSError:  # a file system without hard links
        draft.rename(file)


def _migrate(draft: Path) -> None:
    """Let MLflow fill a draft. No waiting for the disk: 1 s instead of 5."""
    from mlflow import MlflowClient

    quiet()
    tune(draft, synchronous="OFF")
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # the file remembers it
    pool = os.environ.get("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
    # Without a pool no connection outlives its use, so that the draft can be renamed.
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
    try:
        with mlflow_errors(f"making {draft}"):
            MlflowClient(f"sqlite:///{draft}", f"sqlite:///{draft}")
    finally:
        os.environ.pop("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
        if pool is not None:
            os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = pool
    settle(draft)
    with draft.open("rb") as written:
        os.fsync(written.fileno())


def hold(file: Path) -> sqlite3.Connection:
    """A connection to be closed after all others of this process.

    Whoever closes a file last writes its log into it, and waits for the disk. Where the file is
    locked it holds nothing, which only takes longer.
    """
    connection = sqlite3.connect(file, timeout=0.0)
    with suppress(sqlite3.OperationalError):
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # only this opens it
    return connection


def settle(file: Path) -> None:
    """Move the write-ahead log into the file, so that a copy of the one file is complete."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove(draft: Path) -> None:
    for tail in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + tail).unlink(missing_ok=True)


def check_file(file: Path) -> None:
    tables = _tables(file)
    if not tables:
        raise TrackingError(f"there are no results in {file} yet; {HOW_TO}")
    if "experiments" not in tables:
        raise TrackingError(f"{file} is no MLflow database; give tracking_uri another file")


def _tables(file: Path) -> set[str]:
    """The tables of a sqlite file, without making it; none where there is no file."""
    if not file.exists():
        return set()
    with opened(file) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return {str(name) for (name,) in connection.execute(query)}


def check_lock(file: Path, *, seconds: float) -> None:
    """Raise :class:`TrackerAwayError` where another process keeps the file locked for so long."""
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=seconds)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise TrackerAwayError(f"{file}: {error}") from None
    except sqlite3.DatabaseError:
        return  # no database: whoever opens it says so


def quiet() -> None:
    """MLflow tells each of fifty migrations, and a lock with its traceback before it raises."""
    for name in ("alembic", "mlflow.store.db"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def tune(file: Path, *, synchronous: str) -> None:
    _synchronous[os.path.realpath(file)] = synchronous
    _listen()


@functools.cache
def _listen() -> None:
    """`synchronous` belongs to a connection: SQLAlchemy's documented hook sets it on each."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _on_connect)


def _on_connect(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    mode = _synchronous.get(os.path.realpath(file)) if file else None
    if mode is not None:
        connection.execute(f"PRAGMA synchronous={mode}")

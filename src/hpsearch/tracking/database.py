"""Opening MLflow's store: a sqlite file of our own, or any server or database by its address.

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
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["PRELOAD", "connect", "make", "mlflow_errors", "settle", "sqlite_file"]

# Nine tenths of the time to open a store is the import of these; a warm server can do it ahead.
PRELOAD = ("hpsearch.tracking", "mlflow.tracking.client", "mlflow.store.tracking.sqlalchemy_store")

HOW_TO = "make some: python -m hpsearch.train -m head.activation=tanh,relu"
SECONDS_TO_ANSWER = 10.0
_synchronous: dict[str, str] = {}  # sqlite file → its `synchronous`, for new connections


@contextmanager
def mlflow_errors(doing: str) -> Iterator[None]:
    """Turn what MLflow raises into one line that says what was being done."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        text = " ".join(str(error).split())
        raise TrackingError(f"MLflow, {doing}: {text}") from error


def connect(uri: str) -> MlflowClient:
    """A client of an existing store; makes nothing. Raises :class:`TrackingError`."""
    file = sqlite_file(uri)
    if file is not None:
        _check(file)
        _tune(file, synchronous="NORMAL")
    elif uri.startswith(("http://", "https://")):
        _check_server(uri)
    with mlflow_errors(f"opening tracking_uri={uri}"):
        return _client(uri)


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    # A migration tells every one of its fifty steps.
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store.db"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


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
    _tune(draft, synchronous="OFF")
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # the file remembers it
    pool = os.environ.get("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
    # Without a pool no connection outlives its use, so that the draft can be renamed.
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
    try:
        with mlflow_errors(f"making {draft}"):
            _client(f"sqlite:///{draft}")
    finally:
        os.environ.pop("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
        if pool is not None:
            os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = pool
    settle(draft)
    with draft.open("rb") as written:
        os.fsync(written.fileno())


def settle(file: Path) -> None:
    """Move the write-ahead log into the file, so that a copy of the one file is complete."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove(draft: Path) -> None:
    for tail in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + tail).unlink(missing_ok=True)


def _check(file: Path) -> None:
    tables = _tables(file)
    if not tables:
        raise TrackingError(f"there are no results in {file} yet; {HOW_TO}")
    if "experiments" not in tables:
        raise TrackingError(f"{file} is no MLflow database; give tracking_uri another file")


def _tables(file: Path) -> set[str]:
    """The tables of a sqlite file, without making it; none where there is no file."""
    if not file.exists():
        return set()
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            return {str(name) for (name,) in connection.execute(query)}
    except sqlite3.DatabaseError as error:
        raise TrackingError(f"{file} cannot be read as a sqlite database: {error}") from None


def _check_server(uri: str) -> None:
    """Fail in seconds where MLflow's own client would try again for minutes."""
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=SECONDS_TO_ANSWER).close()
    except urllib.error.HTTPError:
        return  # it answered; who may do what is for MLflow to say
    except (OSError, ValueError) as error:
        raise TrackingError(f"tracking_uri={uri} does not answer: {error}") from None


def _tune(file: Path, *, synchronous: str) -> None:
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

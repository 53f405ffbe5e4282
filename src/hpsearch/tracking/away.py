"""Whether MLflow is away or refuses, and how long it is waited for.

*Away* is what may pass: a server that is not there, overloaded or hangs, a locked or unreachable
file. What was to be written is then kept and sent later. *Refused* is what waiting does not mend:
a wrong value, another base under the same name, a file that is no MLflow database.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from hpsearch.errors import TrackerAwayError, TrackingConflictError, TrackingError

__all__ = ["mlflow_errors", "patient", "why_away"]

# How long MLflow waits for one answer (seconds) and how often it asks again; its own 120 and 7
# would hold a training for a quarter of an hour. What stands in the environment wins.
WAITS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
# For a table of thousands of runs, or the upload of a model.
PATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "300", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}

# Exceptions of requests, urllib3, boto and SQLAlchemy, by name: none of them is imported for this.
CLASSES = {
    "ConnectionError",
    "ConnectTimeout",
    "ConnectTimeoutError",
    "ReadTimeout",
    "ReadTimeoutError",
    "Timeout",
    "RetryError",
    "MaxRetryError",
    "ProxyError",
    "SSLError",
    "ChunkedEncodingError",
    "EndpointConnectionError",
    "OperationalError",
    "InterfaceError",
}
NUMBERS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.ESTALE,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
}
# A row that is there already, in the words of sqlite, PostgreSQL and MySQL; MLflow passes them on.
DOUBLE = ("IntegrityError", "UniqueViolation")
# A statement that a database cannot do at all has the same class as a lock.
STATEMENT = ("no such table", "no such column", "syntax error", "has no column")


@contextmanager
def mlflow_errors(doing: str) -> Iterator[None]:
    """Turn what MLflow raises into one line that says what was being done.

    Raises:
        TrackerAwayError: it may answer later.
        TrackingConflictError: another process was faster.
        TrackingError: it refuses.
    """
    try:
        with _environment(WAITS):
            yield
    except TrackingError:
        raise
    except Exception as error:
        from mlflow.exceptions import MlflowException

        reason = why_away(error)
        if reason is not None:
            raise TrackerAwayError(f"MLflow, {doing}: {reason}") from error
        if not isinstance(error, MlflowException):
            raise
        line = _line(error)
        kind = TrackingConflictError if any(name in line for name in DOUBLE) else TrackingError
        raise kind(f"MLflow, {doing}: {line}") from error


@contextmanager
def patient() -> Iterator[None]:
    """For what may take long although the server is well."""
    with _environment(PATIENT):
        yield


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """MLflow reads these at each request; a child process must not take ours for the user's."""
    new = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


def why_away(error: BaseException) -> str | None:
    """The reason on one line, where the error may pass; None for any other error."""
    for one in _chain(error):
        if _passes(one):
            return _line(one)
    return None


def _passes(error: BaseException) -> bool:
    if any(text in str(error) for text in STATEMENT):
        return False
    if type(error).__name__ in CLASSES or _overloaded(error):
        return True
    if isinstance(error, ConnectionError | TimeoutError | sqlite3.OperationalError):
        return True
    return isinstance(error, OSError) and error.errno in NUMBERS


def _overloaded(error: BaseException) -> bool:
    """A server that answers 429 or 5xx. MLflow gives its own defects the code 500 as well."""
    from mlflow.exceptions import MlflowException, RestException

    if not isinstance(error, MlflowException):
        return False
    status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
    return status in (429, 503) or (isinstance(error, RestException) and status >= 500)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """What it came from first: its text is the shortest."""
    inner = error.__cause__ or error.__context__
    if inner is not None and inner is not error:
        yield from _chain(inner)
    yield error


def _line(error: BaseException) -> str:
    """The text on one line, without SQLAlchemy's statement and its advice."""
    text = str(error).partition("[SQL:")[0].partition("(Background on")[0]
    return " ".join(text.split()) or type(error).__name__

"""Opening MLflow's store: a sqlite file, or any server or database by its address."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.database import check_file, check_lock, quiet, sqlite_file, tune

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["check_answers", "connect"]

SECONDS_TO_ANSWER = 5.0
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def connect(uri: str) -> MlflowClient:
    """A client of an existing store; makes nothing. Raises :class:`TrackingError`."""
    file = sqlite_file(uri)
    if file is not None:
        check_file(file)
        tune(file, synchronous="NORMAL")
    else:
        check_answers(uri, seconds=SECONDS_TO_ANSWER)
    quiet()
    with mlflow_errors(f"opening tracking_uri={uri}"):
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def check_answers(uri: str, *, seconds: float) -> None:
    """Fail in seconds where MLflow's own client would try again for minutes.

    Raises:
        TrackerAwayError: nobody listens there, or the sqlite file is locked.
    """
    file = sqlite_file(uri)
    if file is not None:
        check_lock(file, seconds=seconds)
    elif uri.startswith(("http://", "https://")):
        _check_server(uri, seconds=seconds)
    elif urlsplit(uri).scheme.partition("+")[0] in PORTS:
        _check_port(uri, seconds=seconds)


def _check_server(uri: str, *, seconds: float) -> None:
    try:
        urllib.request.urlopen(f"{_without_user(uri).rstrip('/')}/health", timeout=seconds).close()
    except urllib.error.HTTPError as error:
        if error.code == 429 or error.code >= 500:
            raise TrackerAwayError(f"tracking_uri={uri} does not answer: {error}") from None
        # It answered; who may do what is for MLflow to say.
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise TrackerAwayError(f"tracking_uri={uri} does not answer: {reason}") from None
    except ValueError as error:
        raise TrackingError(f"tracking_uri={uri}: {error}") from None


def _without_user(uri: str) -> str:
    """For urllib takes the user and the password for a part of the host's name."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _check_port(uri: str, *, seconds: float) -> None:
    parts = urlsplit(uri)
    port = parts.port or PORTS[parts.scheme.partition("+")[0]]
    if not parts.hostname:
        return  # a socket in the file system
    try:
        socket.create_connection((parts.hostname, port), timeout=seconds).close()
    except OSError as error:
        raise TrackerAwayError(f"tracking_uri={uri} does not answer: {error}") from None

"""Where the study lives. The parent opens it first: no two jobs create its tables at once.

sqlite is for the processes of one host; several hosts share a study through PostgreSQL or MySQL.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors, hiding
from hydra_plugins.hpsearch_sweeper.study import locks, proxy, sqlite, urls

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

__all__ = ["absolute_url", "clear_errors", "is_out_of_reach", "open_storage"]

absolute_url = urls.absolute_url

# The package to install, where it is not called as the module is.
_PACKAGES = {
    "psycopg2": "psycopg2-binary",
    "psycopg": "'psycopg[binary]'",
    "MySQLdb": "mysqlclient",
}


def open_storage(given: Any, *, existing: bool = False) -> BaseStorage:
    """null, an Optuna URL, or a config with a `_target_`, as an open storage.

    `existing` says that the parent has opened it: then nothing is created, checked or locked.
    """
    try:
        if existing:
            return _opened(given, existing=True)
        with locks.study_lock(given, "the tables"):  # two creators collide
            return _opened(given, existing=False)
    except errors.ConfigError:
        raise
    except Exception as error:  # each database driver has exceptions of its own
        cause = error.__cause__ if isinstance(error, errors.StudyError) else error
        if cause is None:
            raise
        raise _wrong(given, _reason(cause)) from error


@contextmanager
def clear_errors(given: Any) -> Iterator[None]:
    """A database that cannot be reached any more, or not be written, is one line."""
    try:
        yield
    except Exception as error:
        if not is_out_of_reach(error):
            raise
        shown, reason = hiding.redacted(given), hiding.redacted(_reason(error))
        raise errors.StudyError(
            f"hydra.sweeper.storage={shown}: {reason}; the same command goes on from here"
        ) from error


def is_out_of_reach(error: BaseException) -> bool:
    """Whether it is the database that failed, and not what it was asked for."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    found = (error, error.__cause__)  # the study's lock has an error of its own for it
    return any(isinstance(one, StorageInternalError | SQLAlchemyError) for one in found) or (
        proxy.is_rpc_error(error)
    )


def _opened(given: Any, *, existing: bool) -> BaseStorage:
    import optuna

    if given is None:
        return optuna.storages.InMemoryStorage()
    if isinstance(given, dict):
        return _instantiated(given)
    if not isinstance(given, str):
        raise _wrong(given, "it is no text")
    if given.startswith(proxy.SCHEME):
        if not existing:
            raise _wrong(given, "a proxy serves jobs; a sweeper needs the database itself")
        return proxy.connect(given)
    return _connected(absolute_url(given), existing=existing)


def _connected(url: str, *, existing: bool) -> RDBStorage:
    import optuna

    opened = optuna.storages.RDBStorage(
        url,
        engine_kwargs=_engine_options(url),
        skip_compatibility_check=existing,  # reads all migrations: 15 ms
        skip_table_creation=existing,
    )
    # Closed connections leave no -wal file behind; also at the end of the process.
    weakref.finalize(opened, opened.engine.dispose)
    return opened


def _engine_options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        _require_writable(url)
        connect: dict[str, Any] = {"factory": sqlite.Connection}
        if "timeout=" not in url:  # sqlite:///FILE?timeout=300 waits as long as that
            connect["timeout"] = sqlite.WAIT_SECONDS
        return {"connect_args": connect}
    return urls.server_options(url)


def _require_writable(url: str) -> None:
    file = urls.database_file(url)
    if file is not None and file.exists() and not os.access(file, os.W_OK):
        raise PermissionError(f"the file {file} is read-only")


def _instantiated(given: dict[str, Any]) -> BaseStorage:
    from hydra.utils import instantiate
    from optuna.storages import BaseStorage

    storage = instantiate(given)
    if not isinstance(storage, BaseStorage):
        raise _wrong(given, "it is no Optuna storage")
    return storage


def _reason(error: BaseException) -> str:
    """One line: the driver's own, or what it means where that is known."""
    missing = (error.__cause__ or error) if isinstance(error, ImportError) else None
    if isinstance(missing, ModuleNotFoundError) and missing.name:
        return f"its driver is missing: pip install {_PACKAGES.get(missing.name, missing.name)}"
    line = urls.one_line(error)
    if "database is locked" in line:
        return "another program has locked it for too long"
    return "it holds no tables of Optuna" if "no such table" in line else line


def _wrong(given: Any, reason: str) -> errors.ConfigError:
    return errors.ConfigError(
        hiding.redacted(f"hydra.sweeper.storage={given} cannot be opened ({reason}); ")
        + "allowed: null, or an Optuna URL as sqlite:///studies.db"
    )

"""What excludes the other processes: a lock beside a sqlite file, or one in a database server."""

from __future__ import annotations

import hashlib
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hydra_plugins.hpsearch_sweeper.study import urls, workers

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Claim", "FileClaim", "MySQLClaim", "PostgresClaim"]

_POLL_SECONDS = 0.005  # a file lock is asked for again and again; its holder needs milliseconds

_POSTGRES_HOLDER = """
    SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
    AND l.classid::bigint = :high AND l.objid::bigint = :low
"""


class Claim(Protocol):
    """Taken and given back in turns, by one thread at a time."""

    def take(self, seconds: float) -> bool:
        """False where it was not free for so long."""

    def give(self) -> None:
        """To the next one who waits."""

    def confirm(self) -> None:
        """Raises what the driver raises where it is held no more."""

    def holder(self) -> str:
        """Who has it, or had it last; nothing if that is not known."""


class FileClaim:
    """Beside a sqlite file, and for all its studies: sqlite has one writer at a time anyway."""

    def __init__(self, path: Path) -> None:
        import filelock

        self._path = path
        self._file = filelock.FileLock(path)

    def take(self, seconds: float) -> bool:
        import filelock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file.acquire(seconds, poll_interval=_POLL_SECONDS)
        except filelock.Timeout:
            return False
        with suppress(OSError):
            if self.holder() != workers.this_worker():
                self._path.write_text(workers.this_worker(), encoding="utf-8")
        return True

    def give(self) -> None:
        self._file.release()

    def confirm(self) -> None:
        """The kernel keeps it."""

    def holder(self) -> str:
        with suppress(OSError):
            return self._path.read_text(encoding="utf-8")
        return ""


class _ServerClaim:
    """Held by a connection of its own, with which it ends."""

    def __init__(self, url: str, study_name: str) -> None:
        self.url = url
        self.digest = hashlib.sha256(f"hpsearch {study_name}".encode()).digest()
        self._engine: Engine | None = None
        self._connection: Connection | None = None

    def take(self, seconds: float) -> bool:
        self._connection = self._connect()
        began = time.monotonic()
        try:
            taken = self._claim(self._connection, seconds)
        except Exception:  # each database driver has exceptions of its own
            self._drop()
            if time.monotonic() - began < seconds:
                raise
            return False
        if not taken:
            self._drop()
        return taken

    def give(self) -> None:
        assert self._connection is not None
        try:
            self._release(self._connection)
        except Exception:  # it broke, and the lock went with it
            self._connection.invalidate()
        finally:
            self._drop()

    def confirm(self) -> None:
        assert self._connection is not None
        _run(self._connection, "SELECT 1")

    def holder(self) -> str:
        with suppress(Exception), self._connect() as connection:
            return self._holder(connection)
        return ""

    def _connect(self) -> Connection:
        if self._engine is None:
            from sqlalchemy import create_engine

            options = urls.server_options(self.url)
            self._engine = create_engine(self.url, pool_size=1, max_overflow=0, **options)
            weakref.finalize(self, self._engine.dispose)
        return self._engine.connect()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _claim(self, connection: Connection, seconds: float) -> bool:
        raise NotImplementedError

    def _release(self, connection: Connection) -> None:
        raise NotImplementedError

    def _holder(self, connection: Connection) -> str:
        raise NotImplementedError


class PostgresClaim(_ServerClaim):
    """An advisory lock of a transaction: that survives a pooler such as PgBouncer too."""

    def _claim(self, connection: Connection, seconds: float) -> bool:
        settings = {"lock_timeout": f"{max(1, round(seconds * 1000))}ms"}  # 0 would be for ever
        settings["application_name"] = workers.this_worker()[:63]
        for name, value in settings.items():
            _run(connection, "SELECT set_config(:name, :value, true)", name=name, value=value)
        key = int.from_bytes(self.digest[:8], "big", signed=True)
        _run(connection, "SELECT pg_advisory_xact_lock(:key)", key=key)
        return True

    def _release(self, connection: Connection) -> None:
        connection.commit()

    def _holder(self, connection: Connection) -> str:
        high, low = (int.from_bytes(x, "big") for x in (self.digest[:4], self.digest[4:8]))
        found = _run(connection, _POSTGRES_HOLDER, high=high, low=low).first()
        return f"{found[0]} (process {found[1]} of the server)" if found else ""


class MySQLClaim(_ServerClaim):
    """A named lock; names are the whole server's, so that of the database is part of it."""

    @property
    def _name(self) -> str:
        from sqlalchemy import make_url

        database = hashlib.sha256(str(make_url(self.url).database).encode()).hexdigest()
        return f"hpsearch-{database[:16]}-{self.digest.hex()[:32]}"

    def _claim(self, connection: Connection, seconds: float) -> bool:
        # A whole number of seconds, and 0 would not wait at all.
        wait = max(1, round(seconds))
        taken = _run(connection, "SELECT GET_LOCK(:name, :wait)", name=self._name, wait=wait)
        return bool(taken.scalar() == 1)

    def _release(self, connection: Connection) -> None:
        _run(connection, "SELECT RELEASE_LOCK(:name)", name=self._name)

    def _holder(self, connection: Connection) -> str:
        found = _run(connection, "SELECT IS_USED_LOCK(:name)", name=self._name).scalar()
        return f"connection {found} of the server" if found else ""


def _run(connection: Connection, statement: str, **values: Any) -> Any:
    from sqlalchemy import text

    return connection.execute(text(statement), values)

"""New databases for `scale_simulation.py`, and how large they are in the end."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy

__all__ = ["Database", "new_database"]


@dataclass(frozen=True)
class Database:
    kind: str
    url: str

    def megabytes(self) -> float:
        if self.kind == "sqlite":
            path = Path(self.url.removeprefix("sqlite:///"))
            return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / 1e6
        engine = sqlalchemy.create_engine(self.url)
        with engine.connect() as connection:
            text = "SELECT pg_database_size(current_database())"
            size = connection.exec_driver_sql(text).scalar()
        engine.dispose()
        return float(size) / 1e6


@contextmanager
def new_database(kind: str, *, server: str) -> Iterator[Database | None]:
    """None where there is no server."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            yield Database(kind, f"sqlite:///{folder}/study.db")
        return
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"scale_{uuid.uuid4().hex[:12]}"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sqlalchemy.exc.OperationalError:
        yield None
        return
    try:
        yield Database(kind, engine.url.set(database=name).render_as_string(hide_password=False))
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()

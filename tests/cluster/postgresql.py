"""Databases of a test's own, on the server that `.ci/postgresql` starts; or a server of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy

from tests.cluster.services import missing

__all__ = ["Server", "new_database", "new_server"]

SCRIPT = Path(__file__).parents[2] / ".ci" / "postgresql"
URL = "postgresql://hpsearch:hpsearch@127.0.0.1:{port}/hpsearch"
GIVEN = os.environ.get("HPSEARCH_TEST_POSTGRESQL", URL.format(port=54329))


@contextmanager
def new_database(server: str = GIVEN) -> Iterator[str]:
    """The address of an empty database, which is dropped in the end."""
    engine = sqlalchemy.create_engine(
        server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5}
    )
    name = f"test_{uuid.uuid4().hex[:12]}"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sqlalchemy.exc.OperationalError as error:
        missing("PostgreSQL", str(error.orig).splitlines()[0])
    try:
        yield str(engine.url.set(database=name).render_as_string(hide_password=False))
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


@dataclass(frozen=True)
class Server:
    """One that a test may stop."""

    url: str
    folder: Path

    def stop(self) -> None:
        self._control("stop", "-m", "fast")

    def start(self) -> None:
        self._control("start", "-w", "-l", str(self.folder / "log"))

    def _control(self, *words: str) -> None:
        (program,) = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))[-1:]
        whose = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*whose, str(program), "-D", str(self.folder / "data"), *words]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)


@contextmanager
def new_server() -> Iterator[Server]:
    """A server that no other test uses."""
    folder, port = Path(f"/var/tmp/hpsearch-test-{uuid.uuid4().hex[:12]}"), _free_port()
    made = subprocess.run(
        [str(SCRIPT), str(port), str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        missing("PostgreSQL", made.stderr.strip())
    server = Server(URL.format(port=port), folder)
    try:
        yield server
    finally:
        server.stop()
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

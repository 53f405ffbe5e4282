"""MLflow's tables in a sqlite file, read by SQL: all runs of a study in four questions.

MLflow takes seconds to be imported and to open its store, and makes a hundred objects for each run
that it finds; a report mostly reads. Where the tables are not the ones that are known here, or not
plainly so, nothing is answered, and MLflow's client is asked.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking.found import FoundRun

__all__ = [
    "SECONDS",
    "Value",
    "columns_of",
    "find_experiment",
    "find_newest",
    "find_run",
    "find_runs",
    "find_values",
    "find_versions",
    "opened",
]

# What is read of each table; another release of MLflow may have others.
TABLES = {
    "experiments": {"experiment_id", "name", "lifecycle_stage"},
    "runs": {
        *("run_uuid", "experiment_id", "name", "status", "start_time", "end_time"),
        *("lifecycle_stage", "artifact_uri"),
    },
    "tags": {"run_uuid", "key", "value"},
    "params": {"run_uuid", "key", "value"},
    "latest_metrics": {"run_uuid", "key", "value", "is_nan"},
    "metrics": {"run_uuid", "key", "value", "is_nan", "step", "timestamp"},
}
REGISTRY = {
    "model_versions": {"name", "version", "current_stage"},
    "model_version_tags": {"name", "version", "key", "value"},
    "registered_model_aliases": {"name", "version", "alias"},
}
DELETED = "Deleted_Internal"  # the stage of a version that MLflow keeps no more
SECONDS = 5.0  # for which a locked file is waited for
ACTIVE = "experiment_id = ? AND lifecycle_stage = 'active'"
TAGGED = " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
MOST_ASKED = 30_000  # a question of sqlite's takes 32,766 values

Value = tuple[str, int, float]  # run id, step, value


def find_experiment(file: Path, name: str) -> str | None:
    """Its id, where it is the only one of this name, and active."""
    with opened(file) as connection:
        number = _experiment(connection, name)
        return None if number is None else str(number)


def find_runs(file: Path, experiment: str, tags: Mapping[str, str]) -> list[FoundRun] | None:
    """All active runs of the experiment that have these tags, oldest first."""
    with opened(file) as connection:
        if (number := _experiment(connection, experiment)) is None:
            return None
        which = ACTIVE + TAGGED * len(tags)
        given = [number, *(word for tag in tags.items() for word in tag)]
        return _read(connection, which, given)


def find_run(file: Path, run_id: str) -> FoundRun | None:
    """An active run, by its id."""
    with opened(file) as connection:
        if not _known(connection):
            return None
        which = "run_uuid = ? AND lifecycle_stage = 'active'"
        return next(iter(_read(connection, which, [run_id])), None)


def find_newest(file: Path, experiment: str, *, tag: str) -> str | None:
    """What the newest active run of those that have this tag says in it; empty without one."""
    with opened(file) as connection:
        if (number := _experiment(connection, experiment)) is None:
            return None
        query = (
            f"SELECT value FROM tags JOIN runs USING (run_uuid) WHERE {ACTIVE} AND key = ?"
            " ORDER BY start_time DESC, run_uuid LIMIT 1"
        )
        found = connection.execute(query, [number, tag]).fetchone()
        return str(found[0]) if found else ""


def find_values(file: Path, run_ids: Sequence[str], metric: str) -> list[Value] | None:
    """The history of a metric in these runs; of several values at a step, the last one last."""
    with opened(file) as connection:
        if not _known(connection):
            return None
        found = []
        for first in range(0, len(run_ids), MOST_ASKED):
            some = run_ids[first : first + MOST_ASKED]
            query = (
                "SELECT run_uuid, step, value, is_nan FROM metrics WHERE key = ? AND run_uuid IN "
                f"({', '.join('?' * len(some))}) ORDER BY timestamp, step, value"
            )
            found += connection.execute(query, [metric, *some]).fetchall()
        return [(run, step, math.nan if no else value) for run, step, value, no in found]


def find_versions(file: Path, model: str, *, tag: tuple[str, str]) -> dict[str, set[str]] | None:
    """The versions of a registered model that have this tag → their aliases."""
    with opened(file) as connection:
        if not all(need <= columns_of(connection, table) for table, need in REGISTRY.items()):
            return None
        query = (
            "SELECT version, alias FROM model_versions"
            " JOIN model_version_tags USING (name, version)"
            " LEFT JOIN registered_model_aliases USING (name, version)"
            " WHERE name = ? AND key = ? AND value = ? AND current_stage IS NOT ?"
        )
        found: dict[str, set[str]] = {}
        for version, alias in connection.execute(query, [model, *tag, DELETED]):
            found.setdefault(str(version), set()).update([alias] if alias else [])
        return found


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """The file as it is at one moment, for reading. Raises :class:`TrackingError`."""
    try:
        with closing(
            sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=SECONDS)
        ) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.OperationalError as error:
        raise TrackerAwayError(f"{file}: {error}") from None
    except sqlite3.DatabaseError as error:
        raise TrackingError(f"{file} cannot be read as a sqlite database: {error}") from None


def _known(connection: sqlite3.Connection) -> bool:
    return all(need <= columns_of(connection, table) for table, need in TABLES.items())


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    """Empty where there is no such table."""
    query = "SELECT name FROM pragma_table_info(?)"
    return {str(name) for (name,) in connection.execute(query, [table])}


def _experiment(connection: sqlite3.Connection, name: str) -> int | None:
    """None where it is not the only active one of this name."""
    if not _known(connection):
        return None
    query = "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?"
    found = connection.execute(query, [name]).fetchall()
    return int(found[0][0]) if len(found) == 1 and found[0][1] == "active" else None


def _read(connection: sqlite3.Connection, which: str, given: Sequence[object]) -> list[FoundRun]:
    tags = _pairs(connection, "SELECT run_uuid, key, value FROM tags", which, given)
    params = _pairs(connection, "SELECT run_uuid, key, value FROM params", which, given)
    figures = "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics"
    metrics = _pairs(connection, figures, which, given, null=math.nan)
    query = (
        "SELECT run_uuid, name, status, start_time, end_time, artifact_uri FROM runs "
        f"WHERE {which} ORDER BY start_time IS NULL, start_time, run_uuid"
    )
    return [
        FoundRun(run, name, status, start, end, place, tags[run], params[run], metrics[run])
        for run, name, status, start, end, place in connection.execute(query, given)
    ]


def _pairs(
    connection: sqlite3.Connection,
    select: str,
    which: str,
    given: Sequence[object],
    *,
    null: object = None,
) -> dict[str, dict[str, Any]]:
    """Run id → key → value."""
    query = f"{select} WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE {which})"
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for run, key, value in connection.execute(query, given):
        found[run][key] = null if value is None else value
    return found

"""What a report leaves in MLflow's sqlite file, and what it asks of the registry there, by SQL.

To import MLflow and to open its store takes two seconds, for two tags and a question. Where the
tables are not plainly the known ones nothing is done, and MLflow's client does it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from hpsearch.tracking.tables import SECONDS, columns_of, opened

__all__ = ["find_versions", "put_tags"]

REGISTRY = {
    "model_versions": {"name", "version", "current_stage"},
    "model_version_tags": {"name", "version", "key", "value"},
    "registered_model_aliases": {"name", "version", "alias"},
}
DELETED = "Deleted_Internal"  # the stage of a version that MLflow keeps no more
UPSERT = (
    "INSERT INTO tags (key, value, run_uuid) SELECT ?, ?, run_uuid FROM runs"
    " WHERE run_uuid = ? AND lifecycle_stage = 'active'"
    " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)


def put_tags(file: Path, run_id: str, tags: Mapping[str, str]) -> bool:
    """Give an active run these tags, all or none; whether it has them now."""
    try:
        with closing(sqlite3.connect(file, timeout=SECONDS)) as connection, connection:
            if columns_of(connection, "tags") != {"key", "value", "run_uuid"}:
                return False
            rows = [(key, value, run_id) for key, value in tags.items()]
            return connection.executemany(UPSERT, rows).rowcount == len(rows)
    except sqlite3.Error:  # the client tries as well, and tells
        return False


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

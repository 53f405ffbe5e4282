"""A run as it is read, whoever answers: MLflow's client, or its tables in a sqlite file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = ["FoundRun", "plain"]


@dataclass(frozen=True)
class FoundRun:
    """``start`` and ``end`` are milliseconds since 1970; ``metrics`` are the last values."""

    run_id: str
    name: str
    status: str
    start: int | None
    end: int | None
    artifacts: str  # the address of its artifacts
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def plain(run: Run) -> FoundRun:
    info, data = run.info, run.data
    head = (info.run_id, info.run_name, info.status, info.start_time, info.end_time)
    return FoundRun(*head, info.artifact_uri, data.tags, data.params, data.metrics)

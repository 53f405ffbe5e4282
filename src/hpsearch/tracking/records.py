"""What is told to MLflow, as plain values: written at once, or kept in a file and sent later.

Every record carries its moment ``at`` (milliseconds since 1970), which MLflow gets whenever it is
sent. A moment is therefore taken once, where something happens.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "MetricPoint",
    "Record",
    "ReportFiles",
    "Start",
    "StudyEnd",
    "StudyStart",
    "TrialStart",
    "as_record",
    "from_record",
    "now",
]

Record: TypeAlias = dict[str, Any]


class MetricPoint(NamedTuple):
    """One value of a metric, in the order of MLflow's own."""

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True)
class StudyStart:
    """A sweep begins, or goes on."""

    study: str
    base: dict[str, str]  # the flat configuration before anything was searched
    tags: dict[str, str]
    commit: dict[str, str]  # the tag of the checkout; only a new run gets it
    at: int


@dataclass(frozen=True)
class StudyEnd:
    """A sweep has ended; its figures are read from its trials."""

    study: str
    status: str
    at: int


@dataclass(frozen=True)
class TrialStart:
    """A trial begins, or goes on: study, fingerprint and name say which run it is."""

    study: str
    name: str
    fingerprint: str
    params: dict[str, str]
    tags: dict[str, str]
    commit: dict[str, str]
    dataset: dict[str, str]
    at: int


@dataclass(frozen=True)
class ReportFiles:
    """A report of the study was written: files and folders, which lie beside each other."""

    study: str
    files: list[str]  # absolute
    note: str  # Markdown for the run's page
    at: int
    figures: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


Start: TypeAlias = StudyStart | StudyEnd | TrialStart | ReportFiles

KINDS: dict[str, type[Start]] = {
    "study": StudyStart,
    "study_end": StudyEnd,
    "trial": TrialStart,
    "report": ReportFiles,
}


def as_record(start: Start) -> Record:
    (kind,) = (name for name, one in KINDS.items() if isinstance(start, one))
    return {"op": kind, **asdict(start)}


def from_record(record: Mapping[str, Any]) -> Start:
    fields = {key: value for key, value in record.items() if key != "op"}
    return KINDS[record["op"]](**fields)


def now() -> int:
    return int(time.time() * 1000)

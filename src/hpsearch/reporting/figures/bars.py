"""When each trial ran, as far as MLflow says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hpsearch.reporting.analysis.points import Point
from hpsearch.tracking import names
from hpsearch.tracking.study import Study

__all__ = ["Bar", "bars_of"]

# A trial that stood this much longer than it trained had been killed and was resumed later.
MOST_IDLE = 600.0


@dataclass(frozen=True)
class Bar:
    """A trial from ``start`` to ``end``, in seconds; its point's place where it has finished."""

    start: float
    end: float
    state: str
    rank: int | None = None


def bars_of(study: Study, found: Sequence[Point]) -> list[Bar]:
    """Of all trials, in seconds since the first began."""
    runs = study.runs[study.runs["start"].notna()]
    if runs.empty:
        return []
    first = runs["start"].min()
    latest = max(runs["start"].max(), runs["end"].max()) if runs["end"].notna().any() else None
    ends = runs["end"].fillna(latest if latest is not None else runs["start"].max())
    end = (ends - first).dt.total_seconds()
    start = _resumed((runs["start"] - first).dt.total_seconds(), end, runs)
    ranks = {row: rank for rank, point in enumerate(found) for row in point.rows}
    rows = zip(runs.index, start.tolist(), end.tolist(), runs["status"].str.lower(), strict=True)
    return [Bar(begin, max(begin, to), state, ranks.get(row)) for row, begin, to, state in rows]


def _resumed(
    start: pd.Series[float], end: pd.Series[float], runs: pd.DataFrame
) -> pd.Series[float]:
    """The begins, of a trial that stood still meanwhile as if it had run at a stretch."""
    column = f"metrics.{names.BEST}seconds"
    if column not in runs:
        return start
    trained = runs[column].astype(float)
    stood = (end - start - trained) > trained.clip(lower=MOST_IDLE)
    return start.mask(stood, end - trained)

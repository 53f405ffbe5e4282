"""Several studies point by point: which of their points are the same, and how far they agree."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hpsearch.reporting.analysis.points import ABSENT, SEED, Point, point_keys, points
from hpsearch.tracking.names import PLACES, canonical
from hpsearch.tracking.study import Study

__all__ = ["Agreement", "Match", "agreement", "base_differences", "matches", "same_data"]

FEWEST_RANKED = 5  # the order of fewer points says nothing


@dataclass(frozen=True)
class Match:
    """One point of a search and what each study has of it; None where it was not finished.

    Attributes:
        cells: key → value, of every key that varied in some study.
        found: an entry a study.
    """

    cells: Mapping[str, str]
    found: Sequence[Point | None]


class Agreement(NamedTuple):
    """Of the order of the points in two studies.

    Attributes:
        points: how many both have.
        tau: Kendall's rank correlation (1938), ties corrected (tau-b); NaN below five points.
        p: of no correlation.
        rank: the place in the second study of the point that is best in the first, from 1.
    """

    points: int
    tau: float
    p: float
    rank: int


def matches(studies: Sequence[Study]) -> list[Match]:
    """Every point of any study, in the order of the first study, then of the next.

    A key that varied in one study alone has in the others the one value that all their trials
    have.
    """
    keys = list(dict.fromkeys(key for study in studies for key in point_keys(study)))
    rows: dict[str, tuple[dict[str, str], list[Point | None]]] = {}
    for n, study in enumerate(studies):
        for point in points(study):
            cells = {key: _cell(study, point, key) for key in keys}
            name = json.dumps([canonical(cell) for cell in cells.values()])
            rows.setdefault(name, (cells, [None] * len(studies)))[1][n] = point
    return [Match(cells, found) for cells, found in rows.values()]


def _cell(study: Study, point: Point, key: str) -> str:
    if key in point.cells:
        return point.cells[key]
    column = f"params.{key}"
    text = study.runs[column].loc[point.rows[0]] if column in study.runs else math.nan
    return text if isinstance(text, str) else ABSENT


def agreement(found: Sequence[Match], first: int, second: int) -> Agreement:
    """Whether the study at place ``second`` orders the points as the one at ``first`` does."""
    from scipy import stats

    both = [(m.found[first], m.found[second]) for m in found]
    values = [(a.mean("val/accuracy"), b.mean("val/accuracy")) for a, b in both if a and b]
    values = [(a, b) for a, b in values if not math.isnan(a + b)]
    if len(values) < FEWEST_RANKED:
        return Agreement(len(values), math.nan, math.nan, 0)
    tau, p = stats.kendalltau(*zip(*values, strict=True))
    of_best = max(values)[1]
    rank = 1 + sum(b > of_best for _, b in values)
    return Agreement(len(values), float(tau), float(p), rank)


def base_differences(studies: Sequence[Study]) -> dict[str, list[str]]:
    """Key → its value in each base configuration, of the keys that differ; not where things lie."""
    keys = dict.fromkeys(key for study in studies for key in study.base)
    rows = {key: [study.base.get(key, ABSENT) for study in studies] for key in keys}
    return {
        key: row
        for key, row in rows.items()
        if key not in ("name", SEED) and not key.startswith(PLACES)
        if len({canonical(cell) for cell in row}) > 1
    }


def same_data(studies: Sequence[Study]) -> bool:
    """Whether all trials were judged on the same examples."""
    digests = {d for study in studies for d in study.runs["digest"].dropna()}
    return len(digests) == 1

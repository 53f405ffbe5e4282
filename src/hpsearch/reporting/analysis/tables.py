"""The table of a search: what was varied, then the figures, best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from hpsearch.errors import ReportError, nearest
from hpsearch.reporting.analysis.points import ABSENT, Point, is_replicated, point_keys, points
from hpsearch.reporting.analysis.statistics import mean_interval
from hpsearch.tracking.names import BEST, same_value
from hpsearch.tracking.study import Study, figure

__all__ = [
    "DEVIATION",
    "FIGURES",
    "INTERVAL",
    "SEEDS",
    "base_point",
    "best_fingerprint",
    "full_table",
    "hp_table",
    "point_cells",
]

# Heading of a column of figures → its metric in MLflow.
FIGURES = {"val. accuracy": "val/accuracy", "val. loss": "val/loss"}
HEADINGS = {metric: heading for heading, metric in FIGURES.items()}
# Where a point has several seeds: how many, the accuracy's standard deviation over them, and the
# 95 % interval of its mean by Student's t distribution.
SEEDS, DEVIATION, INTERVAL = "seeds", "±", "95 %"
ENDS = (f"{INTERVAL} from", "to")

BLANK = ""  # as in the base


def hp_table(study: Study, columns: Sequence[str] = ()) -> pd.DataFrame:
    """One row a finished point, best first; a cell that equals the base is blank.

    The columns are the searched keys that varied (texts) and :data:`FIGURES` (numbers). Seeds are
    replicates: the figures are means over them, beside their number and the accuracy's standard
    deviation and interval. The row of the base itself is shown in full. Ties go to the lower loss,
    then to the name. ``columns`` are others to show: keys, metrics, ``seeds``, ``±``, ``95 %``.

    Raises:
        ReportError: a column is none of these.
    """
    table = full_table(study, columns)
    blank = {key: cells for key, cells in point_cells(study).items() if key in table}
    table = table.assign(**blank)
    for heading in (DEVIATION, *ENDS):
        if heading in table:
            spread = table[heading]
            table[heading] = spread.astype(object).where(spread.notna(), BLANK)
    return table


def point_cells(study: Study) -> dict[str, pd.Series[str]]:
    """Searched key → a cell a finished point; blank where it equals the base."""
    found = points(study)
    base = base_point(study, found)
    return {
        key: pd.Series([_cell(study, x, key, whole=x is base) for x in found], dtype=object)
        for key in point_keys(study)
    }


def _cell(study: Study, point: Point, key: str, *, whole: bool) -> str:
    cell = point.cells[key]
    return BLANK if not whole and same_value(cell, study.base.get(key, ABSENT)) else cell


def full_table(study: Study, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The same rows with every cell filled in and the figures in full."""
    found = points(study)
    chosen = columns or _usual(study)
    made = [_column(study, found, column) for column in chosen]
    return pd.DataFrame({heading: cells for one in made for heading, cells in one.items()})


def _usual(study: Study) -> list[str]:
    replicated = [SEEDS, "val/accuracy", DEVIATION, INTERVAL, "val/loss"]
    return [*point_keys(study), *(replicated if is_replicated(study) else FIGURES.values())]


def _column(study: Study, found: Sequence[Point], column: str) -> dict[str, pd.Series[Any]]:
    """Heading → cells of a column by its name; an interval has two."""
    if column in point_keys(study):
        return {column: pd.Series([x.cells[column] for x in found], dtype=object)}
    special: dict[str, Callable[[], dict[str, pd.Series[Any]]]] = {
        SEEDS: lambda: {SEEDS: pd.Series([len(x.rows) for x in found], dtype=int)},
        DEVIATION: lambda: {DEVIATION: pd.Series([x.deviation for x in found], dtype=float)},
        INTERVAL: lambda: _intervals(found),
    }
    if column in special:
        return special[column]()
    if f"params.{column}" in study.runs:
        texts = study.runs[f"params.{column}"].fillna(ABSENT).astype(str)
        return {column: pd.Series([_shared(texts, x) for x in found], dtype=object)}
    metric = FIGURES.get(column, column)
    if any(f"metrics.{prefix}{metric}" in study.runs for prefix in (BEST, "")) or column in FIGURES:
        return {HEADINGS.get(metric, metric): _means(study, found, metric)}
    if metric in HEADINGS:  # no trial has it yet
        return {HEADINGS[metric]: pd.Series([float("nan")] * len(found), dtype=float)}
    raise ReportError(_unknown(study, column))


def _shared(texts: pd.Series[str], point: Point) -> str:
    """The value that a point's trials have in common; all of them where they differ."""
    return ", ".join(dict.fromkeys(texts.loc[row] for row in point.rows))


def _means(study: Study, found: Sequence[Point], metric: str) -> pd.Series[Any]:
    figures = figure(study.runs, metric).to_dict()
    means = [math.fsum(figures[row] for row in x.rows) / len(x.rows) for x in found]
    return pd.Series(means, dtype=float)


def _intervals(found: Sequence[Point]) -> dict[str, pd.Series[Any]]:
    ends = [mean_interval(point.figures["val/accuracy"]) for point in found]
    return {
        heading: pd.Series([end[n] for end in ends], dtype=float) for n, heading in enumerate(ENDS)
    }


def _unknown(study: Study, column: str) -> str:
    names = [str(name) for name in study.runs]
    metrics = {n.removeprefix("metrics.").removeprefix(BEST) for n in names if n[:2] == "me"}
    keys = [name.removeprefix("params.") for name in names if name.startswith("params.")]
    known = [*point_keys(study), SEEDS, DEVIATION, INTERVAL, *sorted(metrics)]
    return (
        f"columns={column}: known are {', '.join(known)}, and every key of the configuration"
        f"{nearest(column, [*known, *keys])}"
    )


def base_point(study: Study, found: Sequence[Point]) -> Point | None:
    """The one of these points that is the base configuration, if any is."""
    for point in found:
        if all(same_value(cell, study.base.get(k, ABSENT)) for k, cell in point.cells.items()):
            return point
    return None


def best_fingerprint(study: Study) -> str:
    """The fingerprint of the best point's best trial, by which the store knows its model."""
    found = points(study)
    if found and found[0].fingerprints[0]:
        return found[0].fingerprints[0]
    raise ReportError(f"study={study.name}: no trial of it has finished yet")

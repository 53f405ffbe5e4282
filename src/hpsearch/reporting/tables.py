"""The table of a search: what was varied, then the figures, best first."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hpsearch.errors import ReportError
from hpsearch.reporting.points import (
    ABSENT,
    Point,
    is_replicated,
    point_keys,
    points,
)
from hpsearch.tracking.names import same_value
from hpsearch.tracking.study import Study

__all__ = [
    "DEVIATION",
    "FIGURES",
    "SEEDS",
    "base_point",
    "best_fingerprint",
    "full_table",
    "hp_table",
    "point_cells",
]

# Heading of a column of figures → its metric in MLflow.
FIGURES = {"val. accuracy": "val/accuracy", "val. loss": "val/loss"}
# Where a point has several seeds: how many, and the accuracy's standard deviation over them.
SEEDS, DEVIATION = "seeds", "±"

BLANK = ""  # as in the base


def hp_table(study: Study) -> pd.DataFrame:
    """One row a finished point, best first; a cell that equals the base is blank.

    The columns are the searched keys that varied (texts) and :data:`FIGURES` (numbers). Seeds are
    replicates: the figures are means over them, beside their number and the accuracy's standard
    deviation. The row of the base itself is shown in full. Ties go to the lower loss, then to the
    name.
    """
    table = full_table(study).assign(**point_cells(study))
    if DEVIATION in table:
        spread = table[DEVIATION]
        table[DEVIATION] = spread.astype(object).where(spread.notna(), BLANK)
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


def full_table(study: Study) -> pd.DataFrame:
    """The same rows with every cell filled in and the figures in full."""
    found, keys = points(study), point_keys(study)
    cells = {key: pd.Series([x.cells[key] for x in found], dtype=object) for key in keys}
    figures = {
        heading: pd.Series([x.mean(metric) for x in found], dtype=float)
        for heading, metric in FIGURES.items()
    }
    if not is_replicated(study):
        return pd.DataFrame({**cells, **figures})
    accuracy, *others = figures
    spread = pd.Series([x.deviation for x in found], dtype=float)
    seeds = pd.Series([len(x.rows) for x in found], dtype=int)
    rest = {heading: figures[heading] for heading in others}
    return pd.DataFrame(
        {**cells, SEEDS: seeds, accuracy: figures[accuracy], DEVIATION: spread, **rest}
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

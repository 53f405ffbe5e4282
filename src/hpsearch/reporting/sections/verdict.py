"""The section that says which differences are real: a table, and how it was come by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hpsearch.reporting.analysis.differences import (
    SIGNIFICANT,
    Difference,
    differences,
    not_told_apart,
)
from hpsearch.reporting.analysis.points import Point, is_replicated, points
from hpsearch.reporting.analysis.tables import base_point, point_cells
from hpsearch.reporting.layout import DIGITS
from hpsearch.reporting.sections import cells
from hpsearch.tracking.study import Study

__all__ = ["verdict_notes", "verdict_table"]

SEEDS, EXAMPLES = "p (seeds)", "p (examples)"


def verdict_table(study: Study, root: Path, *, digits: int = DIGITS) -> pd.DataFrame:
    """One row a finished point, best first, all cells texts; empty where nothing was tested.

    The columns: the searched keys, the accuracy's difference from the base (from the best point,
    where the base has not finished), its intervals and corrected p-values, and a mark at the points
    that cannot be told from the best. A column without any figure is left out.
    """
    found = points(study)
    if len(found) < 2:
        return pd.DataFrame()
    reference = base_point(study, found) or found[0]
    compared = differences(found, to=reference, root=root)
    if all(math.isnan(each.p) for each in compared):
        return pd.DataFrame()
    # Without the base the comparison with the best is made already.
    to_best = compared if reference is found[0] else differences(found, to=found[0], root=root)
    marks = ["yes" if each else "no" for each in not_told_apart(to_best)]
    shown = _columns(compared, digits)
    columns = {**shown, "like the best": marks}
    table = pd.DataFrame({**point_cells(study), **columns})
    same = [point is reference for point in found]
    for heading in shown:
        table[heading] = table[heading].mask(pd.Series(same), cells.BLANK)
    return table.loc[:, [not table[c].eq(cells.BLANK).all() for c in table.columns]]


def _columns(compared: Sequence[Difference], digits: int) -> dict[str, list[str]]:
    return {
        "Δ val. accuracy": [cells.signed(each.mean, digits) for each in compared],
        "95 % over seeds": [cells.interval(each.over_seeds, digits) for each in compared],
        SEEDS: [cells.p_value(each.p_seeds) for each in compared],
        "95 % over examples": [cells.interval(each.over_examples, digits) for each in compared],
        EXAMPLES: [cells.p_value(each.p_examples) for each in compared],
    }


def verdict_notes(study: Study, table: pd.DataFrame) -> list[str]:
    """What the columns are, and what cannot be claimed; sentences."""
    found = points(study)
    if len(found) < 2:
        return []
    if table.empty:
        return ["One seed, and no predictions are kept for these trials: nothing can be tested."]
    others, alike = len(found) - 1, int((table["like the best"] == "yes").sum()) - 1
    base = base_point(study, found)
    of = "the base configuration" if base else "the best point (the base has not finished)"
    lines = [
        f"{_of(alike, others)} be told from the best one at the {100 * SIGNIFICANT:.0f} % level.",
        f"Δ: less {of}, on the seeds that both have. {_tests(study, table)} p-values are corrected "
        f"for {others} comparison{'s' * (others > 1)} (Holm); {_decides(found)} decide.",
    ]
    if not is_replicated(study):
        lines.append("One seed says nothing of other seeds, which may order the rows anew.")
    return lines


def _of(alike: int, others: int) -> str:
    if others == 1:
        return f"The other point {'cannot' if alike else 'can'}"
    return f"{alike} of the {others} other points cannot"


def _tests(study: Study, table: pd.DataFrame) -> str:
    """How the columns that are there were come by."""
    replicated = is_replicated(study)
    how = "of the seeds' mean" if replicated else "and McNemar's exact test"
    said = {
        SEEDS: "Over seeds: paired t test.",
        EXAMPLES: f"Over validation examples: paired bootstrap {how}.",
    }
    return " ".join(text for heading, text in said.items() if heading in table)


def _decides(found: Sequence[Point]) -> str:
    several = any(len(point.rows) > 1 for point in found)
    return "those over seeds" if several else "those over examples"

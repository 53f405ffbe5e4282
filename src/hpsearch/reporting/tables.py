"""The table of a search: what was varied, then the figures, best first."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hpsearch.errors import ReportError
from hpsearch.tracking.names import canonical, same_value
from hpsearch.tracking.study import Study, figure

__all__ = ["FIGURES", "base_row", "best_fingerprint", "full_table", "hp_table", "varied_keys"]

# Heading of a column of figures → its metric in MLflow.
FIGURES = {"val. accuracy": "val/accuracy", "val. loss": "val/loss"}

BLANK = ""  # as in the base
ABSENT = "—"  # the trial has no such parameter


def hp_table(study: Study) -> pd.DataFrame:
    """One row a finished point, best first; a cell that equals the base is blank.

    The columns are the searched keys that varied (texts) and :data:`FIGURES` (numbers). The
    row of the base itself is shown in full. Ties go to the lower loss, then to the name.
    """
    table = full_table(study)
    base = base_row(study, table)
    for key in varied_keys(study):
        blank = [same_value(str(cell), study.base.get(key, ABSENT)) for cell in table[key]]
        table[key] = table[key].mask(pd.Series(blank, index=table.index) & ~base, BLANK)
    return table


def full_table(study: Study) -> pd.DataFrame:
    """The same rows with every cell filled in and the figures in full."""
    rows = study.finished()
    cells = {key: rows[f"params.{key}"].fillna(ABSENT).astype(object) for key in varied_keys(study)}
    figures = {heading: figure(rows, metric) for heading, metric in FIGURES.items()}
    return pd.DataFrame({**cells, **figures}, index=rows.index)


def varied_keys(study: Study) -> list[str]:
    """The searched keys that took more than one value, the base's own among them.

    In the order of the command; where nothing was searched but several runs share the
    study's name, every parameter that differs between them, in alphabetical order.
    """
    keys = [column.removeprefix("params.") for column in study.point_columns()]
    base: Mapping[str, str] = study.base if study.keys else {}
    return [key for key in keys if len(_values(study, key, base)) > 1]


def _values(study: Study, key: str, base: Mapping[str, str]) -> set[str]:
    found = {canonical(str(value)) for value in study.runs[f"params.{key}"].dropna()}
    return found | ({canonical(base[key])} if key in base else set())


def base_row(study: Study, table: pd.DataFrame) -> pd.Series[bool]:
    """Which row of the full table is the base configuration; none or one."""
    same = pd.Series(True, index=table.index, dtype=bool)
    for key in varied_keys(study):
        base = study.base.get(key, ABSENT)
        same &= pd.Series([same_value(str(c), base) for c in table[key]], table.index, dtype=bool)
    return same


def best_fingerprint(study: Study) -> str:
    """The fingerprint of the best trial, by which the trial store knows its model."""
    best = study.finished().head(1)["fingerprint"].dropna()
    if best.empty:
        raise ReportError(f"study={study.name}: no trial of it has finished yet")
    return str(best.iloc[0])

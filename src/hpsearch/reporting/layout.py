"""Which columns a table has, and how many digits: chosen in ``conf/report/``, or for one report."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hpsearch.errors import ReportError
from hpsearch.tracking.study import Study

__all__ = ["DIGITS", "Layout", "choose"]

DIGITS = 5
MOST_DIGITS = 15  # more than a number of 64 bits has


@dataclass(frozen=True)
class Layout:
    """Of the table of points.

    Attributes:
        columns: configuration keys, metrics of MLflow, ``seeds``, ``±`` and ``95 %``; empty for
            what varied and the usual figures.
        digits: decimal places of a figure.
    """

    columns: tuple[str, ...] = ()
    digits: int = DIGITS


def choose(study: Study, *, columns: str = "", digits: int | None = None) -> Layout:
    """The layout that is asked for; what is not, as the study was configured.

    ``columns`` are separated by commas. Raises :class:`ReportError` for digits that cannot be.
    """
    if digits is None:
        digits = int(study.base.get("report.digits", DIGITS))
    if not 0 <= digits <= MOST_DIGITS:
        raise ReportError(f"digits={digits}: allowed is a whole number from 0 to {MOST_DIGITS}")
    words = columns.split(",") if columns else json.loads(study.base.get("report.columns", "null"))
    return Layout(tuple(word.strip() for word in words or ()), digits)

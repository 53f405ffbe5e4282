"""Numbers as the cells of a table; blank where there is none."""

from __future__ import annotations

import math

from hpsearch.reporting.analysis.statistics import Interval

__all__ = ["BLANK", "interval", "p_value", "signed"]

BLANK = ""
SMALLEST_P = 0.001


def signed(number: float, digits: int) -> str:
    return BLANK if math.isnan(number) else f"{number:+.{digits}f}"


def interval(ends: Interval, digits: int) -> str:
    if math.isnan(ends.low):
        return BLANK
    return f"{signed(ends.low, digits)} to {signed(ends.high, digits)}"


def p_value(p: float) -> str:
    if math.isnan(p):
        return BLANK
    return f"≤ {SMALLEST_P}" if p <= SMALLEST_P else f"{p:.3f}"

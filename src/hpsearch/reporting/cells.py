"""Numbers as the cells of a table; blank where there is none."""

from __future__ import annotations

import math

from hpsearch.reporting.statistics import Interval

__all__ = ["BLANK", "interval", "p_value", "signed"]

BLANK = ""
SMALLEST_P = 0.001


def signed(number: float) -> str:
    return BLANK if math.isnan(number) else f"{number:+.5f}"


def interval(ends: Interval) -> str:
    return BLANK if math.isnan(ends.low) else f"{signed(ends.low)} to {signed(ends.high)}"


def p_value(p: float) -> str:
    if math.isnan(p):
        return BLANK
    return f"≤ {SMALLEST_P}" if p <= SMALLEST_P else f"{p:.3f}"

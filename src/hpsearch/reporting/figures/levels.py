"""The levels of a key, in an order that a reader expects."""

from __future__ import annotations

from collections.abc import Sequence

from hpsearch.reporting.analysis.points import ABSENT, Point
from hpsearch.reporting.figures.texts import is_number, number
from hpsearch.tracking.names import canonical

__all__ = ["levels"]


def levels(found: Sequence[Point], key: str) -> dict[str, str]:
    """Each level's one spelling (:func:`canonical`) → as it was first written.

    Numbers by size, then texts by the alphabet, then "no such parameter".
    """
    written: dict[str, str] = {}
    for point in found:
        written.setdefault(canonical(point.cells[key]), point.cells[key])
    return {level: written[level] for level in sorted(written, key=_order)}


def _order(level: str) -> tuple[bool, bool, float, str]:
    size = number(level) if is_number(level) else 0.0
    return level == ABSENT, not is_number(level), size, level

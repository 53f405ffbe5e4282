"""Rules for single values: what is allowed, in words and as a test.

Each function returns a dataclass field whose metadata holds the :class:`Rule`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

__all__ = [
    "Rule",
    "at_least",
    "between",
    "count_or",
    "flag",
    "free",
    "irrelevant",
    "items",
    "number_or",
    "one_of",
    "share_or_count",
]


@dataclass(frozen=True)
class Rule:
    """What a key may hold: ``test`` decides, ``text`` tells, ``options`` are the closed list."""

    test: Callable[[Any], bool]
    text: str
    options: tuple[object, ...] = ()


def _field(rule: Rule) -> Any:
    return dataclasses.field(default=MISSING, metadata={"rule": rule, "relevant": True})


def irrelevant(made: Any) -> Any:
    """The same field, marked as one that cannot change a trial's result by its value."""
    return dataclasses.field(default=MISSING, metadata={**made.metadata, "relevant": False})


def one_of(*options: object) -> Any:
    names = ["null" if option is None else str(option) for option in options]
    return _field(Rule(lambda value: value in options, ", ".join(names), options))


def at_least(low: int, *, none: bool = False) -> Any:
    text = f"a whole number of at least {low}" + (" or null" if none else "")
    return _field(Rule(lambda v: (none and v is None) or (_whole(v) and v >= low), text))


def between(low: float, high: float | None, *, none: bool = False, open_low: bool = False) -> Any:
    """A number in [low, high), or (low, high) with ``open_low``; None is no upper end."""
    text = f"a number {'above' if open_low else 'of at least'} {low}"
    text += f" and below {high}" if high is not None else ""

    def test(value: Any) -> bool:
        if value is None or not _number(value):
            return none and value is None
        above = value > low if open_low else value >= low
        return above and (high is None or value < high)

    return _field(Rule(test, text + (" or null" if none else "")))


def share_or_count(*, none: bool = False) -> Any:
    """A share in [0, 1) as a float, or a count as a whole number."""
    text = "a share in [0, 1) or a whole number" + (" or null for all" if none else "")

    def test(value: Any) -> bool:
        if value is None:
            return none
        return (_whole(value) and value >= 0) or (_number(value) and 0 <= value < 1)

    return _field(Rule(test, text))


def count_or(*words: str, low: int = 1) -> Any:
    text = f"{', '.join(words)}, or a whole number of at least {low}"
    return _field(Rule(lambda v: v in words or (_whole(v) and v >= low), text, words))


def number_or(*words: str) -> Any:
    text = f"{', '.join(words)}, or a number of at least 0"
    return _field(Rule(lambda v: v in words or (_number(v) and v >= 0), text, words))


def items(of: Any) -> Any:
    """A list, not empty, each of whose items obeys the other field's rule."""
    rule: Rule = of.metadata["rule"]
    text = f"a list, each item {rule.text}"
    return _field(Rule(lambda v: bool(v) and all(rule.test(item) for item in v), text))


def flag() -> Any:
    return _field(Rule(lambda value: isinstance(value, bool), "true, false", (True, False)))


def free(text: str) -> Any:
    """Anything of the field's type; it is checked where it is used."""
    return _field(Rule(lambda value: True, text))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

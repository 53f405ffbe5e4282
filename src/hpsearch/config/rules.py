"""Rules for single values: what is allowed, in words and as a test.

Each function returns a dataclass field whose metadata holds the :class:`Rule`.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

__all__ = [
    "Rule",
    "at_least",
    "between",
    "count_or",
    "file_name",
    "flag",
    "folder",
    "free",
    "irrelevant",
    "items",
    "number_or",
    "one_of",
    "seconds",
    "share_or_count",
    "steps_or_time",
    "within",
]


# It begins with a letter or digit, so it is neither hidden nor a folder above.
NAME = re.compile(r"[^\W_][\w .+=,@-]*")
LARGEST = 2**31 - 1  # what every library below takes for a size, a count or a seed
LONGEST_NAME = 100  # a file's may have 255 bytes, and the hash and the endings follow


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
    text = f"a whole number of at least {low} (and up to {LARGEST})" + (" or null" if none else "")
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


def within(low: int, high: int) -> Any:
    text = f"a whole number from {low} to {high}"
    return _field(Rule(lambda v: _whole(v) and low <= v <= high, text))


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


def steps_or_time(*, none: bool = False) -> Any:
    """A number of optimiser steps, or a time such as ``90s``, ``10min``, ``2h``."""
    text = "a whole number of steps of at least 1, or a time such as 90s, 10min, 2h"

    def test(value: Any) -> bool:
        if value is None:
            return none
        return (_whole(value) and value >= 1) or (isinstance(value, str) and bool(seconds(value)))

    return _field(Rule(test, text + (" or null" if none else "")))


def seconds(time: str) -> float:
    """``90s``, ``10min`` or ``2h`` in seconds; 0 for what is no time."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*(s|min|h)", time)
    return float(found[1]) * {"s": 1, "min": 60, "h": 3600}[found[2]] if found else 0.0


def flag() -> Any:
    return _field(Rule(lambda value: isinstance(value, bool), "true, false", (True, False)))


def file_name() -> Any:
    """A part of the names of files and folders, which must not lead to another folder."""
    text = f"a name of letters, digits, spaces and . _ + = , @ -, up to {LONGEST_NAME} of them"
    return _field(Rule(lambda v: len(v) <= LONGEST_NAME and bool(NAME.fullmatch(v)), text))


def folder() -> Any:
    """A path that a file system can hold; whether it can be written is seen when it is."""
    text = "a folder, without line breaks and control characters"
    return _field(Rule(lambda v: bool(v) and v.isprintable(), text))


def free(text: str) -> Any:
    """Anything of the field's type; it is checked where it is used."""
    return _field(Rule(lambda value: True, text))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value <= LARGEST


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # neither nan nor inf, nor what no float can hold

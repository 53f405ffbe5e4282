"""Values of searched parameters: as text in a job's override, as a label in the study.

A job gets its value as the text of an override, from which Hydra must read back the same value with
the same type. The study keeps a *label*: the value itself where that is unambiguous, so that tables
and dashboards stay readable, and the text otherwise (lists, dicts, strings that look like numbers).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Label", "Level", "canonical_json", "levels_of", "override_text", "quoted", "same_value"]

Label = str | int | float | bool | None

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = {"null", "true", "false", "nan", "inf"}


@dataclass(frozen=True)
class Level:
    """One value that a parameter can take."""

    value: Any
    text: str
    label: Label


def override_text(value: Any) -> str:
    """The part after the `=` from which Hydra reads back exactly `value`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(override_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(k)}:{override_text(v)}" for k, v in value.items()) + "}"
    return _string(str(value))


def quoted(text: str) -> str:
    """A text in quotes, from which Hydra reads back exactly that text."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text, Quote.single).with_quotes()


def levels_of(values: Iterable[Any]) -> tuple[Level, ...]:
    """The distinct values in their order, each with its text and label."""
    by_text = {override_text(value): value for value in values}
    labels = [_label(value, text) for text, value in by_text.items()]
    if len(set(labels)) < len(labels):  # Python (and Optuna) hold 1, 1.0 and True for equal
        labels = list(by_text)
    return tuple(
        Level(value, text, label)
        for (text, value), label in zip(by_text.items(), labels, strict=True)
    )


def same_value(left: Any, right: Any) -> bool:
    """Equal and of the same kind: 1 equals 1.0, but neither True nor "1"."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or math.isclose(left, right, rel_tol=1e-12)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return _same_items(left, right)
    return type(left) is type(right) and bool(left == right)


def plain(value: Any) -> Any:
    """The value as plain JSON types with string keys, for hashing."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def canonical_json(value: Any) -> str:
    """One text for equal values, whatever the order of their keys."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"))


def _same_items(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return len(left) == len(right) and all(map(same_value, left, right))


def _label(value: Any, text: str) -> Label:
    if value is None or isinstance(value, bool | int | float):
        return value
    return text


def _string(text: str) -> str:
    bare = _BARE.fullmatch(text) and text.lower() not in _RESERVED
    return text if bare else quoted(text)


def _key(key: Any) -> str:
    from hydra._internal.grammar.utils import escape_special_characters

    return escape_special_characters(key) if isinstance(key, str) else override_text(key)

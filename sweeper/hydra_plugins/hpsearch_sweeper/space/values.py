"""Values of searched parameters as text in a job's override.

Hydra must read back the same value with the same type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from hydra_plugins.hpsearch_sweeper import errors

__all__ = ["Label", "canonical_json", "override_text", "quoted", "same_value"]

Label = str | int | float | bool | None

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = {"null", "true", "false", "nan", "inf"}
_PLAIN_KEY = re.compile(r"(?!(?i:null|true|false|nan|inf)$)[A-Za-z_][A-Za-z0-9_]*")


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


def same_value(left: Any, right: Any) -> bool:
    """Equal and of the same kind: 1 equals 1.0, but neither True nor "1"."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or (left != left and right != right)  # nan is nan
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return _same_items(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_value(left[k], right[k]) for k in left)
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


def _string(text: str) -> str:
    bare = _BARE.fullmatch(text) and text.lower() not in _RESERVED
    return text if bare else quoted(text)


def _key(key: Any) -> str:
    """Hydra knows no quotes around keys: some strings cannot be written."""
    from hydra._internal.grammar.utils import escape_special_characters

    text = escape_special_characters(key) if isinstance(key, str) else override_text(key)
    if not _PLAIN_KEY.fullmatch(text) and not _reads_back(text, key):
        raise errors.SearchSpaceError(
            f"{key!r} as a key inside a value cannot be written as an override of Hydra; allowed "
            "are numbers and text of letters a to z, digits and _-+./$%*@?| that is no number"
        )
    return text


def _reads_back(text: str, key: Any) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        found = OverridesParser.create().parse_rule(f"{{{text}:0}}", "dictContainer")
    except HydraException:
        return False
    return [(type(x), x) for x in found] == [(type(key), key)]

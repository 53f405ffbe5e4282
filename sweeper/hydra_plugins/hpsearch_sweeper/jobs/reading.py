"""Reads an override as Hydra does, without its parser where that is simple."""

from __future__ import annotations

import re
from functools import lru_cache

from hydra.core.override_parser.types import Override, OverrideType, Quote, QuotedString, ValueType

__all__ = ["parse"]

MOST_OVERRIDES = 4096  # parsed overrides that are kept

# Overrides that need no parser of a whole grammar, which takes a millisecond or more each.
_SIMPLE = re.compile(
    r"""(?P<add>\+\+)?(?P<key>[a-z_]\w*(?:\.[a-z_]\w*)*)=(?:
        (?P<int>[+-]?(?:0|[1-9]\d*))
        |(?P<float>[+-]?(?:(?:0|[1-9]\d*)\.\d+(?:e[+-]?\d+)?|(?:0|[1-9]\d*)e[+-]?\d+|inf|nan))
        |(?P<bool>true|false)
        |(?P<null>null)
        |(?P<word>[a-z_]\w*)
        |'(?P<quoted>[^'\\]*)'
    )""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


@lru_cache(maxsize=MOST_OVERRIDES)
def parse(text: str) -> Override:
    """What Hydra's parser gives, without it where the override is simple."""
    if found := _SIMPLE.fullmatch(text):
        return Override(
            type=OverrideType.FORCE_ADD if found["add"] else OverrideType.CHANGE,
            key_or_group=found["key"],
            value_type=ValueType.ELEMENT,
            _value=_simple_value(found),
            input_line=text,
        )
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides([text])[0]


def _simple_value(found: re.Match[str]) -> int | float | bool | str | QuotedString | None:
    kind = str(found.lastgroup)
    text = found[kind]
    match kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case "quoted":
            return QuotedString(text, Quote.single)
    return text

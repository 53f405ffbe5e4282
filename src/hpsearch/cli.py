"""The command line of ``report`` and ``predict``: ``key=value`` words, as in Hydra."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, get_type_hints

from hpsearch.errors import ConfigError, nearest

__all__ = ["parse"]

T = TypeVar("T")


def parse(argv: Sequence[str], schema: type[T]) -> T:
    """Read ``key=value`` words into the dataclass ``schema``; a value is taken literally.

    Unlike Hydra's grammar nothing needs quoting (``text=Good, but long: {sic}`` works).
    Raises :class:`ConfigError` for a word without ``=``, an unknown key or a wrong type, and
    ``SystemExit(0)`` after printing the keys for ``--help``.
    """
    if {"-h", "--help"} & set(argv):
        _print_help(schema)
    types = get_type_hints(schema)
    given: dict[str, Any] = {}
    for word in argv:
        key, equals, value = word.partition("=")
        if not equals or key not in types:
            keys = ", ".join(f"{name}=…" for name in types)
            raise ConfigError(f"{word!r}: allowed are {keys}{nearest(key, types)}")
        given[key] = _convert(key, value, types[key])
    return schema(**given)


def _convert(key: str, value: str, kind: Any) -> Any:
    if kind is bool:
        if value not in ("true", "false"):
            raise ConfigError(f"{key}={value}: allowed are true, false")
        return value == "true"
    if int not in (kind, *getattr(kind, "__args__", ())):
        return value
    try:
        return int(value)
    except ValueError:
        raise ConfigError(f"{key}={value}: allowed is a whole number") from None


def _print_help(schema: Any) -> None:
    print((schema.__doc__ or "").strip())
    for field in dataclasses.fields(schema):
        print(f"  {field.name}={field.default!r:<12} {field.metadata.get('help', '')}")
    raise SystemExit(0)

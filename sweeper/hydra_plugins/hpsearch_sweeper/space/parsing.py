"""`params:` entries and Hydra override strings → the search space. Pure: runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.space import conditions, search_space, sweeps, values

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace

__all__ = ["parse", "parse_one", "with_parameters"]

_CONDITIONAL = {"space", "when"}


def parse(
    params: Mapping[str, Any], arguments: Sequence[str], *, loader: ConfigLoader | None = None
) -> SearchSpace:
    """Entries of `params:` first, then the command line, which replaces entries of the same key.

    It replaces an entry's space and leaves its `when`; a plain value ends the search of that key.
    """
    found: dict[str, Override] = {}
    whens: dict[str, Any] = {}
    for key, entry in params.items():
        name = key.lstrip("+")
        space, when = _parts(key, entry)
        found[name] = _parse_entry(key, space, loader)
        if when is not None:
            whens[name] = when
    for line in arguments:
        override = _parse_line(line, loader)
        name = override.get_key_element().lstrip("+")
        found[name] = override
        if not override.is_sweep_override():
            whens.pop(name, None)
    return _space(found, whens)


def parse_one(line: str, *, loader: ConfigLoader | None = None) -> Parameter:
    """One override string, `key=choice(a,b)`, as a parameter."""
    return sweeps.parameter_of(_parse_line(line, loader))


def with_parameters(space: SearchSpace, parameters: Sequence[Parameter]) -> SearchSpace:
    """The same fixed overrides with other parameters, put in order and checked."""
    arranged = replace(space, parameters=conditions.ordered(parameters))
    for parameter in arranged.parameters:
        arranged.activating(parameter)
    return arranged


def _space(found: Mapping[str, Override], whens: Mapping[str, Any]) -> SearchSpace:
    searched = {
        name: sweeps.parameter_of(x)
        for name, x in found.items()
        if x.is_sweep_override() or name in whens
    }
    fixed = {name: x for name, x in found.items() if name not in searched}
    given = {name: x.value() for name, x in fixed.items() if not x.is_delete()}
    parameters = _conditional(searched, whens, given)
    lines = tuple(str(x.input_line) for x in fixed.values())
    return with_parameters(search_space.SearchSpace((), lines), parameters)


def _conditional(
    searched: Mapping[str, Parameter], whens: Mapping[str, Any], fixed: Mapping[str, Any]
) -> list[Parameter]:
    """The parameters with their conditions, without those that a fixed value rules out."""
    read = {
        name: conditions.read_when(name, when, parents=searched, fixed=fixed)
        for name, when in whens.items()
    }
    out = {name for name, when in read.items() if when is None}
    while more := {x for x, when in read.items() if when and out & {c.key for c in when}} - out:
        out |= more
    return [replace(x, when=read.get(x.name) or ()) for x in searched.values() if x.name not in out]


def _parts(key: str, entry: Any) -> tuple[Any, Any]:
    """An entry's space and its condition, where it has one."""
    if not isinstance(entry, dict) or "when" not in entry:
        return entry, None
    if set(entry) != _CONDITIONAL:
        raise errors.SearchSpaceError(
            f"hydra.sweeper.params.{key}.when: it stands beside "
            f"{', '.join(str(x) for x in entry if x != 'when') or 'nothing'}; "
            "allowed is a mapping with exactly the keys space and when"
        )
    return entry["space"], {} if entry["when"] is None else entry["when"]


def _parse_entry(key: str, entry: Any, loader: ConfigLoader | None) -> Override:
    try:
        text = entry if isinstance(entry, str) else values.override_text(entry)
    except errors.SearchSpaceError as error:
        raise errors.SearchSpaceError(f"hydra.sweeper.params.{key}: {error}") from error
    try:
        return _parse_line(f"{key}={text}", loader)
    except errors.SearchSpaceError as error:
        inside = text.strip().removeprefix("choice(").removesuffix(")")
        if len(inside) + len("choice()") == len(text.strip()) and "null" in inside:
            return _parse_line(f"{key}={inside}", loader)  # Hydra's choice() refuses null
        raise errors.SearchSpaceError(f"hydra.sweeper.params.{error}") from error


def _parse_line(line: str, loader: ConfigLoader | None) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create(config_loader=loader).parse_overrides([line])[0]
    except HydraException as error:
        key, _, given = line.partition("=")
        reason = str(error).splitlines()[0]
        raise errors.SearchSpaceError(
            f"{key}: cannot read '{given}' ({reason}); allowed are a value, a,b,c, choice(..), "
            "range(..), interval(..), tag(log, ..) and glob(..)"
        ) from error

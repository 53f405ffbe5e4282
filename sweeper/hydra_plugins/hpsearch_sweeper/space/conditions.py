"""When a parameter is searched: only where others have certain values. Reads and orders them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.space import values

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter

__all__ = ["Condition", "ordered", "read_when", "requirements"]


@dataclass(frozen=True)
class Condition:
    """Holds where a parent has one of some values, each as the text of an override."""

    key: str  # the parent's name
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}={' or '.join(self.texts)}"


def read_when(
    key: str, given: Any, *, parents: Mapping[str, Parameter], fixed: Mapping[str, Any]
) -> tuple[Condition, ...] | None:
    """What an entry's `when` says; None where a fixed value rules the entry out for good."""
    if not isinstance(given, dict) or not given:
        raise _wrong(key, f"{given!r} is no condition; allowed is a mapping {{key: value or list}}")
    found = []
    for parent, value in given.items():
        wanted = value if isinstance(value, list) else [value]
        name = str(parent).lstrip("+")
        if name in fixed:
            if not any(values.same_value(fixed[name], x) for x in wanted):
                return None
        else:
            found.append(Condition(name, _texts(key, name, wanted, parents)))
    return tuple(found)


def ordered(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Parents before their children, and otherwise in the given order."""
    done: dict[str, Parameter] = {}
    left = list(parameters)
    while left:
        ready = (x for x in left if all(c.key in done for c in x.when))
        following = next(ready, None)
        if following is None:
            raise _wrong(left[0].name, f"{_cycle(left)} depend on each other in a circle")
        done[following.name] = following
        left.remove(following)
    return tuple(done.values())


def requirements(parameter: Parameter, by_name: Mapping[str, Parameter]) -> dict[str, list[str]]:
    """What each parent, and each of theirs, may be while the parameter is searched."""
    needed: dict[str, list[str]] = {}
    for condition in parameter.when:
        above = requirements(by_name[condition.key], by_name)
        for key, texts in {**above, condition.key: list(condition.texts)}.items():
            needed[key] = [x for x in texts if x in needed.get(key, texts)]
            if not needed[key]:
                raise _wrong(parameter.name, f"can never hold: no value of {key} is left")
    return needed


def _texts(
    key: str, name: str, wanted: Sequence[Any], parents: Mapping[str, Parameter]
) -> tuple[str, ...]:
    if name not in parents:
        close = difflib.get_close_matches(name, parents, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        allowed = ", ".join(x for x in parents if x != key) or "no key, for no other is searched"
        raise _wrong(key, f"{name} is not searched{hint}; allowed: {allowed}")
    parent = parents[name]
    if parent.levels is None:
        raise _wrong(
            key, f"{name}={parent.given} is an interval; allowed are keys whose values are listed"
        )
    texts = {_text(key, parent, value) for value in wanted}
    if not texts:
        raise _wrong(key, f"{name} has no value in []; allowed: {_listed(parent)}")
    return tuple(level.text for level in parent.levels if level.text in texts)


def _text(key: str, parent: Parameter, value: Any) -> str:
    try:
        return parent.text(parent.label(value))
    except LookupError as error:
        raise _wrong(
            key, f"{parent.name} is never {value!r}; allowed: {_listed(parent)}"
        ) from error


def _listed(parent: Parameter) -> str:
    return ", ".join(level.text for level in parent.levels or ())


def _cycle(left: Sequence[Parameter]) -> str:
    """The names of one circle among parameters of which none can come first."""
    by_name = {x.name: x for x in left}
    path = [left[0].name]
    while len(set(path)) == len(path):
        path.append(next(c.key for c in by_name[path[-1]].when if c.key in by_name))
    return " → ".join(path[path.index(path[-1]) :])


def _wrong(key: str, reason: str) -> errors.SearchSpaceError:
    return errors.SearchSpaceError(f"hydra.sweeper.params.{key}.when: {reason}")

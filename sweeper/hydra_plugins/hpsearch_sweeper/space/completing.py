"""Points named in part, completed from the base config: the user's own, the base, one factor's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import composing, errors

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from omegaconf import DictConfig

__all__ = ["around", "base_point", "enqueued"]


def around(space: SearchSpace, base: DictConfig, given: Mapping[str, Label]) -> Point:
    """The given draws where they are active, and the other active keys as in the base.

    A key that the base has no value for takes its first; one whose base value it cannot draw stays
    out, for the job has that value anyway.
    """
    point: Point = {}
    for x in space.parameters:
        if not space.is_active(x, point):
            continue
        value = composing.base_value(base, x)
        try:
            point[x.name] = given[x.name] if x.name in given else _draw(x, value)
        except LookupError:
            if value is composing.ABSENT:
                point[x.name] = _lowest(x)
    return point


def base_point(space: SearchSpace, base: DictConfig) -> Point:
    """The base as a point; raises LookupError where it is none."""
    point: Point = {}
    for x in space.parameters:
        if space.is_active(x, point):
            point[x.name] = _draw(x, composing.base_value(base, x))
    return point


def enqueued(
    given: Sequence[Mapping[str, Any]] | None, space: SearchSpace, *, base: DictConfig
) -> list[Point]:
    """The points of `hydra.sweeper.enqueue`, their missing keys taken from the base."""
    return [
        _own_point(f"hydra.sweeper.enqueue[{i}]", x, space=space, base=base)
        for i, x in enumerate(given or [])
    ]


def _own_point(
    where: str, given: Mapping[str, Any], *, space: SearchSpace, base: DictConfig
) -> Point:
    for key in given:
        if key not in space.names:
            raise errors.ConfigError(
                f"{where} names {key}, which is not searched; "
                f"allowed: {', '.join(space.names) or 'nothing, for nothing is searched'}"
            )
    point: Point = {}
    for x in space.parameters:
        if space.is_active(x, point):
            value = given[x.name] if x.name in given else composing.base_value(base, x)
            point[x.name] = _own_draw(f"{where}.{x.name}", x, value)
        elif x.name in given:
            raise errors.ConfigError(
                f"{where}.{x.name}: not searched at this point; "
                f"allowed only where {' and '.join(map(str, x.when))}"
            )
    return point


def _own_draw(where: str, parameter: Parameter, value: Any) -> Label:
    try:
        return _draw(parameter, value)
    except LookupError as error:
        raise errors.ConfigError(f"{where}: {error.args[0]}") from error


def _draw(parameter: Parameter, value: Any) -> Label:
    if value is composing.ABSENT:
        raise LookupError("no value is given and the base config has none")
    return parameter.label(value)


def _lowest(parameter: Parameter) -> Label:
    if parameter.levels is None:
        return parameter.distribution.low  # type: ignore[attr-defined, no-any-return]
    return parameter.levels[0].label

"""Points that can be named beforehand: a grid's, one factor at a time, the user's, the base."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import composing, errors
from hydra_plugins.hpsearch_sweeper.samplers import ofat

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.settings import Settings
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from omegaconf import DictConfig

Point = dict[str, "Label"]

__all__ = ["Point", "distinct", "first", "listed", "texts", "with_base_levels"]


def listed(chosen: Settings, space: SearchSpace, base: DictConfig) -> list[Point] | None:
    """All points of the sweep in order, or None where a sampler has to choose them."""
    own = _own(chosen, space, base)
    if chosen.sampler_name == "ofat":
        return distinct(space, own + _ofat(space, base))
    if own and chosen.n_trials == len(own):
        return distinct(space, own)
    if chosen.sampler_name == "GridSampler" or chosen.n_trials is None:
        _require_finite(chosen, space)
        return distinct(space, own + _grid(space))
    return None


def first(chosen: Settings, space: SearchSpace, base: DictConfig) -> list[Point]:
    """What a choosing sampler tries first: the user's points, or else the base where it fits."""
    if chosen.enqueue is not None:
        return distinct(space, _own(chosen, space, base))
    try:
        return [_base_point(space, base)]
    except LookupError:
        return []


def texts(space: SearchSpace, point: Point) -> tuple[tuple[str, str], ...]:
    """The point as its jobs see it: equal points have equal texts."""
    return tuple((x.name, x.text(point[x.name])) for x in space.parameters if x.name in point)


def distinct(space: SearchSpace, found: list[Point]) -> list[Point]:
    """Without repeats, in the order of the first occurrence."""
    seen: dict[tuple[tuple[str, str], ...], Point] = {}
    for point in found:
        seen.setdefault(texts(space, point), point)
    return list(seen.values())


def with_base_levels(space: SearchSpace, base: DictConfig) -> SearchSpace:
    """The same space with the base's own value among each key's values."""
    for parameter in space.parameters:
        if parameter.levels is None:
            raise errors.SearchSpaceError(
                f"{parameter.name}: sampler=ofat needs values that can be listed, "
                f"given {parameter.given}; allowed are choice(..), range(..) and a,b,c"
            )
    return replace(space, parameters=tuple(_with_base(x, base) for x in space.parameters))


def _with_base(parameter: Parameter, base: DictConfig) -> Parameter:
    value = composing.base_value(base, parameter)
    return parameter if value is composing.ABSENT else parameter.including(value)


def _grid(space: SearchSpace) -> list[Point]:
    levels = [[level.label for level in x.levels or ()] for x in space.parameters]
    return [dict(zip(space.names, labels, strict=True)) for labels in product(*levels)]


def _ofat(space: SearchSpace, base: DictConfig) -> list[Point]:
    centre: Point = {}
    for parameter in space.parameters:
        assert parameter.levels is not None
        value = composing.base_value(base, parameter)
        absent = value is composing.ABSENT
        centre[parameter.name] = parameter.levels[0].label if absent else parameter.label(value)
    levels = {x.name: [level.label for level in x.levels or ()] for x in space.parameters}
    return ofat.one_factor_at_a_time(centre, levels)


def _own(chosen: Settings, space: SearchSpace, base: DictConfig) -> list[Point]:
    return [_own_point(i, x, space, base) for i, x in enumerate(chosen.enqueue or [])]


def _own_point(index: int, given: dict[str, Any], space: SearchSpace, base: DictConfig) -> Point:
    for key in given:
        if key not in space.names:
            raise errors.ConfigError(
                f"hydra.sweeper.enqueue[{index}] names {key}, which is not searched; "
                f"allowed: {', '.join(space.names) or 'nothing, for nothing is searched'}"
            )
    point: Point = {}
    for x in space.parameters:
        value = given[x.name] if x.name in given else composing.base_value(base, x)
        try:
            point[x.name] = _draw(x, value)
        except LookupError as error:
            where = f"hydra.sweeper.enqueue[{index}].{x.name}"
            raise errors.ConfigError(f"{where}: {error.args[0]}") from error
    return point


def _base_point(space: SearchSpace, base: DictConfig) -> Point:
    return {x.name: _draw(x, composing.base_value(base, x)) for x in space.parameters}


def _draw(parameter: Parameter, value: Any) -> Label:
    if value is composing.ABSENT:
        raise LookupError("no value is given and the base config has none")
    return parameter.label(value)


def _require_finite(chosen: Settings, space: SearchSpace) -> None:
    endless = [f"{x.name}={x.given}" for x in space.parameters if x.levels is None]
    if chosen.custom_search_space:
        endless.append(f"custom_search_space={chosen.custom_search_space}")
    if endless and chosen.n_trials is None and chosen.sampler_name != "GridSampler":
        raise errors.ConfigError(
            f"{endless[0]} has no end: set hydra.sweeper.n_trials to the number of trials"
        )
    if endless:
        raise errors.ConfigError(
            f"{endless[0]} has no end, so sampler=grid cannot list it; "
            "allowed are choice(..), range(..) and a,b,c"
        )

"""Points that can be named beforehand: a grid's, one factor at a time, the user's, the base."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import composing, errors
from hydra_plugins.hpsearch_sweeper.samplers import ofat
from hydra_plugins.hpsearch_sweeper.space import completing

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.settings import Settings
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from omegaconf import DictConfig

Point = dict[str, "Label"]

__all__ = ["Point", "distinct", "first", "listed", "texts", "with_base_levels"]


def listed(chosen: Settings, space: SearchSpace, base: DictConfig) -> list[Point] | None:
    """All points of the sweep in order, or None where a sampler has to choose them."""
    own = completing.enqueued(chosen.enqueue, space, base=base)
    if chosen.sampler_name == "ofat":
        return distinct(space, own + _ofat(space, base))
    if own and chosen.n_trials in (len(own), len(own) * max(1, len(chosen.seeds))):
        return distinct(space, own)
    if chosen.sampler_name == "GridSampler" or chosen.n_trials is None:
        _require_finite(chosen, space)
        return distinct(space, own + _grid(space))
    return None


def first(chosen: Settings, space: SearchSpace, base: DictConfig) -> list[Point]:
    """What a choosing sampler tries first: the user's points, or else the base where it fits."""
    if chosen.enqueue is not None:
        return distinct(space, completing.enqueued(chosen.enqueue, space, base=base))
    try:
        return [completing.base_point(space, base)]
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
    try:
        return parameter if value is composing.ABSENT else parameter.including(value)
    except errors.SearchSpaceError as error:
        raise errors.SearchSpaceError(f"{parameter.name}: {error}") from error


def _grid(space: SearchSpace) -> list[Point]:
    """Every active combination once, the first key slowest."""
    found: list[Point] = [{}]
    for parameter in space.parameters:
        found = [more for point in found for more in _extended(point, parameter, space)]
    return found


def _extended(point: Point, parameter: Parameter, space: SearchSpace) -> list[Point]:
    if not space.is_active(parameter, point):
        return [point]
    return [{**point, parameter.name: level.label} for level in parameter.levels or ()]


def _ofat(space: SearchSpace, base: DictConfig) -> list[Point]:
    """A factor that switches others off takes them out; those that it switches on stand at the base
    or at their first value."""
    centre = completing.around(space, base, {})
    levels = {x.name: [level.label for level in x.levels or ()] for x in space.active(centre)}
    found = ofat.one_factor_at_a_time(centre, levels)
    return [completing.around(space, base, point) for point in found]


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

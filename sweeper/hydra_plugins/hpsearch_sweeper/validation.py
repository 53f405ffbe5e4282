"""Finds a bad value before anything trains: composes and checks every value of every key once."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import composing, errors

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from omegaconf import DictConfig

__all__ = ["validate_plan"]

# A longer range is checked at so many values, evenly spread with both ends: each costs some 30 ms.
_MOST_VALUES = 100


def validate_plan(plan: Plan, config: DictConfig, *, loader: ConfigLoader) -> None:
    """Raises what composing, or the user's `validate`, raises for the base or a variation."""
    check = _check(plan.settings.validate)
    _run(check, plan.base)
    for override in _variations(plan):
        job = composing.compose(config, [*plan.space.fixed, *override], loader=loader)
        _run(check, job)


def _variations(plan: Plan) -> Iterator[Sequence[str]]:
    """One parameter at a time; keys that the base leaves open get their first value."""
    open_keys = [x for x in plan.space.parameters if composing.is_open(plan.base, x)]
    for parameter in plan.space.parameters:
        others = [_first(x) for x in open_keys if x is not parameter]
        for label in _labels(parameter):
            yield [*others, parameter.override(label)]


def _labels(parameter: Parameter) -> Sequence[Label]:
    if parameter.levels is None:
        distribution = parameter.distribution
        return [distribution.low, distribution.high]  # type: ignore[attr-defined]
    labels = [level.label for level in parameter.levels]
    if len(labels) <= _MOST_VALUES:
        return labels
    last = len(labels) - 1
    return [labels[round(i * last / (_MOST_VALUES - 1))] for i in range(_MOST_VALUES)]


def _first(parameter: Parameter) -> str:
    return parameter.override(_labels(parameter)[0])


def _check(path: str | None) -> Callable[[DictConfig], object] | None:
    if path is None:
        return None
    try:
        return pkgutil.resolve_name(path)  # type: ignore[no-any-return]
    except Exception as error:
        raise errors.ConfigError(
            f"hydra.sweeper.validate={path} is no function that can be imported ({error})"
        ) from error


def _run(check: Callable[[DictConfig], object] | None, job: DictConfig) -> None:
    if check is not None:
        with composing.known_to_hydra(job):
            check(composing.job_part(job))

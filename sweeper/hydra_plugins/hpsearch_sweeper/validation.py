"""Finds a bad value before anything trains: composes and checks every value of every key once."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import composing, errors, trial
from hydra_plugins.hpsearch_sweeper.space import completing

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.patching import Composer
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from omegaconf import DictConfig

__all__ = ["check_plan", "validate_plan"]

# A longer range is checked at so many values, evenly spread with both ends.
_MOST_VALUES = 100


def validate_plan(plan: Plan, composer: Composer) -> None:
    """Raises what composing, or the user's `validate`, raises for the base or a variation."""
    check_plan(plan, composer, _check(plan.settings.validate))


def check_plan(
    plan: Plan, composer: Composer, check: Callable[[DictConfig], object] | None
) -> None:
    """As `validate_plan`, with this check.

    `current_trial()` tells it the study's name, and is not active.
    """
    with trial.foreseen(plan.study_name):
        _run(check, plan.base)
        for override in _variations(plan):
            _run(check, composer.compose([*plan.space.fixed, *override], number=0))


def _variations(plan: Plan) -> Iterator[Sequence[str]]:
    """One parameter at a time, with what its conditions need; each seed of the replicates."""
    for parameter in plan.space.parameters:
        above = plan.space.activating(parameter)
        for label in _labels(parameter):
            yield _overrides(plan, {**above, parameter.name: label})
    for seed in plan.settings.seeds:
        yield [*_overrides(plan, {}), f"{plan.settings.seed_key}={seed}"]


def _overrides(plan: Plan, given: Mapping[str, Label]) -> list[str]:
    """The given draws, and what the config may lack without a search: open keys and groups."""
    point = completing.around(plan.space, plan.base, given)
    return [
        x.override(point[x.name])
        for x in plan.space.parameters
        if x.name in given or (x.name in point and _may_be_lacking(plan.base, x))
    ]


def _may_be_lacking(base: DictConfig, parameter: Parameter) -> bool:
    return parameter.name in base.hydra.runtime.choices or composing.is_open(base, parameter)


def _labels(parameter: Parameter) -> Sequence[Label]:
    if parameter.levels is None:
        distribution = parameter.distribution
        return [distribution.low, distribution.high]  # type: ignore[attr-defined]
    labels = [level.label for level in parameter.levels]
    if len(labels) <= _MOST_VALUES:
        return labels
    last = len(labels) - 1
    return [labels[round(i * last / (_MOST_VALUES - 1))] for i in range(_MOST_VALUES)]


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

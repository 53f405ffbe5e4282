"""Conditions that nobody wrote: a key that only some options of a searched config group have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import composing
from hydra_plugins.hpsearch_sweeper.space import conditions, parsing

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace
    from omegaconf import DictConfig

__all__ = ["with_group_conditions"]


def with_group_conditions(
    space: SearchSpace, config: DictConfig, *, loader: ConfigLoader
) -> SearchSpace:
    """Each key is searched only under the options that have it.

    Composes the config once for each option of each searched group, other groups as in the base. A
    key that no option has is left alone: Hydra says what is wrong with it.
    """
    groups = [x.name for x in space.parameters if _is_group(x, loader)]
    for name in sorted(groups, key=_depth):  # outer groups bring inner ones
        group = next(x for x in space.parameters if x.name == name)
        if keys := _undecided(space, group):
            options = _composed(space, group, groups, config=config, loader=loader)
            space = _conditioned(space, name, keys, options)
    return space


def _is_group(parameter: Parameter, loader: ConfigLoader) -> bool:
    return parameter.levels is not None and bool(
        loader.get_group_options(parameter.name.partition("@")[0])
    )


def _depth(group: str) -> int:
    return group.count("/")


def _undecided(space: SearchSpace, group: Parameter) -> list[Parameter]:
    """The keys that must be in the config, and of which no `when` speaks about the group."""
    return [
        x
        for x in space.parameters
        if x is not group
        and not x.key.startswith("+")
        and x.name not in space.activating(group)
        and group.name not in {condition.key for condition in x.when}
    ]


def _composed(
    space: SearchSpace,
    group: Parameter,
    groups: Sequence[str],
    *,
    config: DictConfig,
    loader: ConfigLoader,
) -> dict[str, DictConfig | None]:
    """The config under each option; None where it cannot be composed, which validation reports."""
    above = space.activating(group)
    context = [x.override(above[x.name]) for x in space.parameters if x.name in above]
    beside = [x for x in space.active({}) if x.name in groups and x.name not in above]
    others = [x for x in beside if x is not group and _depth(x.name) <= _depth(group.name)]
    firsts = [x.override(x.levels[0].label) for x in others if x.levels]
    found = {}
    for level in group.levels or ():
        wanted = [*space.fixed, *context, group.override(level.label)]
        found[level.text] = _attempt(config, [wanted, [*firsts, *wanted]], loader=loader)
    return found


def _attempt(
    config: DictConfig, attempts: Sequence[Sequence[str]], *, loader: ConfigLoader
) -> DictConfig | None:
    """The first that can be composed: a group without a default needs the others' options."""
    from hydra.errors import HydraException

    for overrides in attempts:
        try:
            return composing.compose(config, overrides, loader=loader)
        except HydraException:
            continue
    return None


def _conditioned(
    space: SearchSpace,
    group: str,
    keys: Sequence[Parameter],
    options: Mapping[str, DictConfig | None],
) -> SearchSpace:
    having = {
        key.name: tuple(text for text, x in options.items() if x is None or _has(x, key.name))
        for key in keys
    }
    conditional = [
        replace(x, when=(*x.when, conditions.Condition(group, having[x.name])))
        if 0 < len(having.get(x.name, ())) < len(options)
        else x
        for x in space.parameters
    ]
    return parsing.with_parameters(space, conditional)


def _has(config: DictConfig, name: str) -> bool:
    """Whether the key, or the config group, is there; what cannot be resolved counts as there."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if name in config.hydra.runtime.choices:
        return True
    parent, _, last = name.rpartition(".")
    try:
        node = OmegaConf.select(config, parent) if parent else config
    except OmegaConfBaseException:
        return True
    if OmegaConf.is_list(node):
        return last.isdecimal() and int(last) < len(node)
    return OmegaConf.is_dict(node) and last in map(str, node.keys())

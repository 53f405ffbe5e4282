"""What a sweep is going to do, worked out from the multirun config alone.

So it is the same for everyone who asks: the sweeper, a callback, a report.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import composing, settings
from hydra_plugins.hpsearch_sweeper.space import points, search_space, values

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra_plugins.hpsearch_sweeper.settings import Settings
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.space.search_space import SearchSpace
    from omegaconf import DictConfig

__all__ = ["Plan", "make_plan", "resolve_study_name", "search_keys"]


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the first trial."""

    settings: Settings
    space: SearchSpace
    base: DictConfig  # a job's whole config with no searched key set
    study_name: str
    listed: list[Point] | None  # the points to run, where they can be listed
    first: list[Point]  # the points to try first, where a sampler chooses
    total: int


def make_plan(
    config: DictConfig, arguments: Sequence[str], *, loader: ConfigLoader | None = None
) -> Plan:
    """From the multirun config and the overrides of the command line."""
    loader = loader or composing.default_loader()
    chosen = settings.read_settings(config)
    space = search_space.parse(chosen.params, arguments, loader=loader)
    base = composing.compose_base(config, space, loader=loader)
    if chosen.sampler_name == "ofat":
        space = points.with_base_levels(space, base)
    listed = points.listed(chosen, space, base)
    first = points.first(chosen, space, base) if listed is None else []
    return Plan(
        settings=chosen,
        space=space,
        base=base,
        study_name=_study_name(chosen, space, base),
        listed=listed,
        first=first,
        total=_total(chosen, listed),
    )


def resolve_study_name(config: DictConfig) -> str:
    """The name of the study that `--multirun` with this config runs or resumes.

    `config` is the composed multirun config with its hydra node, as a Hydra callback gets it in
    `on_multirun_start(config)`.
    """
    return make_plan(config, list(config.hydra.overrides.task)).study_name


def search_keys(config: DictConfig) -> list[str]:
    """The searched keys: those of `params:` in their order, then those of the command line."""
    chosen = settings.read_settings(config)
    arguments = list(config.hydra.overrides.task)
    return search_space.parse(chosen.params, arguments, loader=_loader_if_any()).names


def _loader_if_any() -> ConfigLoader | None:
    from hydra.core.global_hydra import GlobalHydra

    return composing.default_loader() if GlobalHydra.instance().is_initialized() else None


def _total(chosen: Settings, listed: list[Point] | None) -> int:
    if listed is None:
        assert chosen.n_trials is not None
        return chosen.n_trials
    return min(len(listed), chosen.n_trials or len(listed))


def _study_name(chosen: Settings, space: SearchSpace, base: DictConfig) -> str:
    template = chosen.study_name or f"{base.hydra.job.name}-{{hash}}"
    if "{hash}" in template:
        template = template.replace("{hash}", _hash(chosen, space, base))
    return re.sub(r"[^A-Za-z0-9._-]", "-", template)


def _hash(chosen: Settings, space: SearchSpace, base: DictConfig) -> str:
    from omegaconf import OmegaConf

    fixed = OmegaConf.to_container(composing.job_part(base), resolve=False)
    assert isinstance(fixed, dict)
    for key in chosen.hash_exclude:
        _remove(fixed, key.split("."))
    named = {
        "space": {parameter.name: parameter.canonical() for parameter in space.parameters},
        "custom": chosen.custom_search_space,
        "direction": list(chosen.directions),
        "sampler": chosen.sampler,
        "config": fixed,
    }
    return hashlib.sha256(values.canonical_json(named).encode()).hexdigest()[:8]


def _remove(tree: Any, path: Sequence[str]) -> None:
    for part in path[:-1]:
        tree = tree.get(part) if isinstance(tree, dict) else None
    if isinstance(tree, dict):
        tree.pop(path[-1], None)

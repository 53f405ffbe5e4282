"""What a sweep is going to do, worked out from the multirun config alone.

So it is the same for everyone who asks: the sweeper, a callback, a report.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import composing, errors, settings
from hydra_plugins.hpsearch_sweeper.space import inferring, parsing, points, values

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
    space = parsing.parse(chosen.params, arguments, loader=loader)
    space = inferring.with_group_conditions(space, config, loader=loader)
    _require_free_seed_key(chosen, space)
    base = composing.compose_base(config, space.opening(), loader=loader)
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
    names = parsing.parse(chosen.params, arguments, loader=_loader_if_any()).names
    return [*names, chosen.seed_key] if chosen.seeds else names


def _loader_if_any() -> ConfigLoader | None:
    from hydra.core.global_hydra import GlobalHydra

    return composing.default_loader() if GlobalHydra.instance().is_initialized() else None


def _require_free_seed_key(chosen: Settings, space: SearchSpace) -> None:
    if chosen.seeds and chosen.seed_key in space.names:
        raise errors.ConfigError(
            f"hydra.sweeper.seed_key={chosen.seed_key} is searched itself; search it, or set "
            "hydra.sweeper.seeds, not both"
        )


def _total(chosen: Settings, listed: list[Point] | None) -> int:
    if listed is None:
        assert chosen.n_trials is not None
        return chosen.n_trials
    jobs = len(listed) * max(1, len(chosen.seeds))
    return min(jobs, chosen.n_trials or jobs)


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
        "replicated": bool(chosen.seeds),
        "config": fixed,
    }
    return hashlib.sha256(values.canonical_json(named).encode()).hexdigest()[:8]


def _remove(tree: Any, path: Sequence[str]) -> None:
    for part in path[:-1]:
        tree = tree.get(part) if isinstance(tree, dict) else None
    if isinstance(tree, dict):
        tree.pop(path[-1], None)

"""Composes each job's config, the slow part once: what the jobs share is composed, then patched.

Only choices of config groups, and settings of Hydra itself, decide what Hydra composes. All other
overrides it applies to the composed config, one after the other, and so does this, to a copy. Where
that could give anything else, the job is composed in full.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override, OverrideType
from hydra_plugins.hpsearch_sweeper.jobs import copying, reading
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

__all__ = ["Composer"]

MOST_BASES = 64  # composed configs that are kept, one for each choice of groups

# What the sweeper tells each job through Hydra's own settings. Nothing is composed of it.
_ENVIRONMENT = re.compile(r"hydra\.job\.env_set\.\w+", re.ASCII)


class Composer:
    """Gives the config that a launcher would compose. Only one thread calls it.

    The config's files are read once for each choice of groups: who edits them while the sweep runs
    changes none of its jobs.
    """

    def __init__(self, config: DictConfig, *, loader: ConfigLoader) -> None:
        self._config = config
        self._loader = loader
        self._base = lru_cache(maxsize=MOST_BASES)(self._compose_base)
        self._is_group = lru_cache(maxsize=None)(self._find_group)

    def compose(self, overrides: Sequence[str], *, number: int) -> DictConfig:
        """A job's whole config, hydra node and job number included."""
        config = self._patched(overrides)
        if config is None:
            config = self._loader.load_sweep_config(self._config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        return config

    def _patched(self, overrides: Sequence[str]) -> DictConfig | None:
        """None where it cannot be, and where Hydra shall say what is wrong."""
        try:
            parsed = [reading.parse(text) for text in overrides]
            parts = self._parts(parsed)
            base = self._base(tuple(str(x.input_line) for x in parts[0])) if parts else None
            if base is None or parts is None:
                return None
            config: DictConfig = copying.copy_config(base)
            if not all(_apply(override, config) for override in parts[1]):
                return None
            self._describe(config, parsed)
        except Exception:
            return None
        return config

    def _parts(self, overrides: Sequence[Override]) -> tuple[list[Override], list[Override]] | None:
        """What must be composed, and what is applied to it; None where that mixes up the order."""
        composed: list[Override] = []
        patched: list[Override] = []
        for override in overrides:
            if self._chooses(override):
                composed.append(override)
            elif _is_patchable(override):
                patched.append(override)
            elif patched:
                return None
            else:
                composed.append(override)
        return composed, patched

    def _chooses(self, override: Override) -> bool:
        """Whether it is about a config group, by the question that Hydra's defaults list asks."""
        return not isinstance(override.value(), dict) and self._is_group(override.key_or_group)

    def _find_group(self, key: str) -> bool:
        return bool(self._repository.group_exists(key))

    @cached_property
    def _repository(self) -> Any:
        """Where Hydra looks for groups, hydra.searchpath included."""
        loader: Any = self._loader
        name, given = self._config.hydra.job.config_name, list(self._config.hydra.overrides.hydra)
        return loader._parse_overrides_and_create_caching_repo(name, given)[1]

    def _compose_base(self, overrides: tuple[str, ...]) -> DictConfig | None:
        """What jobs with these choices share, without their lists of overrides."""
        base = self._loader.load_sweep_config(self._config, list(overrides))
        copied = base.hydra.job._get_node("env_copy")
        if not isinstance(copied, ListConfig) or copied._is_interpolation() or len(copied):
            return None  # Hydra copies the variables late, so over what a patch sets too early
        for text in overrides:
            _list_with(reading.parse(text), base).pop()
        return base

    def _describe(self, config: DictConfig, overrides: Sequence[Override]) -> None:
        """Writes what Hydra writes into its node at the end."""
        from hydra._internal.config_loader_impl import get_overrides_dirname

        for override in overrides:
            _list_with(override, config).append(override.input_line)
        config.hydra.runtime.cwd = os.getcwd()
        style = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides=[x for x in overrides if not x.is_hydra_override()],
            kv_sep=style.kv_sep,
            item_sep=style.item_sep,
            exclude_keys=style.exclude_keys,
        )
        OmegaConf.copy_cache(from_config=self._config, to_config=config)


def _is_patchable(override: Override) -> bool:
    """Of what chooses no group: whether it can wait until all is composed."""
    key = override.key_or_group
    if override.package is not None or override.is_sweep_override():
        return False
    if key != "hydra" and not override.is_hydra_override():
        return True
    if not isinstance(override.value(), str):
        return False
    if override.type is OverrideType.FORCE_ADD:
        return _ENVIRONMENT.fullmatch(key) is not None
    return override.type is OverrideType.CHANGE and key == "hydra.sweep.dir"


def _apply(override: Override, config: DictConfig) -> bool:
    """As Hydra does it; False, and nothing done, where it may look into Hydra's unfinished node."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    if _follows_interpolation(override, config):
        return False
    ConfigLoaderImpl._apply_overrides_to_config([override], config)
    return True


def _follows_interpolation(override: Override, config: DictConfig) -> bool:
    """On the way to the key, or in what its value is compared or merged with."""
    node: Any = config
    for part in override.key_or_group.split("."):
        if node._is_interpolation():
            return True
        if not isinstance(node, DictConfig | ListConfig) or node._is_none() or node._is_missing():
            return False
        key: Any = int(part) if isinstance(node, ListConfig) else part
        node = node._get_node(key, validate_access=False)
        if node is None:
            return False
    if override.type is OverrideType.CHANGE and not isinstance(override.value(), dict | list):
        return False
    return "${" in str(OmegaConf.to_container(node) if OmegaConf.is_config(node) else node._value())


def _list_with(override: Override, config: DictConfig) -> Any:
    """The one of Hydra's two lists that tells of the override."""
    given = config.hydra.overrides
    return given.hydra if override.is_hydra_override() else given.task

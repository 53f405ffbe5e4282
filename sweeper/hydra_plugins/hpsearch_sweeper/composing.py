"""Composes the config of one job, the way Hydra's launchers do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace
    from omegaconf import DictConfig

__all__ = [
    "ABSENT",
    "base_value",
    "compose",
    "compose_base",
    "default_loader",
    "is_open",
    "job_folder",
    "job_part",
    "known_to_hydra",
]

# The base config has no value there: it is absent, missing (???) or cannot be resolved.
ABSENT: Any = object()


def default_loader() -> ConfigLoader:
    """The loader of the running Hydra program, where none was handed over."""
    from hydra.core.global_hydra import GlobalHydra

    if not GlobalHydra.instance().is_initialized():
        raise errors.ConfigError("Hydra is not running, so no job config can be composed")
    return GlobalHydra.instance().config_loader()


def compose(config: DictConfig, overrides: Sequence[str], *, loader: ConfigLoader) -> DictConfig:
    """A job's whole config, hydra node included, from the multirun config."""
    return loader.load_sweep_config(config, list(overrides))


def compose_base(config: DictConfig, space: SearchSpace, *, loader: ConfigLoader) -> DictConfig:
    """The config without any searched key; what only the search fills in gets its first value."""
    from hydra.errors import HydraException

    try:
        return compose(config, space.fixed, loader=loader)
    except HydraException:
        first = [x.override(x.levels[0].label) for x in space.parameters if x.levels]
        try:
            return compose(config, [*space.fixed, *first], loader=loader)
        except HydraException:
            pass
        raise


def base_value(base: DictConfig, parameter: Parameter) -> Any:
    """What the base holds at a searched key: a config group's option, or a plain value."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    choices = base.hydra.runtime.choices
    if parameter.name in choices:
        return choices[parameter.name]
    try:
        node = OmegaConf.select(base, _package_free(parameter.name), throw_on_missing=True)
    except OmegaConfBaseException:
        return ABSENT
    if OmegaConf.is_config(node):
        return OmegaConf.to_container(node, resolve=False)
    return node if node is not None or _holds(base, parameter.name) else ABSENT


def is_open(base: DictConfig, parameter: Parameter) -> bool:
    """Whether the base leaves the key to the search, as `???` does."""
    return base_value(base, parameter) is ABSENT and not parameter.key.startswith("+")


def job_part(config: DictConfig) -> DictConfig:
    """What the job itself gets: everything but the hydra node."""
    from omegaconf import open_dict, read_write

    job = config.copy()
    with read_write(job), open_dict(job):
        del job["hydra"]
    return job


def job_folder(config: DictConfig) -> Path:
    """Where the job of this config will write, as Hydra's run_job works it out."""
    from omegaconf.errors import OmegaConfBaseException

    try:
        return _sweep_folder(config)
    except OmegaConfBaseException:  # a `${hydra:...}`, which costs a copy of the config
        with known_to_hydra(config):
            return _sweep_folder(config)


def _sweep_folder(config: DictConfig) -> Path:
    from omegaconf import OmegaConf

    parts = (OmegaConf.select(config, f"hydra.sweep.{key}") for key in ("dir", "subdir"))
    return Path(*map(str, parts)).absolute()


@contextmanager
def known_to_hydra(config: DictConfig) -> Iterator[None]:
    """While it lasts, `${hydra:...}` inside the config can be resolved."""
    from hydra.core.hydra_config import HydraConfig

    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(config)
    try:
        yield
    finally:
        instance.cfg = before


def _package_free(name: str) -> str:
    return name.partition("@")[0]


def _holds(base: DictConfig, name: str) -> bool:
    from omegaconf import OmegaConf

    parent, _, last = name.rpartition(".")
    node = OmegaConf.select(base, parent) if parent else base
    return node is not None and last in node

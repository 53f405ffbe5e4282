"""hydra-optuna-sweeper: where it is absent, its configs run here; else both run side by side."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from hydra_plugins.hpsearch_sweeper import config, hpsearch_sweeper

__all__ = ["accepted", "renamed", "say_which", "without_defaults"]

log = logging.getLogger(__name__)

_PROVIDER = "optuna_sweeper"  # as which it registers its configs with Hydra

# Samplers that Optuna no longer has, and what does their work now.
_RENAMED = {"optuna.samplers.MOTPESampler": "optuna.samplers.TPESampler"}

# What the official sampler configs spell out and Optuna 5 calls deprecated, or changed the default
# of; a config that was dumped with all of it says nothing by these values.
_FORMER_DEFAULTS = {
    "consider_prior": True,
    "prior_weight": 1.0,
    "consider_magic_clip": True,
    "consider_endpoints": False,
    "warn_independent_sampling": True,
    "inc_popsize": 2,
    "n_ehvi_candidates": 24,
}
# Keys of official sampler configs: another class or version of Optuna may not know them.
_KEYS = {
    *_FORMER_DEFAULTS,
    "constraints_func",
    "consider_pruned_trials",
    "crossover_prob",
    "independent_sampler",
    "multivariate",
    "mutation_prob",
    "n_ei_candidates",
    "n_startup_trials",
    "population_size",
    "restart_strategy",
    "source_trials",
    "swapping_prob",
    "use_separable_cma",
}


if not config.official_plugin_installed():

    class OptunaSweeper(hpsearch_sweeper.HpsearchSweeper):
        """This sweeper under the official one's name."""

    # Hydra registers a plugin as module and name, which make the official path here, and then
    # imports it by module and qualified name, which make the true one.
    OptunaSweeper.__module__ = "hydra_plugins"
    OptunaSweeper.__name__ = "hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    OptunaSweeper.__qualname__ = "hpsearch_sweeper.official.OptunaSweeper"


def say_which() -> None:
    """One line on which sweeper runs, where there are two to choose from."""
    if config.official_plugin_installed():
        log.info(
            "hydra/sweeper=hpsearch runs "
            "(hydra-optuna-sweeper is installed too, as hydra/sweeper=optuna)"
        )


def renamed(target: str) -> str:
    """The class to use for a sampler of an older Optuna."""
    return _RENAMED.get(target, target)


def without_defaults(sampler: Mapping[str, Any]) -> dict[str, Any]:
    """What the user set: an official node also spells its own defaults, which are not Optuna's."""
    node = _official_defaults(str(sampler["_target_"]))
    return {
        key: value
        for key, value in sampler.items()
        if key == "_target_" or not (_is(node, key, value) or _is(_FORMER_DEFAULTS, key, value))
    }


def accepted(given: Mapping[str, Any], sampler_class: Callable[..., Any]) -> dict[str, Any]:
    """Without official keys that the class does not take; others stay, and are an error there."""
    taken = inspect.signature(sampler_class).parameters
    dropped = [key for key in given if key not in taken and key in _KEYS]
    if dropped:
        name = getattr(sampler_class, "__name__", str(sampler_class))
        _say_once(f"hydra.sweeper.sampler: {name} has no {', '.join(dropped)}; left out")
    return {key: value for key, value in given.items() if key not in dropped}


def _is(defaults: Mapping[str, Any], key: str, value: Any) -> bool:
    return key in defaults and bool(defaults[key] == value)


def _official_defaults(target: str) -> dict[str, Any]:
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    found = ConfigStore.instance().repo.get("hydra", {}).get("sweeper", {}).get("sampler", {})
    for stored in found.values():
        if stored.provider == _PROVIDER and stored.node._target_ == target:
            node: Any = OmegaConf.to_container(stored.node)
            return {str(key): value for key, value in node.items()}
    return {}


@functools.cache
def _say_once(line: str) -> None:
    """A seeded sampler is built again for every trial."""
    log.warning(line)

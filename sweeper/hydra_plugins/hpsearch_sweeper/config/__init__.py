"""What a user can set, and the names under which it is selected."""

from __future__ import annotations

from importlib.util import find_spec

from hydra.core.config_store import ConfigStore
from hydra_plugins.hpsearch_sweeper.config import launcher, pruners, samplers, sweeper

__all__ = ["official_plugin_installed"]


def official_plugin_installed() -> bool:
    """Whether hydra-optuna-sweeper is there too; it then keeps the names that it claims."""
    return find_spec("hydra_plugins.hydra_optuna_sweeper") is not None


def _register() -> None:
    store, official = ConfigStore.instance(), official_plugin_installed()
    for name in ("hpsearch",) if official else ("hpsearch", "optuna"):
        store.store(
            group="hydra/sweeper", name=name, node=sweeper.HpsearchSweeperConf, provider="hpsearch"
        )
    for name, sampler in samplers.SAMPLERS.items():
        if not (official and name in samplers.OFFICIAL_NAMES):
            store.store(group="hydra/sweeper/sampler", name=name, node=sampler, provider="hpsearch")
    for name, pruner in pruners.PRUNERS.items():
        store.store(group="hydra/sweeper/pruner", name=name, node=pruner, provider="hpsearch")
    for name, conf in launcher.LAUNCHER.items():
        if not _is_claimed(name):
            store.store(group="hydra/launcher", name=name, node=conf, provider="hpsearch")


def _is_claimed(name: str) -> bool:
    """By hydra-ray-launcher where that is installed, or by the program for a set-up of its own."""
    if name == "ray" and find_spec("hydra_plugins.hydra_ray_launcher") is not None:
        return True
    store, file = ConfigStore.instance(), f"{name}.yaml"
    launchers = store.repo.get("hydra", {}).get("launcher", {})
    return file in launchers and launchers[file].provider != "hpsearch"


_register()

"""What may begin before the sweep itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["warm_up"]


def warm_up(config: DictConfig) -> None:
    """Starts the server of `hydra/launcher=local`, without waiting for it; other launchers wait.

    For a Hydra callback's `on_multirun_start(config)` that has something else to do meanwhile.
    """
    from hydra.utils import instantiate
    from hydra_plugins.hpsearch_sweeper import settings

    target = str(config.hydra.launcher.get("_target_"))
    if target.endswith("hpsearch_sweeper.local_launcher.LocalLauncher"):
        instantiate(config.hydra.launcher).warm_up(slots=settings.read_settings(config).n_jobs)

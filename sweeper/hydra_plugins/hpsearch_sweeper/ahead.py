"""What may begin before the sweep itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["check_search", "warm_up"]


def check_search(config: DictConfig, check: Callable[[DictConfig], object]) -> None:
    """Raises what composing, or `check`, raises for the base or a searched value.

    For a Hydra callback's `on_multirun_start(config)` that begins something which a mistyped value
    had better not begin; `hydra.sweeper.validate` may ask more of each, later.
    """
    from hydra_plugins.hpsearch_sweeper import composing, hiding, plan, validation
    from hydra_plugins.hpsearch_sweeper.jobs import patching

    loader = composing.default_loader()
    made = plan.make_plan(config, list(config.hydra.overrides.task), loader=loader)
    composer = patching.Composer(hiding.for_jobs(config), loader=loader)
    validation.check_plan(made, composer, check)


def warm_up(config: DictConfig) -> None:
    """Starts the server of `hydra/launcher=local`, without waiting for it; other launchers wait.

    For a Hydra callback's `on_multirun_start(config)` that has something else to do meanwhile.
    """
    from hydra.utils import instantiate
    from hydra_plugins.hpsearch_sweeper import settings

    target = str(config.hydra.launcher.get("_target_"))
    if target.endswith("hpsearch_sweeper.local_launcher.LocalLauncher"):
        instantiate(config.hydra.launcher).warm_up(slots=settings.read_settings(config).n_jobs)

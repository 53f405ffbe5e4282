"""Which runner a launcher gets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Runner
    from omegaconf import DictConfig

__all__ = ["build_runner"]

log = logging.getLogger(__name__)


def build_runner(
    launcher: Launcher,
    *,
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    slots: int,
    objectives: int,
) -> Runner:
    """The launcher's own; else Hydra's basic one runs the jobs here, any other in threads."""
    own: Any = getattr(launcher, "runner", None)
    if callable(own):
        runner: Runner = own(slots=slots, objectives=objectives)
        return runner
    if _is_basic(launcher):
        from hydra_plugins.hpsearch_sweeper.jobs import inline

        _warn_of_slots(slots)
        return inline.InlineRunner(
            task_function, hydra_context, config=config, objectives=objectives
        )
    from hydra_plugins.hpsearch_sweeper.jobs import threads

    return threads.ThreadRunner(launcher, slots=slots, objectives=objectives)


def _is_basic(launcher: Launcher) -> bool:
    # by name, for Hydra's scanner makes a second class of each plugin
    kind = type(launcher)
    return kind.__name__ == "BasicLauncher" and kind.__module__.startswith("hydra._internal.")


def _warn_of_slots(slots: int) -> None:
    if slots > 1:
        log.warning(
            "hydra/launcher=basic runs one trial at a time; hydra.sweeper.n_jobs=%d needs "
            "hydra/launcher=local",
            slots,
        )

"""The Hydra plugin: plans, opens the study, validates, runs the slots, reports.

Heavy imports wait until a sweep begins: Hydra loads this file in every program.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Runner
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from omegaconf import DictConfig

__all__ = ["HpsearchSweeper"]

log = logging.getLogger(__name__)


class HpsearchSweeper(Sweeper):
    """Searches hyper-parameters with Optuna, and goes on where it stopped."""

    def __init__(self, **given: Any) -> None:
        # What was given is read from the config, where interpolations and the command line are in.
        del given

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Names the study, and fills `{study}` in hydra.sweep.dir before anyone reads it."""
        from hydra.core.plugins import Plugins
        from hydra_plugins.hpsearch_sweeper import hiding

        self._context = hydra_context
        self._task_function = task_function
        self._config = config
        self.plan: Plan = self._make_plan(list(config.hydra.overrides.task))
        config.hydra.sweep.dir = str(config.hydra.sweep.dir).replace(
            "{study}", self.plan.study_name
        )
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context,
            task_function=task_function,
            config=hiding.for_jobs(config),
        )

    def sweep(self, arguments: list[str]) -> None:
        """Runs what is missing of the study; with dry_run it only says what that is."""
        from contextlib import closing

        from hydra_plugins.hpsearch_sweeper import hiding, official, preview, sweeping, validation
        from hydra_plugins.hpsearch_sweeper.jobs import patching

        official.say_which()
        if arguments != list(self._config.hydra.overrides.task):
            self.plan = self._make_plan(arguments)
        jobs_config = hiding.for_jobs(self._config)
        composer = patching.Composer(jobs_config, loader=self._context.config_loader)
        if self.plan.settings.dry_run:
            validation.validate_plan(self.plan, composer)
            preview.print_trials(self.plan)
            return
        with closing(self._runner()) as jobs:  # its server warms up while the values are checked
            validation.validate_plan(self.plan, composer)
            sweeping.run_sweep(self.plan, jobs, composer=composer, config=self._config)

    def _runner(self) -> Runner:
        from hydra_plugins.hpsearch_sweeper.jobs import choosing

        return choosing.build_runner(
            self._launcher,
            hydra_context=self._context,
            task_function=self._task_function,
            config=self._config,
            slots=self.plan.settings.n_jobs,
            objectives=len(self.plan.settings.directions),
        )

    def _make_plan(self, arguments: list[str]) -> Plan:
        from hydra_plugins.hpsearch_sweeper.plan import make_plan

        return make_plan(self._config, arguments, loader=self._context.config_loader)

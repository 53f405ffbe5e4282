"""The Hydra plugin: plans, opens the study, validates, runs the slot, reports.

Heavy imports wait until a sweep begins: Hydra loads this file in every program.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.study.study import SweepStudy
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
        from hydra_plugins.hpsearch_sweeper.plan import make_plan

        self._config = config
        self._loader = hydra_context.config_loader
        self.plan: Plan = make_plan(config, list(config.hydra.overrides.task), loader=self._loader)
        self._sweep_dir = str(config.hydra.sweep.dir).replace("{study}", self.plan.study_name)
        config.hydra.sweep.dir = self._sweep_dir
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Runs what is missing of the study."""
        from hydra_plugins.hpsearch_sweeper.study.study import open_study

        if arguments != list(self._config.hydra.overrides.task):
            self._plan_again(arguments)
        study = open_study(self.plan)
        study.resume()
        if study.finished >= self.plan.total:
            log.info("study %s: all %d trials are finished", self.plan.study_name, study.finished)
        else:
            self._run(study)
        self._conclude(study)

    def _plan_again(self, arguments: list[str]) -> None:
        from hydra_plugins.hpsearch_sweeper.plan import make_plan

        self.plan = make_plan(self._config, arguments, loader=self._loader)

    def _run(self, study: SweepStudy) -> None:
        from hydra_plugins.hpsearch_sweeper import trial, validation
        from hydra_plugins.hpsearch_sweeper.jobs import launching, slots
        from hydra_plugins.hpsearch_sweeper.study import results

        validation.validate_plan(self.plan, self._config, loader=self._loader)
        self._announce(study)
        folder = Path(self._sweep_dir)
        trial.announce(self.plan.study_name, study.storage)
        try:
            slots.run_slot(
                study,
                launching.JobRunner(study, self._launcher, self._sweep_dir),
                lambda: results.write_results(study, folder),
            )
        finally:
            trial.forget(self.plan.study_name)

    def _announce(self, study: SweepStudy) -> None:
        from omegaconf import OmegaConf

        folder = Path(self._sweep_dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self._config, folder / "multirun.yaml")
        log.info(
            "study %s: %d trials, %d finished, folder %s",
            self.plan.study_name,
            self.plan.total,
            study.finished,
            folder,
        )
        if self.plan.settings.n_jobs > 1:
            log.warning("hydra.sweeper.n_jobs is above 1, but trials run one at a time")

    def _conclude(self, study: SweepStudy) -> None:
        from hydra_plugins.hpsearch_sweeper import errors
        from hydra_plugins.hpsearch_sweeper.study import results

        results.write_results(study, Path(self._sweep_dir))
        failed = study.count("FAIL")
        if failed and failed >= study.finished:
            raise errors.SweepFailedError(
                f"study {self.plan.study_name}: {failed} of {failed} trials failed, "
                f"the last one with {study.last_error()}"
            )
        if best := study.best():
            log.info(
                "best of %d trials (%d failed): value %.6g, job %d  %s",
                study.finished,
                failed,
                best.value,
                best.number,
                "  ".join(f"{key}={value}" for key, value in best.params.items()),
            )

"""Makes the job of a trial: its overrides, its config, its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import composing, trial
from hydra_plugins.hpsearch_sweeper.jobs import runner
from hydra_plugins.hpsearch_sweeper.space import values

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.patching import Composer
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.study.study import Asked

__all__ = ["JobMaker"]


class JobMaker:
    """For the trials of one sweep, whose output folder is `folder`.

    `storage` is what its jobs are told: how to reach the study.
    """

    def __init__(self, plan: Plan, composer: Composer, *, folder: Path) -> None:
        self.storage = plan.settings.storage
        self._plan = plan
        self._composer = composer
        self._folder = folder
        self._folders: dict[int, str] = {}

    def job(self, asked: Asked) -> Job:
        """Raises what Hydra raises where the trial has no valid config."""
        overrides = self._overrides(asked)
        config = self._composer.compose(overrides, number=asked.number)
        folder = composing.job_folder(config)
        self._folders[asked.number] = os.path.relpath(folder, self._folder)
        return runner.Job(asked.number, overrides, config, folder)

    def folder_of(self, asked: Asked) -> str:
        """Where the job of a trial wrote, relative to the sweep's folder."""
        if asked.number not in self._folders:
            try:
                self.job(asked)
            except Exception:  # it never had a config, so it wrote nothing
                self._folders[asked.number] = str(asked.number)
        return self._folders[asked.number]

    def _overrides(self, asked: Asked) -> tuple[str, ...]:
        """What all jobs get, the trial's point, and what stays out of `overrides.task`."""
        handle = trial.encode(
            self._plan.settings,
            storage=self.storage,
            study_name=self._plan.study_name,
            number=asked.number,
            keys=self._keys(asked),
        )
        return (
            *self._plan.space.fixed,
            *asked.overrides,
            f"hydra.sweep.dir={values.override_text(str(self._folder))}",
            f"++hydra.job.env_set.{trial.ENVIRONMENT_KEY}={values.quoted(handle)}",
        )

    def _keys(self, asked: Asked) -> list[str]:
        known = [name for name in self._plan.space.names if name in asked.point]
        custom = [name for name in asked.point if name not in known]
        seed = [self._plan.settings.seed_key] if self._plan.settings.seeds else []
        return [*known, *custom, *seed]

"""Runs one trial's job through Hydra's launcher and says how it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import trial
from hydra_plugins.hpsearch_sweeper.jobs import slots
from hydra_plugins.hpsearch_sweeper.space import values

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.plugins.launcher import Launcher
    from hydra_plugins.hpsearch_sweeper.jobs.slots import Outcome
    from hydra_plugins.hpsearch_sweeper.study.study import Asked, SweepStudy

__all__ = ["JobRunner"]

ERROR_FILE = "error.txt"


class JobRunner:
    """Called with a trial, launches its job."""

    def __init__(self, study: SweepStudy, launcher: Launcher, sweep_dir: str) -> None:
        self._study = study
        self._launcher = launcher
        self._sweep_dir = sweep_dir

    def __call__(self, asked: Asked) -> Outcome:
        """Never raises for what the job did; an interrupt by the user passes."""
        try:
            with quiet_launcher():
                returned = self._launcher.launch([self._overrides(asked)], asked.number)
        except (Exception, SystemExit) as error:  # composing failed, or the job left by sys.exit
            return slots.Outcome.from_exception(error)
        return self._outcome(returned[0])

    def _overrides(self, asked: Asked) -> list[str]:
        """What all jobs get, the trial's point, and what stays out of `overrides.task`."""
        plan = self._study.plan
        handle = trial.encode(plan.study_name, plan.settings.storage, asked.number)
        return [
            *plan.space.fixed,
            *asked.overrides,
            f"hydra.sweep.dir={values.override_text(self._sweep_dir)}",
            f"++hydra.job.env_set.{trial.ENVIRONMENT_KEY}={values.quoted(handle)}",
        ]

    def _outcome(self, returned: JobReturn) -> Outcome:
        if returned.status.name == "COMPLETED":
            return slots.outcome_of(returned.return_value)
        # return_value would raise the job's exception, and print a line of its own
        outcome = slots.Outcome.from_exception(returned._return_value)
        if outcome.error:
            _keep(returned, outcome.details)
        return outcome


@contextmanager
def quiet_launcher() -> Iterator[None]:
    """Without the launcher's own two lines for each job, for the sweeper has said it already."""
    logger = logging.getLogger("hydra._internal.core_plugins.basic_launcher")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _keep(returned: JobReturn, details: str) -> None:
    """The stack trace goes into the job's folder, where its log is."""
    hydra: Any = returned.hydra_cfg
    folder = Path(hydra.hydra.runtime.output_dir)
    if folder.is_dir():
        (folder / ERROR_FILE).write_text(details, encoding="utf-8")

"""What the launchers have in common: a runner for our sweeper, and Hydra's way for any other."""

from __future__ import annotations

import logging
import pickle
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome, Runner
    from omegaconf import DictConfig

__all__ = ["RunnerLauncher"]

log = logging.getLogger(__name__)

# Nothing happens in between but jobs ending.
LONG = 3600.0


class RunnerLauncher(Launcher):
    """A launcher that has a runner. Hydra makes it, and calls `setup` before anything else."""

    n_jobs = 1  # at once under sweepers other than hpsearch, where hydra.sweeper.n_jobs rules
    how = "at once"  # what the log says of them

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.task_function = task_function
        self._loader = hydra_context.config_loader
        self._config = config

    @abstractmethod
    def runner(self, *, slots: int, objectives: int, wants_returns: bool = False) -> Runner:
        """For the hpsearch sweeper, which starts and stops single jobs.

        With `wants_returns` the runner has `returns`: job number → Hydra's pickled account of it.
        """

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """For any other sweeper: runs these jobs, `n_jobs` at once, and returns when all ended."""
        from hydra.core.utils import configure_log

        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        log.info("Launching %d jobs, %d %s", len(job_overrides), self.n_jobs, self.how)
        runner = self.runner(slots=self.n_jobs, objectives=1, wants_returns=True)
        jobs = [self._job(given, initial_job_idx + i) for i, given in enumerate(job_overrides)]
        try:
            outcomes = _run_all(runner, jobs)
        finally:
            runner.close()
        returns: dict[int, bytes] = getattr(runner, "returns", {})
        return [_returned(job, outcomes[job.number], returns.get(job.number)) for job in jobs]

    def _job(self, overrides: Sequence[str], number: int) -> Job:
        from hydra.core.utils import filter_overrides
        from hydra_plugins.hpsearch_sweeper import composing
        from hydra_plugins.hpsearch_sweeper.jobs import runner
        from omegaconf import open_dict

        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        config = self._loader.load_sweep_config(self._config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        with composing.known_to_hydra(config):
            folder = Path(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir))
        return runner.Job(number, tuple(overrides), config, folder)


def _run_all(runner: Runner, jobs: Sequence[Job]) -> dict[int, Outcome]:
    left, outcomes = list(jobs), dict[int, "Outcome"]()
    while len(outcomes) < len(jobs):
        while left and len(jobs) - len(left) - len(outcomes) < runner.slots:
            runner.start(left.pop(0))
        for number, outcome in runner.wait(LONG):
            outcomes[number] = outcome
    return outcomes


def _returned(job: Job, outcome: Outcome, packed: bytes | None) -> JobReturn:
    """Hydra's own account of the job, or one made up for a job that could not give it."""
    cause: Any = RuntimeError(outcome.error)
    if packed is not None:
        try:
            return pickle.loads(packed)  # type: ignore[no-any-return]
        except Exception as error:
            cause = error
    return _failed(job, cause)


def _failed(job: Job, cause: BaseException) -> JobReturn:
    from hydra.core.utils import JobReturn, JobRuntime, JobStatus
    from hydra_plugins.hpsearch_sweeper import composing
    from omegaconf import OmegaConf

    returned = JobReturn(
        overrides=list(job.config.hydra.overrides.task),
        cfg=composing.job_part(job.config),
        hydra_cfg=OmegaConf.masked_copy(job.config, "hydra"),
        working_dir=str(job.folder) if job.config.hydra.job.chdir else str(Path.cwd()),
        task_name=JobRuntime.instance().get("name"),
        status=JobStatus.FAILED,
    )
    returned._return_value = cause
    return returned

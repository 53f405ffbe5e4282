"""The Hydra plugin `hydra/launcher=local`: each job in a process of its own on this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.processes import ProcessRunner
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome
    from omegaconf import DictConfig

__all__ = ["LocalLauncher"]

log = logging.getLogger(__name__)

# Nothing happens in between but jobs ending.
LONG = 3600.0


class LocalLauncher(Launcher):
    """A job that crashes, leaks or is killed harms no other."""

    def __init__(
        self,
        preload: Sequence[str] = (),
        n_jobs: int = 1,
        env: Mapping[str, Any] | None = None,
    ) -> None:
        self._preload = list(preload)
        self._env = {str(k): str(v) for k, v in (env or {}).items() if v is not None}
        self._n_jobs = n_jobs

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self._loader = hydra_context.config_loader
        self._task_function = task_function
        self._config = config

    def runner(self, *, slots: int, objectives: int) -> ProcessRunner:
        """For the hpsearch sweeper, which starts and stops single jobs."""
        from hydra_plugins.hpsearch_sweeper.jobs import processes

        return processes.ProcessRunner(
            self._task_function,
            slots=slots,
            objectives=objectives,
            preload=self._preload,
            env=self._env,
        )

    def warm_up(self, *, slots: int) -> None:
        """Starts the server that the same program's `runner` will find."""
        from hydra_plugins.hpsearch_sweeper.jobs import processes

        processes.warm_up(slots=slots, preload=self._preload, env=self._env)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """For any other sweeper: runs these jobs, `n_jobs` at once, and returns when all ended."""
        from hydra.core.utils import configure_log
        from hydra_plugins.hpsearch_sweeper.jobs import processes

        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        log.info("Launching %d jobs, %d at once, as processes", len(job_overrides), self._n_jobs)
        runner = processes.ProcessRunner(
            self._task_function,
            slots=self._n_jobs,
            objectives=1,
            preload=self._preload,
            env=self._env,
            trials="optuna" in sys.modules,
            wants_returns=True,
        )
        jobs = [self._job(given, initial_job_idx + i) for i, given in enumerate(job_overrides)]
        try:
            outcomes = _run_all(runner, jobs)
        finally:
            runner.close()
        return [_returned(job, outcomes[job.number], runner) for job in jobs]

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


def _run_all(runner: ProcessRunner, jobs: Sequence[Job]) -> dict[int, Outcome]:
    left, outcomes = list(jobs), dict[int, "Outcome"]()
    while len(outcomes) < len(jobs):
        while left and len(jobs) - len(left) - len(outcomes) < runner.slots:
            runner.start(left.pop(0))
        for number, outcome in runner.wait(LONG):
            outcomes[number] = outcome
    return outcomes


def _returned(job: Job, outcome: Outcome, runner: ProcessRunner) -> JobReturn:
    """Hydra's own account of the job, or one made up for a job that could not give it."""
    import pickle

    cause: Any = RuntimeError(outcome.error)
    if job.number in runner.returns:
        try:
            return pickle.loads(runner.returns[job.number])  # type: ignore[no-any-return]
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

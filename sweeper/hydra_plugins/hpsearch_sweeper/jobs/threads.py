"""Runs the jobs through a launcher of somebody else, one call for each job.

Each slot is a thread that waits for its `launch`. The launchers compose the job's config there,
several at once, which Hydra bears: it composes on a deep copy of its repository, OmegaConf keeps
its parser by thread, and the job's own globals (`HydraConfig`) are set in the launcher's workers.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.jobs import returns, runner

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome

__all__ = ["ThreadRunner"]

# What joblib, concurrent.futures, submitit and Ray raise for a worker that was killed. By the exact
# name: submitit's FailedJobError is an UncompletedJobError too, but the job's own fault.
WORKER_KILLED = {
    "TerminatedWorkerError",
    "BrokenProcessPool",
    "UncompletedJobError",
    "RayActorError",
    "ActorDiedError",
    "NodeDiedError",
    "WorkerCrashedError",
}


class ThreadRunner:
    """What a launcher has begun cannot be stopped."""

    in_this_process = False
    can_stop = False

    def __init__(self, launcher: Launcher, *, slots: int, objectives: int) -> None:
        self.slots = slots
        self._launcher = launcher
        self._objectives = objectives
        self._ended: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
        # the launchers announce each call in two lines, but the sweeper has said it already
        self._logger = logging.getLogger(_package(type(launcher).__module__))
        self._level = self._logger.level
        self._logger.setLevel(logging.WARNING)

    def start(self, job: Job) -> None:
        name = f"job {job.number}"
        # a sweeper that is told to end does not wait for what it cannot stop
        threading.Thread(target=self._run, args=(job,), name=name, daemon=True).start()

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        ended: list[tuple[int, Outcome]] = []
        deadline = time.monotonic() + timeout
        while not ended or not self._ended.empty():
            try:
                left = max(0.0, deadline - time.monotonic())
                number, outcome = self._ended.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(outcome, BaseException):
                raise outcome
            ended.append((number, outcome))
        return ended

    def stop(self, number: int, outcome: Outcome) -> bool:
        return False

    def close(self) -> None:
        self._logger.setLevel(self._level)

    def _run(self, job: Job) -> None:
        returns.forget_error(job.folder)
        try:
            outcome = self._launch(job)
        except BaseException as error:  # wait raises it where somebody can hear it
            self._ended.put((job.number, error))
        else:
            returns.keep_error(outcome, job.folder)
            self._ended.put((job.number, outcome))

    def _launch(self, job: Job) -> Outcome:
        try:
            returned = self._launcher.launch([list(job.overrides)], job.number)
        except (Exception, SystemExit) as error:
            return _lost(error)
        return returns.from_return(returned[0], objectives=self._objectives)


def _lost(error: BaseException) -> Outcome:
    """What the launcher raised, rather than the job."""
    outcome = runner.Outcome.from_exception(error)
    return replace(outcome, retriable=type(error).__name__ in WORKER_KILLED)


def _package(module: str) -> str:
    """The plugin, but not all plugins."""
    package = module.rpartition(".")[0]
    return module if package in ("", "hydra_plugins") else package

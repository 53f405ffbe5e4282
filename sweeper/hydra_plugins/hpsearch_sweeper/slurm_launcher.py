"""The Hydra plugin `hydra/launcher=slurm`: each job is one of Slurm's."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import launching

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.slurm.runner import SlurmRunner

__all__ = ["SlurmLauncher"]

log = logging.getLogger(__name__)


class SlurmLauncher(launching.RunnerLauncher):
    """Its jobs outlive the sweeper in the queue, where its successor finds them."""

    how = "at once, as jobs of Slurm"

    def __init__(self, n_jobs: int = 1, **given: Any) -> None:
        self.n_jobs = n_jobs
        self._given = {"n_jobs": n_jobs, **given}

    def runner(self, *, slots: int, objectives: int, wants_returns: bool = False) -> SlurmRunner:
        from hydra_plugins.hpsearch_sweeper.jobs.slurm import runner, settings

        read = settings.read(self._given, name=str(self._config.hydra.job.name))
        made = runner.SlurmRunner(
            self.task_function,
            read,
            slots=slots,
            objectives=objectives,
            wants_returns=wants_returns,
        )
        if not wants_returns:
            self._warn_of_sqlite()
        return made

    def _warn_of_sqlite(self) -> None:
        from hydra_plugins.hpsearch_sweeper.jobs.slurm import queue

        storage = self._config.hydra.sweeper.get("storage")
        if _is_file(storage) and queue.nodes() - {socket.gethostname().partition(".")[0]}:
            log.warning(
                "hydra.sweeper.storage=%s: sqlite is for the processes of one host, and Slurm's "
                "jobs run on others; hydra.sweeper.storage=postgresql://... is for several",
                storage,
            )


def _is_file(storage: Any) -> bool:
    """A study in memory is one in a temporary file, where its jobs are elsewhere."""
    return storage is None or (isinstance(storage, str) and storage.startswith("sqlite"))

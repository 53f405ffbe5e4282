"""The Hydra plugin `hydra/launcher=local`: each job in a process of its own on this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import launching

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.processes import ProcessRunner

__all__ = ["LocalLauncher"]


class LocalLauncher(launching.RunnerLauncher):
    """A job that crashes, leaks or is killed harms no other."""

    how = "at once, as processes"

    def __init__(
        self,
        preload: Sequence[str] = (),
        n_jobs: int = 1,
        env: Mapping[str, Any] | None = None,
        gpus: Any = None,
        slots_per_gpu: int = 1,
    ) -> None:
        self.n_jobs = n_jobs
        self._preload = list(preload)
        self._env = {str(k): str(v) for k, v in (env or {}).items() if v is not None}
        self._gpus = gpus
        self._slots_per_gpu = slots_per_gpu

    def runner(self, *, slots: int, objectives: int, wants_returns: bool = False) -> ProcessRunner:
        from hydra_plugins.hpsearch_sweeper.jobs import gpus, processes

        return processes.ProcessRunner(
            self.task_function,
            slots=slots,
            objectives=objectives,
            preload=self._preload,
            env=self._env,
            assignment=gpus.assign(self._gpus, slots_per_gpu=self._slots_per_gpu, slots=slots),
            trials=not wants_returns or "optuna" in sys.modules,
            wants_returns=wants_returns,
        )

    def warm_up(self, *, slots: int) -> None:
        """Starts the server that the same program's `runner` will find."""
        from hydra_plugins.hpsearch_sweeper.jobs import processes

        processes.warm_up(slots=slots, preload=self._preload, env=self._env)

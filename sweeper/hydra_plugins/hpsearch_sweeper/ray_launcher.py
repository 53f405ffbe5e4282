"""The Hydra plugin `hydra/launcher=ray`: each job as a task of a Ray cluster."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import launching

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.ray_runner import RayRunner

__all__ = ["RayLauncher"]


class RayLauncher(launching.RunnerLauncher):
    """The cluster is found or started with the first runner, and stays until the program ends."""

    how = "at once, on Ray"

    def __init__(
        self,
        *,
        preload: Sequence[str] = (),
        env: Mapping[str, Any] | None = None,
        env_copy: Sequence[str] = (),
        grace: float = 10.0,
        n_jobs: int = 1,
        **terms: Any,
    ) -> None:
        self.n_jobs = n_jobs
        self._preload = list(preload)
        self._env = {str(k): str(v) for k, v in (env or {}).items() if v is not None}
        self._env_copy = list(env_copy)
        self._grace = grace
        self._terms = terms

    def runner(self, *, slots: int, objectives: int, wants_returns: bool = False) -> RayRunner:
        from hydra_plugins.hpsearch_sweeper.jobs import ray_cluster, ray_runner, ray_shares

        cluster = ray_cluster.connect(ray_shares.Terms(**self._terms), slots=slots)
        if not wants_returns:
            ray_cluster.warn_of_file(self._storage(), nodes=cluster.nodes)
        return ray_runner.RayRunner(
            self.task_function,
            slots=slots,
            objectives=objectives,
            cluster=cluster,
            preload=self._preload,
            env=self._env,
            copied=self._env_copy,
            grace=self._grace,
            trials=not wants_returns or "optuna" in sys.modules,
            wants_returns=wants_returns,
        )

    def _storage(self) -> Any:
        from omegaconf import OmegaConf

        given = self._config.hydra.sweeper.storage
        return OmegaConf.to_container(given, resolve=True) if OmegaConf.is_config(given) else given

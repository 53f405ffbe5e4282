"""What a user can set under `hydra.launcher` with `hydra/launcher=local`, and all its names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra_plugins.hpsearch_sweeper.config import ray, slurm

__all__ = ["LAUNCHER", "LocalLauncherConf"]


@dataclass
class LocalLauncherConf:
    _target_: str = "hydra_plugins.hpsearch_sweeper.local_launcher.LocalLauncher"

    # Modules that every job needs and that are slow to import: imported once, in the server that
    # the jobs are forked from. What the program itself imports from installed packages is added.
    # They must not compute when imported: a job that inherits threads or a CUDA context hangs.
    preload: list[str] = field(default_factory=list)

    # Environment variables that the jobs begin with, for what is read before any of their code
    # runs: {MALLOC_TOP_PAD_: 67108864}. What is set where the sweep is started wins; null leaves
    # one out.
    env: dict[str, Any] = field(default_factory=dict)

    # On a host with several GPUs each slot has one of its own (CUDA_VISIBLE_DEVICES), from trial to
    # trial. null: those that the sweep itself sees; a list names them by index or UUID (a part of a
    # divided GPU by its MIG UUID); []: the trials see none; all: each trial sees all of them.
    gpus: Any = None

    # Trials at once on one of several GPUs. More need as much memory more: with 2, two small models
    # share what one leaves idle. n_jobs beyond what all GPUs hold is refused.
    slots_per_gpu: int = 1

    # Jobs at once under sweepers other than hpsearch, where hydra.sweeper.n_jobs rules.
    n_jobs: int = 1


# By the names under which they are selected.
LAUNCHER: dict[str, type[Any]] = {
    "local": LocalLauncherConf,
    "slurm": slurm.SlurmLauncherConf,
    "ray": ray.RayLauncherConf,
    "hpsearch_ray": ray.RayLauncherConf,  # also where hydra-ray-launcher has the other name
}

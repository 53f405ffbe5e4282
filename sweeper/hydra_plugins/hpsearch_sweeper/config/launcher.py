"""What a user can set under `hydra.launcher` with `hydra/launcher=local`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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

    # Jobs at once under sweepers other than hpsearch, where hydra.sweeper.n_jobs rules.
    n_jobs: int = 1


LAUNCHER: dict[str, type[LocalLauncherConf]] = {"local": LocalLauncherConf}

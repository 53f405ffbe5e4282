"""What a user can set under `hydra.launcher` with `hydra/launcher=ray`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["RayLauncherConf"]


@dataclass
class RayLauncherConf:
    """Where Ray has a name for something, this is it."""

    _target_: str = "hydra_plugins.hpsearch_sweeper.ray_launcher.RayLauncher"
    _convert_: str = "all"

    # The cluster. null: the one in the variable RAY_ADDRESS; without that, and with `local`, one of
    # this host alone is started, and ended with the sweep. auto, or host:6379: the cluster of which
    # this host is a node (`ray start`); with host:6379 one that has a token also needs the variable
    # RAY_AUTH_MODE=token. ray://host:10001: one of which this host is no node. A program that has
    # called ray.init itself keeps its cluster.
    address: str | None = None

    # What a trial takes of a node while it runs: what is not free is waited for. num_cpus is also
    # its number of threads (OMP_NUM_THREADS), where that is not set on the node.
    num_cpus: float = 1.0

    # GPUs of a trial; with 0.5 two share one, and its memory. null: one, where the cluster has any.
    num_gpus: float | None = None

    # Bytes of a node's memory. They are counted, not enforced: Ray starts no more trials there than
    # it is enough for. null: as many as there are processors, until one is killed for want of it.
    memory: float | None = None

    # Of what `ray start --resources` has named there: +hydra.launcher.resources.a100=1.
    resources: dict[str, float] = field(default_factory=dict)

    # How Ray prepares the workers: +hydra.launcher.runtime_env.pip=[x]. All of it can be read in
    # Ray's dashboard and logs: a password goes into a variable that env_copy names.
    runtime_env: dict[str, Any] = field(default_factory=dict)

    # Further arguments of ray.init. A cluster that is started here can be given its size:
    # +hydra.launcher.init.num_cpus=8.
    init: dict[str, Any] = field(
        default_factory=lambda: {"include_dashboard": False, "log_to_driver": False}
    )

    # Modules that every trial needs and that are slow to import, as with hydra/launcher=local: each
    # worker imports them once, in a server that its trials are forked from.
    preload: list[str] = field(default_factory=list)

    # Environment variables that the trials begin with, where the node does not say otherwise.
    env: dict[str, Any] = field(default_factory=dict)

    # Variables of the sweep's own environment that the trials get, as patterns: ["AWS_*"]. Ray does
    # not show them. A cluster that is started here has all of them.
    env_copy: list[str] = field(default_factory=list)

    # Seconds that a trial has to write its checkpoint and end, where it is stopped: by a second
    # Ctrl-C, by trial_timeout, or because its node is shut down. Then it is killed.
    grace: float = 10.0

    # Jobs at once under sweepers other than hpsearch, where hydra.sweeper.n_jobs rules.
    n_jobs: int = 1

"""`hydra.launcher` of `hydra/launcher=slurm`, checked, and as submitit takes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from hydra_plugins.hpsearch_sweeper import errors

__all__ = ["Settings", "read"]

# By their names in submitit's AutoExecutor; those that it knows for Slurm alone have a prefix.
SHARED = ("timeout_min", "cpus_per_task", "mem_gb", "gpus_per_node")
OF_SLURM = ("partition", "account", "qos", "gres", "constraint", "exclude", "signal_delay_s")

# A job that is preempted or whose node fails waits in the queue again, unless the user objects.
ADDITIONAL = {"requeue": True}

LEAST = {
    "timeout_min": 1,
    "signal_delay_s": 1,
    "max_requeues": 0,
    "n_jobs": 1,
    "poll_interval": 0.1,
}


class Settings(NamedTuple):
    """What submitit is told, and what the runner and the guardian need."""

    parameters: dict[str, Any]  # of submitit's AutoExecutor
    env: dict[str, str]  # that the trials begin with
    python: str | None
    name: str
    folder: str
    signal_delay_s: int
    max_requeues: int
    poll_interval: float


def read(given: Mapping[str, Any], *, name: str) -> Settings:
    """From the launcher's node as plain values. Raises ConfigError with the key that is wrong."""
    for key, least in LEAST.items():
        if given[key] < least:
            raise _wrong(key, given[key], f"a number from {least} on")
    if given["signal_delay_s"] >= 60 * given["timeout_min"]:
        longest = f"less than timeout_min={given['timeout_min']} minutes, in seconds"
        raise _wrong("signal_delay_s", given["signal_delay_s"], longest)
    return Settings(
        parameters=_parameters(given),
        env=_environment(given["env"] or {}),
        python=given["python"],
        name=given["name"] or name,
        folder=given["submitit_folder"],
        signal_delay_s=given["signal_delay_s"],
        max_requeues=given["max_requeues"],
        poll_interval=given["poll_interval"],
    )


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: given[key] for key in SHARED}
    found |= {f"slurm_{key}": given[key] for key in OF_SLURM}
    found["slurm_setup"] = list(given["setup"]) or None
    found["slurm_srun_args"] = [*_processors(given["cpus_per_task"]), *given["srun_args"]] or None
    found["slurm_additional_parameters"] = _additional(given["additional_parameters"] or {})
    return {key: value for key, value in found.items() if value is not None}


def _processors(count: int | None) -> list[str]:
    """Since 22.05 srun does not take over what sbatch was told."""
    return [] if count is None else [f"--cpus-per-task={count}"]


def _additional(given: Mapping[str, Any]) -> dict[str, Any]:
    """sbatch knows no option that is off: leaving it out is what turns it off."""
    wanted = {**ADDITIONAL, **{str(key).replace("_", "-"): value for key, value in given.items()}}
    if wanted["requeue"] is False:
        wanted["no-requeue"] = True
    return {key: value for key, value in wanted.items() if value is not None and value is not False}


def _environment(given: Mapping[str, Any]) -> dict[str, str]:
    """Where the user has not said otherwise."""
    wanted = {str(key): str(value) for key, value in given.items() if value is not None}
    return {key: value for key, value in wanted.items() if key not in os.environ}


def _wrong(key: str, given: Any, allowed: str) -> errors.ConfigError:
    return errors.ConfigError(f"hydra.launcher.{key}={given}: allowed is {allowed}")

"""What Slurm says of its jobs, by the commands that every cluster has: accounting may be off."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from subprocess import CompletedProcess

__all__ = [
    "ENDED",
    "HELD",
    "WAITING",
    "Entry",
    "begin_soon",
    "cancel",
    "cancel_pending",
    "cause",
    "entries",
    "job_name",
    "nodes",
    "partitions",
    "require",
]

log = logging.getLogger(__name__)

SECONDS = 60  # for one command: a busy slurmctld takes its time

# States that a job does not leave any more, and what they mean for a trial that left no result.
ENDED = {
    "BOOT_FAIL": "its node did not boot",
    "CANCELLED": "cancelled, by scancel or an administrator",
    "COMPLETED": "ended without a result",
    "DEADLINE": "its deadline had passed",
    "FAILED": "failed without a result",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "out of memory; hydra.launcher.mem_gb gives more",
    "PREEMPTED": "preempted, and not queued again",
    "REVOKED": "revoked",
    "TIMEOUT": "out of time before it could write a checkpoint; hydra.launcher.timeout_min "
    "gives more",
}

# In the reason of a job that Slurm has taken back from a node, and starts only when told to.
HELD = "requeued held"

# It has no node yet, or one that is still starting.
WAITING = {"PENDING", "CONFIGURING"}


class Entry(NamedTuple):
    """One job, as squeue lists it."""

    job_id: str
    state: str
    reason: str
    name: str


def job_name(name: str, number: int, *, worker: str) -> str:
    """By which a later sweeper finds a dead one's jobs: no two live sweepers make the same."""
    return f"{name}-{number}-{hashlib.sha256(worker.encode()).hexdigest()[:12]}"


def entries() -> list[Entry] | None:
    """All jobs of this user, those that ended lately included; None where Slurm does not answer."""
    printed = _run("squeue", "--me", "--noheader", "--states=all", "--format=%i|%T|%r|%j")
    if printed is None:
        return None
    return [Entry(*line.split("|", 3)) for line in printed.splitlines() if line.count("|") >= 3]


def cancel(job_ids: Collection[str]) -> bool:
    """Slurm ends them: SIGTERM, and SIGKILL after its KillWait; False where it was not told."""
    return not job_ids or _run("scancel", *job_ids) is not None


def cancel_pending(job_ids: Collection[str]) -> None:
    """Those alone that do not run."""
    if job_ids:
        _run("scancel", "--state=PENDING", *job_ids)


def begin_soon(job_id: str) -> None:
    """Slurm lets a job that is queued again wait for two minutes; its user may say otherwise."""
    _run("scontrol", "update", f"JobId={job_id}", "StartTime=now")


def cause(entry: Entry | None) -> str:
    """Why a job is over that left no result; None is one that Slurm does not know any more."""
    if entry is None:
        return "Slurm does not know the job any more"
    return f"Slurm job {entry.job_id}: {ENDED.get(entry.state, entry.state)}"


def partitions() -> str:
    """The names of the partitions there are."""
    return ", ".join(dict.fromkeys((_run("sinfo", "--noheader", "--format=%R") or "").split()))


def nodes() -> set[str]:
    """The names of the cluster's nodes; empty where Slurm does not answer."""
    return set((_run("sinfo", "--noheader", "--Node", "--format=%N") or "").split())


def require(program: str) -> None:
    """Raises ConfigError where the cluster's commands are not installed."""
    from shutil import which

    if which(program) is None:
        raise errors.ConfigError(
            f"hydra/launcher=slurm: {program} is not there; start the sweep on a machine that "
            "submits to Slurm, or take hydra/launcher=local"
        )


def _run(*words: str) -> str | None:
    """What the command prints; None where it fails."""
    done = _done(words)
    if isinstance(done, str) or done.returncode:
        said = done if isinstance(done, str) else " ".join(done.stderr.split())
        log.debug("%s: %s", words[0], said)
        return None
    return done.stdout


def _done(words: Sequence[str]) -> CompletedProcess[str] | str:
    import subprocess

    try:
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,  # a Ctrl-C is for the sweeper alone
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)

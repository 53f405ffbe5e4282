"""What the slots need of whatever runs the jobs: processes, threads, this process."""

from __future__ import annotations

import errno
import math
import os
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hydra_plugins.hpsearch_sweeper import hiding

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["Job", "Outcome", "Runner", "outcome_of"]


# A disk that is full or fails will be mended; the job itself had no part in it.
_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}


@dataclass(frozen=True)
class Job:
    """One job, ready to run."""

    number: int  # of the trial; also hydra.job.num
    overrides: tuple[str, ...]  # all of them, as a launcher takes them
    config: DictConfig  # the composed config, hydra node and job number included
    folder: Path  # the job's output folder; it may not exist yet


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with one value an objective, pruned, or with the cause of its failure."""

    values: tuple[float, ...] | None = None
    pruned: bool = False
    error: str | None = None  # one line
    details: str = ""  # the stack trace, the last lines of the log
    retriable: bool = False  # ended by what lies outside of it: it may end better next time

    @classmethod
    def from_exception(cls, error: BaseException) -> Outcome:
        if type(error).__name__ == "TrialPruned":
            return cls(pruned=True)
        text = hiding.redacted("".join(traceback.format_exception(error)))
        first = hiding.redacted(error).strip().splitlines() or [""]
        line = f"{type(error).__name__}: {first[0]}".removesuffix(": ")
        return cls(error=line, details=text, retriable=_is_of_the_machine(error))


class Runner(Protocol):
    """Runs jobs, several at once. Only one thread calls it."""

    slots: int  # the most jobs at once
    in_this_process: bool  # then a Ctrl-C has to interrupt the job itself
    can_stop: bool  # a single job, without the others

    def start(self, job: Job) -> None:
        """Begins the job; never raises for what the job does."""

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """The jobs that ended, by number; empty when none did for `timeout` seconds."""

    def stop(self, number: int, outcome: Outcome) -> bool:
        """Kills the job; a later `wait` returns it with this outcome. False: it cannot be."""

    def close(self) -> None:
        """Kills what still runs and frees what is held."""


def outcome_of(returned: Any, *, objectives: int) -> Outcome:
    """What a job's return value means to a study of so many objectives."""
    given = list(returned) if isinstance(returned, list | tuple) else [returned]
    wanted = "a number" if objectives == 1 else f"{objectives} numbers"
    try:
        values = tuple(float(value) for value in given)
    except (TypeError, ValueError):
        return Outcome(error=f"TypeError: the job returned {returned!r}; a sweep needs {wanted}")
    if len(values) != objectives:
        return Outcome(error=f"ValueError: the job returned {returned!r}; a sweep needs {wanted}")
    if not all(map(math.isfinite, values)):
        finite = "a finite number" if objectives == 1 else f"{objectives} finite numbers"
        return Outcome(error=f"ValueError: the job returned {returned!r}; a sweep needs {finite}")
    return Outcome(values=values)


def _is_of_the_machine(error: BaseException | None) -> bool:
    """Whether the disk is at fault, as far as the error and its causes tell by number or words."""
    if error is None:
        return False
    by_number = isinstance(error, OSError) and error.errno in _MACHINE
    words = str(error)
    by_words = any(os.strerror(number) in words for number in _MACHINE)
    return by_number or by_words or _is_of_the_machine(error.__cause__)

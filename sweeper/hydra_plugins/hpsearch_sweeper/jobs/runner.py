"""What the slots need of whatever runs the jobs: processes, threads, this process."""

from __future__ import annotations

import errno
import math
import os
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hydra_plugins.hpsearch_sweeper import hiding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hydra_plugins.hpsearch_sweeper.reports import Report
    from omegaconf import DictConfig

__all__ = ["Job", "Outcome", "QueueingRunner", "Runner", "outcome_of"]


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
    reports: tuple[Report, ...] = ()  # not told to the study yet

    @classmethod
    def from_exception(cls, error: BaseException) -> Outcome:
        if type(error).__name__ == "TrialPruned":
            return cls(pruned=True)
        text = hiding.redacted("".join(traceback.format_exception(error)))
        first = hiding.redacted(error).strip().splitlines() or [""]
        line = f"{type(error).__name__}: {first[0]}".removesuffix(": ")
        return cls(error=line, details=text, retriable=_may_end_better(error))


class Runner(Protocol):
    """Runs jobs, several at once. Only one thread calls it.

    It may have a method `ask_to_end` too, which tells every job to end soon and by itself, with how
    far it is kept; `wait` returns them. Where jobs may wait for a machine it has a method `waits`:
    whether a job has not begun yet. Where it knows a job's outcome before its process is gone it
    has an attribute `told`, which it calls from `wait` with the number and that outcome.
    """

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


@runtime_checkable
class QueueingRunner(Runner, Protocol):
    """One whose jobs wait in a cluster's queue, and go on there when the sweeper dies."""

    def waits(self, number: int) -> bool:
        """Whether the job has not begun, or waits again after it was preempted."""

    def withdraw(self) -> list[int]:
        """Takes back the jobs that wait; their numbers, which no `wait` returns any more."""

    def end_left(self, left: Iterable[tuple[str, int]]) -> None:
        """Ends what dead sweepers left, by worker and trial, before any further job begins."""


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


def _may_end_better(error: BaseException) -> bool:
    """Whether it says so itself, as what was told to stop does, or the machine is at fault."""
    return getattr(error, "retriable", False) is True or _is_of_the_machine(error)


def _is_of_the_machine(error: BaseException | None) -> bool:
    """Whether the disk is at fault, as far as the error and its causes tell by number or words."""
    if error is None:
        return False
    by_number = isinstance(error, OSError) and error.errno in _MACHINE
    words = str(error)
    by_words = any(os.strerror(number) in words for number in _MACHINE)
    return by_number or by_words or _is_of_the_machine(error.__cause__)

"""A slot takes the next trial, runs its job, tells the study, and takes the next."""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.study.study import Asked, SweepStudy

__all__ = ["Outcome", "outcome_of", "run_slot"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a value, pruned, or with the cause of its failure."""

    value: float | None = None
    pruned: bool = False
    error: str | None = None
    details: str = ""  # the stack trace

    @classmethod
    def from_exception(cls, error: BaseException) -> Outcome:
        if type(error).__name__ == "TrialPruned":
            return cls(pruned=True)
        text = "".join(traceback.format_exception(error))
        return cls(error=f"{type(error).__name__}: {error}", details=text)


# Runs one trial's job to its end; never raises for what the job did.
RunJob = Callable[["Asked"], Outcome]


def run_slot(study: SweepStudy, run_job: RunJob, after_each: Callable[[], None]) -> None:
    """Runs trials until the study holds all it shall hold."""
    while (asked := study.ask()) is not None:
        _run_trial(study, asked, run_job)
        after_each()
        _require_few_failures(study)


def outcome_of(returned: Any) -> Outcome:
    """What a job's return value means to the study."""
    try:
        value = float(returned)
    except (TypeError, ValueError):
        return Outcome(error=f"TypeError: the job returned {returned!r}; a sweep needs a number")
    if not math.isfinite(value):
        return Outcome(error=f"ValueError: the job returned {value}; a sweep needs a finite number")
    return Outcome(value=value)


def _run_trial(study: SweepStudy, asked: Asked, run_job: RunJob) -> None:
    name = f"trial {asked.position}/{study.plan.total}  {asked.title}"
    if known := study.known(asked):
        number, value = known
        study.complete(asked, value, same_as=number)
        log.info("%s  value %s  (taken from job %d, the same point)", name, _short(value), number)
        return
    log.info("%s  starts as job %d", name, asked.number)
    started = time.monotonic()
    try:
        outcome = run_job(asked)
    except BaseException:  # Ctrl-C: the point is not lost
        study.abandon(asked.number, "the sweep was interrupted")
        raise
    _tell(study, asked, outcome)
    log.info("%s  %s  (%.1f s)", name, _shown(outcome), time.monotonic() - started)


def _tell(study: SweepStudy, asked: Asked, outcome: Outcome) -> None:
    if outcome.value is not None:
        study.complete(asked, outcome.value)
    elif outcome.pruned:
        study.prune(asked)
    else:
        study.fail(asked, outcome.error or "unknown")


def _require_few_failures(study: SweepStudy) -> None:
    allowed, failed = study.plan.settings.max_failure_rate, study.count("FAIL")
    if allowed < 1 and failed > allowed * study.plan.total:
        raise errors.SweepFailedError(
            f"{failed} of {study.plan.total} trials failed, more than "
            f"hydra.sweeper.max_failure_rate={allowed} allows"
        )


def _shown(outcome: Outcome) -> str:
    if outcome.value is not None:
        return f"value {_short(outcome.value)}"
    if outcome.pruned:
        return "pruned"
    return f"failed: {(outcome.error or '').splitlines()[0]}"


def _short(value: float) -> str:
    return f"{value:.6g}"

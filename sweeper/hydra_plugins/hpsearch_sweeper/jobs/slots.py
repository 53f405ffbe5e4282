"""Slots: each takes the next trial as soon as it is free, and tells the study how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.jobs import interrupts, queueing, runner
from hydra_plugins.hpsearch_sweeper.study import storage

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.display import Display
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome, Runner
    from hydra_plugins.hpsearch_sweeper.study.study import Asked, SweepStudy

__all__ = ["Slots"]

_POLL_SECONDS = 0.2
# How long trials have to end by themselves once SIGTERM has come; then they are killed. Whoever
# sends it waits 30 s as a rule (Slurm, Kubernetes), Docker 10 s.
_GRACE_SECONDS = 20.0
# How often the study is looked at while only other sweepers have something to run.
_WATCH_SECONDS = 1.0
_INTERRUPTED = "the sweep was interrupted"


@dataclass(frozen=True)
class _Running:
    asked: Asked
    started: float
    best: bool | None = None  # of one whose values the study has been told


class Slots:
    """Runs a study's trials, as many at once as the runner has slots, until none is left."""

    def __init__(
        self,
        study: SweepStudy,
        runner: Runner,
        *,
        make_job: Callable[[Asked], Job],
        display: Display,
        after_each: Callable[[], None],
    ) -> None:
        self._study = study
        self._runner = runner
        self._queue = queueing.Queue(runner)
        self._make_job = make_job
        self._display = display
        self._after_each = after_each
        self._settings = study.plan.settings
        self._running: dict[int, _Running] = {}
        self._began = time.monotonic()
        self._no_more: str | None = None  # why no further trial starts
        if hasattr(runner, "told"):
            runner.told = self._hear

    def run(self) -> None:
        """Until the study holds all it shall hold, or something says stop.

        Raises SweepFailedError after too many failures, KeyboardInterrupt after Ctrl-C or SIGTERM:
        then what had ended is kept, and what ran is queued again.
        """
        try:
            with interrupts.counted(self._runner) as pressed:
                self._study.hurried = lambda: pressed.count > 1
                self._loop(pressed)
                if pressed.terminated:
                    self._end_gently(pressed)
            pressed.raise_if_any()
        except BaseException as error:
            # Without its database the next command finds them as those of a dead sweeper.
            self._stop_all(_INTERRUPTED, requeue=not storage.is_out_of_reach(error))
            raise
        finally:
            self._runner.close()

    def _loop(self, pressed: interrupts.Pressed) -> None:
        if self._settings.trial_timeout is not None and not self._runner.can_stop:
            self._display.note(
                "hydra.sweeper.trial_timeout has no effect: this launcher cannot stop a job; "
                "hydra/launcher=local can"
            )
        while pressed.count < 2:
            self._require_few_failures()  # not sooner: all that ended together is told first
            self._heed(pressed)
            self._fill()
            if self._running:
                for number, outcome in self._runner.wait(_POLL_SECONDS):
                    self._end(self._running.pop(number), outcome)
                self._stop_the_late()
            elif self._no_more or not self._study.running_elsewhere():
                return
            else:
                self._watch_the_others()

    def _heed(self, pressed: interrupts.Pressed) -> None:
        """Ctrl-C, the time limit, or no progress: nothing new starts, what runs ends by itself."""
        if self._no_more is None and (reason := self._reason_to_end(pressed)):
            self._no_more = reason
            self._withdraw()
            left = f"; {len(self._running)} running end first" if self._running else ""
            again = ", Ctrl-C again stops them now" if left and pressed.count else ""
            self._display.note(f"{reason}: no more trials start{left}{again}")

    def _withdraw(self) -> None:
        """What waits in a cluster's queue has not begun; it comes first when the study goes on."""
        for number in self._queue.withdraw():
            entry, text = self._running.pop(number), "taken back from the queue"
            self._study.requeue(number, text, attempt=entry.asked.attempt)
            self._display.ended(
                number, state="retried", text=text, seconds=0.0, values=None, best=False
            )

    def _reason_to_end(self, pressed: interrupts.Pressed) -> str | None:
        timeout, patience = self._settings.timeout, self._settings.stop_when
        if pressed.count:
            return "interrupted"
        if timeout is not None and time.monotonic() - self._began >= timeout:
            return f"hydra.sweeper.timeout={timeout:g} s is over"
        if patience is not None and self._study.ledger.since_best >= patience:
            return f"no better value in {patience} trials (hydra.sweeper.stop_when)"
        return None

    def _fill(self) -> None:
        while self._no_more is None and len(self._running) < self._runner.slots:
            asked = self._study.ask()
            if asked is None:
                return
            if not self._reuse(asked):
                self._start(asked)

    def _reuse(self, asked: Asked) -> bool:
        """Takes over how an equal point ended: its values, or that it is infeasible."""
        if known := self._study.known(asked):
            number, values = known
            self._study.complete(asked, values, same_as=number)
            text = _shown(values)
        elif other := self._study.impossible(asked):
            number = other.number
            self._study.give_up_like(asked, other)
            text = f"infeasible: {self._study.failure_of(other)}"
        else:
            return False
        text += f"  (taken from job {number}, the same point)"
        self._display.reused(asked.number, position=asked.position, title=asked.title, text=text)
        self._after_each()
        return True

    def _start(self, asked: Asked) -> None:
        self._display.started(asked.number, position=asked.position, title=asked.title)
        entry = _Running(asked, time.monotonic())
        try:
            job = self._make_job(asked)
        except Exception as error:  # this point has no valid config
            self._end(entry, runner.Outcome.from_exception(error))
            return
        self._running[asked.number] = entry
        self._queue.end_left(self._study.ledger)
        self._runner.start(job)

    def _end(self, entry: _Running, outcome: Outcome) -> None:
        asked = entry.asked
        state = self._state(asked, outcome)
        best = self._tell(asked, outcome, state=state) if entry.best is None else entry.best
        self._display.ended(
            asked.number,
            state=state,
            text=_text(state, outcome),
            seconds=time.monotonic() - entry.started,
            values=outcome.values,
            best=best,
        )
        self._after_each()

    def _hear(self, number: int, outcome: Outcome) -> None:
        """The study takes a trial's values while its process ends: each takes 40 ms."""
        entry = self._running[number]
        if outcome.values is not None and entry.best is None:
            best = self._tell(entry.asked, outcome, state="complete")
            self._running[number] = replace(entry, best=best)

    def _tell(self, asked: Asked, outcome: Outcome, *, state: str) -> bool:
        """Tells the study; whether the trial is the best so far."""
        if outcome.reports:
            self._study.report(asked, outcome.reports)
        error, details = outcome.error or "unknown", outcome.details
        if outcome.values is not None:
            return self._study.complete(asked, outcome.values)
        if state == "pruned":
            self._study.prune(asked)
        elif state == "infeasible":
            self._study.give_up(asked, error, details=details)
        elif state == "retried":
            self._study.requeue(asked.number, error, attempt=asked.attempt + 1, details=details)
        else:
            self._study.fail(asked, error, details=details, killed=outcome.retriable)
        return False

    def _state(self, asked: Asked, outcome: Outcome) -> str:
        if outcome.values is not None:
            return "complete"
        if outcome.pruned:
            return "pruned"
        if outcome.retriable:
            return "retried" if asked.attempt < self._settings.retries else "failed"
        return "infeasible" if self._study.is_infeasible(asked) else "failed"

    def _stop_the_late(self) -> None:
        """A trial's time begins when it does, which may be long after it was handed over."""
        limit = self._settings.trial_timeout
        waits = getattr(self._runner, "waits", None)
        for number, entry in self._running.items():
            if waits is not None and waits(number):
                self._running[number] = replace(entry, started=time.monotonic())
            elif limit is not None and time.monotonic() - entry.started >= limit:
                late = f"hydra.sweeper.trial_timeout={limit:g} s is over"
                self._runner.stop(number, runner.Outcome(error=late, retriable=True))

    def _watch_the_others(self) -> None:
        others = self._study.running_elsewhere()
        self._display.note(f"waiting for {others} trial(s) of other sweepers")
        time.sleep(_WATCH_SECONDS)

    def _end_gently(self, pressed: interrupts.Pressed) -> None:
        """Lets the running trials write how far they are, unless Ctrl-C says that it takes long."""
        ask = getattr(self._runner, "ask_to_end", None)
        if ask is None or not self._running:
            return
        self._display.note(f"terminated: up to {_GRACE_SECONDS:g} s for running trials to end")
        ask()
        deadline, before = time.monotonic() + _GRACE_SECONDS, pressed.count
        while self._running and pressed.count == before and time.monotonic() < deadline:
            for number, outcome in self._runner.wait(_POLL_SECONDS):
                entry = self._running.pop(number)
                if outcome.values is not None or outcome.pruned:
                    self._end(entry, outcome)
                else:  # whatever it says of its end, this was the cause
                    self._study.requeue(number, _INTERRUPTED, attempt=entry.asked.attempt)

    def _stop_all(self, reason: str, *, requeue: bool) -> None:
        self._queue.close()
        for number, entry in self._running.items():
            self._runner.stop(number, runner.Outcome(error=reason))
            if requeue:
                self._study.requeue(number, reason, attempt=entry.asked.attempt)
        self._running.clear()

    def _require_few_failures(self) -> None:
        allowed, failed = self._settings.max_failure_rate, self._study.ledger.counts["FAIL"]
        total = self._study.plan.total
        if allowed < 1 and failed > allowed * total:
            raise errors.SweepFailedError(
                f"{failed} of {total} trials failed, more than "
                f"hydra.sweeper.max_failure_rate={allowed} allows"
            )


def _text(state: str, outcome: Outcome) -> str:
    if outcome.values is not None:
        return _shown(outcome.values)
    cause = (outcome.error or "unknown").splitlines()[0]
    said = {"pruned": "pruned", "retried": f"runs again: {cause}"}
    return said.get(state, f"{state}: {cause}")


def _shown(values: tuple[float, ...]) -> str:
    return "value " + ", ".join(f"{value:.6g}" for value in values)

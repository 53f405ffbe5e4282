"""The study: asked for the next trial, told how it ended, by this sweeper among others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.space import values
from hydra_plugins.hpsearch_sweeper.study import (
    choosing,
    creating,
    heartbeat,
    keys,
    ledger,
    outages,
    reading,
    telling,
    workers,
)

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.reports import Report
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.study import locks
    from hydra_plugins.hpsearch_sweeper.study.choosing import Choice
    from hydra_plugins.hpsearch_sweeper.study.ledger import Key
    from optuna.trial import FrozenTrial

__all__ = ["Asked", "SweepStudy"]

log = logging.getLogger(__name__)

# A sweeper elsewhere that gave no sign of life for so many intervals is taken for dead.
_MISSED_BEATS = 4


@dataclass(frozen=True)
class Asked:
    """One trial to run."""

    number: int
    position: int  # counted from 1, of all trials that count
    point: Point
    key: Key
    overrides: tuple[str, ...]
    attempt: int = 0

    @property
    def title(self) -> str:
        return "  ".join(x.lstrip("+") for x in self.overrides) or "the base config"


class SweepStudy:
    """An Optuna study that knows how many trials it shall hold, and runs no point twice.

    Several sweepers may share it: what the next trial is, is decided under `lock`. A database
    server that goes away for a moment is waited for, unless `hurried` says that there is no time.
    """

    def __init__(self, plan: Plan, study: optuna.Study, lock: locks.StudyLock) -> None:
        self.plan = plan
        self.study = study
        self.storage = study._storage
        self.mine: set[int] = set()  # the trials that this sweeper runs
        self.hurried: Callable[[], bool] = lambda: False
        self._lock = lock
        self._worker = workers.this_worker()
        self._reader = reading.Trials(study)
        self._trials: list[FrozenTrial] = []  # as of the last look
        self._ledger = ledger.Ledger(self._key_of, plan.settings.directions)
        self._chooser = choosing.Chooser(plan)
        self._creator = creating.Creator(study, plan)
        self._teller = telling.Teller(study)
        self._watch = heartbeat.Watch(
            self.storage, study._study_id, patience=_MISSED_BEATS * plan.settings.heartbeat
        )

    @property
    def ledger(self) -> ledger.Ledger:
        """What there is so far, as of the last `ask`, `tell` or `resume`."""
        return self._ledger

    @property
    def finished(self) -> int:
        """How many of the trials that the study shall hold have ended."""
        return self._chooser.finished(self._ledger)

    @outages.outlived
    def resume(self) -> None:
        """Takes stock of the trials there are.

        Those that a dead sweeper left are queued again, and those that were killed too often for
        the command before: what killed them may be gone.
        """
        with self._lock:
            self._update()
            self._reap()
            if killed := self._ledger.revive():
                log.info("study %s: %d killed before run again", self.plan.study_name, killed)
            self._creator.set_sampler(len(self._trials))

    def beating(self) -> AbstractContextManager[Any]:
        """Gives signs of life in the study while it is entered."""
        return heartbeat.Heartbeat(
            self.storage,
            self.study._study_id,
            self._worker,
            interval=self.plan.settings.heartbeat,
            interrupted=self.interrupted,
        )

    def interrupted(self) -> None:
        """The database did not answer: nobody could give a sign of life in it."""
        self._watch.interrupt()

    @outages.outlived
    def ask(self) -> Asked | None:
        """The next trial; None when all that the study shall hold have ended or run."""
        with self._lock:
            self._update()
            self._reap()
            choice = self._chooser.choose(self._ledger, self._trials)
            if choice is None:
                return None
            asked = self._begin(choice)
        self.mine.add(asked.number)
        return asked

    def running_elsewhere(self) -> int:
        """How many trials other sweepers run just now."""
        return len(self._ledger.running.keys() - self.mine)

    def known(self, asked: Asked) -> tuple[int, tuple[float, ...]] | None:
        """The trial and the values of an equal point that has finished."""
        return self._ledger.values.get(asked.key)

    def impossible(self, asked: Asked) -> FrozenTrial | None:
        """The infeasible trial of an equal point."""
        return self._ledger.impossible.get(asked.key)

    @outages.outlived
    def is_infeasible(self, asked: Asked) -> bool:
        """Whether its job has said so, as of now."""
        return ledger.is_infeasible(self._teller.read(asked.number))

    @outages.outlived
    def report(self, asked: Asked, found: Sequence[Report]) -> None:
        """What the trial has reported, and nobody has told yet."""
        self._teller.report(asked.number, found)

    @outages.outlived
    def complete(self, asked: Asked, found: Sequence[float], *, same_as: int | None = None) -> bool:
        """The trial ended with values; whether they are the best so far."""
        best = self._ledger.best
        notes = {} if same_as is None else {ledger.SAME_AS: same_as}
        self._end(asked.number, values=found, notes=notes)
        return self._ledger.best is not best

    @outages.outlived
    def fail(self, asked: Asked, error: str, *, details: str = "", killed: bool = False) -> None:
        """The trial ended without a value; the cause stays with it.

        One that was `killed` from outside is tried again by the next command.
        """
        notes = {ledger.ERROR: error, **({ledger.KILLED: True} if killed else {})}
        self._end(asked.number, state="FAIL", notes=notes, details=details)

    @outages.outlived
    def give_up(self, asked: Asked, error: str, *, details: str = "") -> None:
        """The trial is infeasible. Samplers pass over a failure and learn from a constraint."""
        self._end(asked.number, state="PRUNED", notes={ledger.ERROR: error}, details=details)

    @outages.outlived
    def give_up_like(self, asked: Asked, other: FrozenTrial) -> None:
        """The same without running, for an equal point was infeasible."""
        self._teller.constrain(asked.number, other.constraints)
        notes = {ledger.SAME_AS: other.number, ledger.ERROR: self.failure_of(other)}
        self._end(asked.number, state="PRUNED", notes=notes)

    @outages.outlived
    def prune(self, asked: Asked) -> None:
        """The trial was stopped early; its last reported value stays."""
        self._end(asked.number, state="PRUNED")

    @outages.outlived
    def requeue(self, number: int, reason: str, *, attempt: int, details: str = "") -> None:
        """Ends a trial that was cut short; its point comes first when the study goes on."""
        self._requeue(number, reason, attempt=attempt, details=details)

    def _requeue(self, number: int, reason: str, *, attempt: int, details: str = "") -> None:
        notes = {ledger.ERROR: reason, ledger.ATTEMPT: attempt, ledger.REQUEUED: True}
        self._end(number, state="FAIL", notes=notes, details=details)

    def failure_of(self, trial: FrozenTrial) -> str:
        """The cause, one line."""
        lines = str(trial.user_attrs.get(ledger.ERROR) or "unknown").splitlines()
        return lines[0] if lines else "unknown"

    @outages.outlived
    def best_trials(self) -> list[FrozenTrial]:
        """The best feasible trial, or the Pareto front of several objectives."""
        if len(self.plan.settings.directions) > 1:
            return self.study.best_trials
        return [self._ledger.best] if self._ledger.best else []

    def _update(self) -> None:
        self._trials = self._reader.read(self.mine)
        self._ledger.update(self._trials)

    def _reap(self) -> None:
        """Under the lock, so that no two sweepers take up the same trial."""
        others = [x for x in self._ledger.running.values() if x.number not in self.mine]
        workers_of = {x.number: x.user_attrs.get(ledger.WORKER) for x in others}
        # Who begins a trial holds the lock until its name is on it.
        dead = {None, self._worker, *self._watch.dead(of=workers_of.values())}
        left = [x for x in others if workers_of[x.number] in dead]
        for trial in left:
            attempt = int(trial.user_attrs.get(ledger.ATTEMPT, 0))
            self._requeue(trial.number, "the sweeper that ran it died", attempt=attempt)
        if left:
            self._update()

    def _begin(self, choice: Choice) -> Asked:
        self._lock.confirm()  # a database that came back does not know of it
        notes = {ledger.WORKER: self._worker, **choice.notes}
        if choice.seed is not None:
            notes[ledger.SEED] = choice.seed
        trial = self._creator.create(
            choice, trials=self._trials, taken=self._ledger.taken(), notes=notes
        )
        self._reader.note(trial)
        self._ledger.begin(trial)
        return self.asked(trial)

    def asked(self, trial: FrozenTrial) -> Asked:
        """The trial as `ask` returned it, but for its position."""
        seed = trial.user_attrs.get(ledger.SEED)
        return Asked(
            number=trial.number,
            position=self.finished + len(self._ledger.running),
            point=dict(trial.params),
            key=self._key_of(trial),
            overrides=tuple(self._overrides(trial.params, seed)),
            attempt=int(trial.user_attrs.get(ledger.ATTEMPT, 0)),
        )

    def _overrides(self, params: Mapping[str, Any], seed: int | None) -> Iterator[str]:
        space = self.plan.space
        yield from (x.override(params[x.name]) for x in space.parameters if x.name in params)
        names = set(space.names)
        yield from (f"{k}={values.override_text(v)}" for k, v in params.items() if k not in names)
        if seed is not None:
            yield f"{self.plan.settings.seed_key}={seed}"

    def _end(self, number: int, **how: Any) -> None:
        ended = self._teller.end(number, **how)
        self.mine.discard(number)
        self._reader.note(ended)
        self._ledger.end(ended)

    def _key_of(self, trial: FrozenTrial) -> Key:
        return keys.key_of_trial(self.plan.space, trial)

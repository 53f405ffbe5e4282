"""What the trials of a study amount to, kept up to date as they end, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = [
    "ATTEMPT",
    "DETAILS",
    "ERROR",
    "REQUEUED",
    "RETRY_OF",
    "SAME_AS",
    "SEED",
    "WORKER",
    "Ledger",
]

# What the sweeper notes on a trial, as user attributes: dashboards show them.
WORKER = "worker"  # the sweeper process that runs it
SEED = "seed"  # of a replicate
ERROR = "error"  # the cause of a failure, one line
DETAILS = "details"  # the end of its stack trace, or of what a killed job had printed
REQUEUED = "requeued"  # ended from outside; its point is run again and this trial does not count
RETRY_OF = "retry_of"  # the trial whose point this one runs again
ATTEMPT = "attempt"  # how often the point has been killed before
SAME_AS = "same_as"  # the finished trial whose value this one took

Key = tuple[tuple[str, str], ...]


class Ledger:
    """Counts, values by point, and what is left to run again. Each trial is looked at once."""

    def __init__(self, key_of: Callable[[FrozenTrial], Key], directions: Sequence[str]) -> None:
        self._key_of = key_of
        self._sign = -1.0 if directions[0] == "maximize" else 1.0
        self._one_objective = len(directions) == 1
        self._settled = 0  # all trials before this one have ended and are entered
        self._entered: set[int] = set()  # ended ones after it
        self.counts = {"COMPLETE": 0, "PRUNED": 0, "FAIL": 0, "REQUEUED": 0}
        self.values: dict[Key, tuple[int, tuple[float, ...]]] = {}  # of complete points
        self.seen: set[Key] = set()  # the points of all trials that count, and of those that run
        self.running: dict[int, FrozenTrial] = {}
        self.waiting: list[FrozenTrial] = []
        self.to_retry: dict[int, FrozenTrial] = {}
        self.failures: list[FrozenTrial] = []
        self.best: FrozenTrial | None = None
        self.since_best = 0  # trials that ended since the best one did

    @property
    def finished(self) -> int:
        """How many trials count: all that ended, but for those whose point is run again."""
        return self.counts["COMPLETE"] + self.counts["PRUNED"] + self.counts["FAIL"]

    def update(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes in what has changed; `trials` are all of the study, by number."""
        self.running, self.waiting = {}, []
        for trial in trials[self._settled :]:
            if trial.state.name == "RUNNING":
                self.running[trial.number] = trial
            elif trial.state.name == "WAITING":
                self.waiting.append(trial)
            elif trial.number not in self._entered:
                self._enter(trial)
        self._advance(trials)
        for trial in self.running.values():
            self.to_retry.pop(trial.user_attrs.get(RETRY_OF, -1), None)

    def taken(self) -> set[Key]:
        """The points that need no further trial: they count already, or run."""
        return self.seen | {self._key_of(trial) for trial in self.running.values()}

    def _enter(self, trial: FrozenTrial) -> None:
        self._entered.add(trial.number)
        self.to_retry.pop(trial.user_attrs.get(RETRY_OF, -1), None)
        if trial.user_attrs.get(REQUEUED):
            self.counts["REQUEUED"] += 1
            self.to_retry[trial.number] = trial
            return
        self.counts[trial.state.name] += 1
        self.seen.add(self._key_of(trial))
        self.since_best += 1
        if trial.state.name == "COMPLETE":
            self._enter_value(trial)
        elif trial.state.name == "FAIL":
            self.failures.append(trial)

    def _enter_value(self, trial: FrozenTrial) -> None:
        self.values.setdefault(self._key_of(trial), (trial.number, tuple(trial.values)))
        if self._one_objective and _feasible(trial) and self._better(trial):
            self.best, self.since_best = trial, 0

    def _better(self, trial: FrozenTrial) -> bool:
        return self.best is None or self._sign * trial.values[0] < self._sign * self.best.values[0]

    def _advance(self, trials: Sequence[FrozenTrial]) -> None:
        while self._settled < len(trials) and self._settled in self._entered:
            self._entered.remove(self._settled)
            self._settled += 1


def _feasible(trial: Any) -> bool:
    return all(value <= 0 for value in trial.constraints.values())

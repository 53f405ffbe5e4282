"""What the trials of a study amount to, kept up to date as they end, here or elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = [
    "ATTEMPT",
    "DETAILS",
    "ERROR",
    "KILLED",
    "REQUEUED",
    "RETRY_OF",
    "SAME_AS",
    "SEED",
    "WORKER",
    "Ledger",
    "is_infeasible",
    "state_of",
]

# What the sweeper notes on a trial, as user attributes: dashboards show them.
WORKER = "worker"  # the sweeper process that runs it
SEED = "seed"  # of a replicate
ERROR = "error"  # the cause of a failure, one line
DETAILS = "details"  # the end of its stack trace, or of what a killed job had printed
REQUEUED = "requeued"  # ended from outside; its point is run again and this trial does not count
KILLED = "killed"  # ended from outside as often as `retries` allows: the next command tries again
RETRY_OF = "retry_of"  # the trial whose point this one runs again
ATTEMPT = "attempt"  # how often the point has been killed before
SAME_AS = "same_as"  # the finished trial whose value this one took

Key = tuple[tuple[str, str], ...]


class Ledger:
    """Counts, values by point, and what is left to run again. Each trial is looked at once.

    A trial that ended with an error after it had set a constraint above its limit is infeasible:
    Optuna knows it as pruned, for its samplers pass over trials that failed. Where half of a space
    is infeasible, TPE drew from that half in 86 % of the trials when these were told as failed, and
    in 25 % when told like this (12 seeds, 40 trials each).
    """

    def __init__(self, key_of: Callable[[FrozenTrial], Key], directions: Sequence[str]) -> None:
        self._key_of = key_of
        self._sign = -1.0 if directions[0] == "maximize" else 1.0
        self._one_objective = len(directions) == 1
        self._settled = 0  # all trials before this one have ended and are entered
        self._entered: set[int] = set()  # ended ones after it
        self.counts = {"COMPLETE": 0, "PRUNED": 0, "FAIL": 0, "INFEASIBLE": 0, "REQUEUED": 0}
        self.values: dict[Key, tuple[int, tuple[float, ...]]] = {}  # of complete points
        self.impossible: dict[Key, FrozenTrial] = {}  # the infeasible points
        self._seen: Counter[Key] = Counter()  # the points of all trials that count
        self.running: dict[int, FrozenTrial] = {}
        self._running_keys: dict[tuple[int, int], Key] = {}  # by number and parameters it has
        self.waiting: list[FrozenTrial] = []
        self.to_retry: dict[int, FrozenTrial] = {}
        self._retried: set[int] = set()  # also before it is known that they ended
        self.failures: list[FrozenTrial] = []  # the infeasible ones too
        self.cut_short: list[tuple[str, int]] = []  # the requeued: worker and number
        self.best: FrozenTrial | None = None
        self.since_best = 0  # trials that ended since the best one did

    @property
    def finished(self) -> int:
        """How many trials count: all that ended, but for those whose point is run again."""
        return sum(self.counts.values()) - self.counts["REQUEUED"]

    @property
    def seen(self) -> Set[Key]:
        """The points of all trials that count."""
        return self._seen.keys()

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
            self._take_up(trial)

    def begin(self, trial: FrozenTrial) -> None:
        """Takes in a new trial, without a look at the others."""
        self.running[trial.number] = trial
        self._take_up(trial)

    def end(self, trial: FrozenTrial) -> None:
        """Takes in how a trial ended, without a look at the others."""
        self.running.pop(trial.number, None)
        if trial.number >= self._settled and trial.number not in self._entered:
            self._enter(trial)

    def revive(self) -> int:
        """Lines up again what was killed too often, for a new command; how many these are.

        Whoever else looks at the study learns of it when the first of them runs again.
        """
        killed = [trial for trial in self.failures if trial.user_attrs.get(KILLED)]
        for trial in killed:
            self._discount(trial)
            self.to_retry[trial.number] = trial
        return len(killed)

    def taken(self) -> Set[Key]:
        """The points that need no further trial: they count already, or run."""
        # what the others run is read again at each look, and mostly has not changed
        known = {(x.number, len(x.params)): x for x in self.running.values()}
        before = self._running_keys
        self._running_keys = {k: before.get(k) or self._key_of(x) for k, x in known.items()}
        return _Either(self._seen.keys(), frozenset(self._running_keys.values()))

    def _enter(self, trial: FrozenTrial) -> None:
        self._entered.add(trial.number)
        self._take_up(trial)
        if trial.user_attrs.get(REQUEUED):
            self.counts["REQUEUED"] += 1
            if trial.number not in self._retried:
                self.to_retry[trial.number] = trial
            self.cut_short.append((str(trial.user_attrs.get(WORKER)), trial.number))
            return
        state = state_of(trial)
        self.counts[state] += 1
        self._seen[self._key_of(trial)] += 1
        self.since_best += 1
        if state == "COMPLETE":
            self._enter_value(trial)
        elif state == "INFEASIBLE":
            self.impossible.setdefault(self._key_of(trial), trial)
        if state in ("FAIL", "INFEASIBLE"):
            self.failures.append(trial)

    def _take_up(self, trial: FrozenTrial) -> None:
        """What it runs again waits no longer, and counts no longer."""
        before = trial.user_attrs.get(RETRY_OF)
        if before is None:
            return
        self._retried.add(before)
        self.to_retry.pop(before, None)
        for failed in [x for x in self.failures if x.number == before]:
            self._discount(failed)

    def _discount(self, failed: FrozenTrial) -> None:
        self.failures = [x for x in self.failures if x.number != failed.number]
        self.counts["FAIL"] -= 1
        self.counts["REQUEUED"] += 1
        self._seen[self._key_of(failed)] -= 1
        self._seen += Counter()  # drops what is at 0
        if self.best is None or failed.number > self.best.number:
            self.since_best -= 1

    def _enter_value(self, trial: FrozenTrial) -> None:
        self.values.setdefault(self._key_of(trial), (trial.number, tuple(trial.values)))
        if self._one_objective and not is_infeasible(trial) and self._better(trial):
            self.best, self.since_best = trial, 0

    def _better(self, trial: FrozenTrial) -> bool:
        return self.best is None or self._sign * trial.values[0] < self._sign * self.best.values[0]

    def _advance(self, trials: Sequence[FrozenTrial]) -> None:
        while self._settled < len(trials) and self._settled in self._entered:
            self._entered.remove(self._settled)
            self._settled += 1


class _Either(Set["Key"]):
    """What is in one or the other; nothing is copied, for a study may have many points."""

    def __init__(self, one: Set[Key], other: Set[Key]) -> None:
        self._parts = (one, other)

    def __contains__(self, key: object) -> bool:
        return any(key in part for part in self._parts)

    def __iter__(self) -> Iterator[Key]:
        one, other = self._parts
        return chain(one, (key for key in other if key not in one))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def is_infeasible(trial: FrozenTrial) -> bool:
    """Whether it has set a constraint above its limit."""
    return any(value > 0 for value in trial.constraints.values())


def state_of(trial: FrozenTrial) -> str:
    """As it counts."""
    gave_up = trial.state.name == "PRUNED" and ERROR in trial.user_attrs
    return "INFEASIBLE" if gave_up and is_infeasible(trial) else trial.state.name

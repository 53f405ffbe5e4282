"""What the next trial is: a retry, a listed point, a missing replicate, or the sampler's choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.study import keys, ledger

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.study.ledger import Key, Ledger
    from optuna.trial import FrozenTrial

__all__ = ["Choice", "Chooser"]


@dataclass(frozen=True)
class Choice:
    """The next trial: of a point, or of None where the sampler is to draw one."""

    point: Point | None = None
    waiting: FrozenTrial | None = None  # one that somebody enqueued from outside
    seed: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)


class Chooser:
    """Decides by the plan and by what the ledger holds; writes nothing."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seeds: tuple[int | None, ...] = plan.settings.seeds or (None,)
        self._replicated = 0  # trials before this one lack no replicate; one killed is retried

    def finished(self, held: Ledger) -> int:
        """How many of the trials that the study shall hold have ended."""
        if self._plan.listed is None:
            return held.finished
        return len(self._listed.keys() & held.seen)

    def choose(self, held: Ledger, trials: Sequence[FrozenTrial]) -> Choice | None:
        """None when all that the study shall hold have ended or run."""
        if self.finished(held) + len(held.running) >= self._plan.total:
            return None
        for _, trial in sorted(held.to_retry.items()):
            if self._plan.listed is None or self._key_of(trial) in self._listed:
                return _again(trial)
        if self._plan.listed is not None:
            taken = held.taken()
            return next((x for key, x in self._listed.items() if key not in taken), None)
        if held.waiting:
            return Choice(waiting=held.waiting[0], seed=self._seeds[0])
        return next(self._missing(held, trials), None) or Choice(seed=self._seeds[0])

    @cached_property
    def _listed(self) -> dict[Key, Choice]:
        """All trials of a sweep that can list them, by their points."""
        jobs = islice(product(self._plan.listed or [], self._seeds), self._plan.total)
        return {self._key(point, seed): Choice(dict(point), seed=seed) for point, seed in jobs}

    def _missing(self, held: Ledger, trials: Sequence[FrozenTrial]) -> Iterator[Choice]:
        """Where a sampler chooses: the points to try first, then all that lack a replicate."""
        taken = held.taken()
        for point, seed in product(self._plan.first, self._seeds):
            if self._key(point, seed) not in taken:
                yield Choice(dict(point), seed=seed)
        if not self._plan.settings.seeds:
            return
        for index in range(self._replicated, len(trials)):
            point = trials[index].params
            missing = [x for x in self._seeds if self._key(point, x) not in taken]
            yield from (Choice(dict(point), seed=seed) for seed in missing)
            if not missing and index == self._replicated:
                self._replicated += 1

    def _key(self, point: Point, seed: int | None) -> Key:
        return keys.key_of_point(self._plan.space, point, seed)

    def _key_of(self, trial: FrozenTrial) -> Key:
        return keys.key_of_trial(self._plan.space, trial)


def _again(trial: FrozenTrial) -> Choice:
    # One that was killed too often for an earlier command begins anew.
    attempt = trial.user_attrs.get(ledger.ATTEMPT, 0) if ledger.REQUEUED in trial.user_attrs else 0
    notes = {ledger.RETRY_OF: trial.number, ledger.ATTEMPT: attempt}
    return Choice(dict(trial.params), seed=trial.user_attrs.get(ledger.SEED), notes=notes)

"""The study: asked for the next trial, told how it ended, by this sweeper among others."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.samplers import building
from hydra_plugins.hpsearch_sweeper.space import points, values
from hydra_plugins.hpsearch_sweeper.study import drawing, heartbeat, ledger, workers

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.study.ledger import Key
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["Asked", "SweepStudy"]

# A sweeper elsewhere that gave no sign of life for so many intervals is taken for dead.
_MISSED_BEATS = 4
# How often a point that a trial has had already is drawn anew.
_REDRAWS = 10


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


@dataclass(frozen=True)
class _Choice:
    """What the next trial is: a point, or None where the sampler is to draw one."""

    point: Point | None = None
    waiting: FrozenTrial | None = None  # one that somebody enqueued from outside
    seed: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)


class SweepStudy:
    """An Optuna study that knows how many trials it shall hold, and runs no point twice.

    Several sweepers may share it: what the next trial is, is decided under `lock`.
    """

    def __init__(self, plan: Plan, study: optuna.Study, lock: AbstractContextManager[Any]) -> None:
        self.plan = plan
        self.study = study
        self.storage = study._storage
        self.mine: set[int] = set()  # the trials that this sweeper runs
        self._lock = lock
        self._worker = workers.this_worker()
        self._ledger = ledger.Ledger(self._key_of, plan.settings.directions)
        self._watch = heartbeat.Watch(
            self.storage, study._study_id, patience=_MISSED_BEATS * plan.settings.heartbeat
        )

    @property
    def ledger(self) -> ledger.Ledger:
        """What there is so far, as of the last `ask`, `tell` or `resume`."""
        return self._ledger

    def resume(self) -> None:
        """Takes stock of the trials there are; those that a dead sweeper left are queued again."""
        with self._lock:
            self._update()
            self._reap()
            self.study.sampler = self._sampler(self._next_number())

    def beating(self) -> AbstractContextManager[Any]:
        """Gives signs of life in the study while it is entered."""
        return heartbeat.Heartbeat(
            self.storage,
            self.study._study_id,
            self._worker,
            interval=self.plan.settings.heartbeat,
        )

    def ask(self) -> Asked | None:
        """The next trial; None when all that the study shall hold have ended or run."""
        with self._lock:
            self._update()
            self._reap()
            choice = self._choose()
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

    def complete(self, asked: Asked, found: Sequence[float], *, same_as: int | None = None) -> bool:
        """The trial ended with values; whether they are the best so far."""
        if same_as is not None:
            self._note(asked.number, ledger.SAME_AS, same_as)
        best = self._ledger.best
        self._tell(asked.number, values=list(found))
        return self._ledger.best is not best

    def fail(self, asked: Asked, error: str) -> None:
        """The trial ended without a value; the cause stays with it."""
        self._note(asked.number, ledger.ERROR, error)
        self._tell(asked.number, state="FAIL")

    def prune(self, asked: Asked) -> None:
        """The trial was stopped early; its last reported value stays."""
        self._tell(asked.number, state="PRUNED")

    def requeue(self, number: int, reason: str, *, attempt: int) -> None:
        """Ends a trial that was cut short; its point comes first when the study goes on."""
        for key, value in (
            (ledger.ERROR, reason),
            (ledger.ATTEMPT, attempt),
            (ledger.REQUEUED, True),
        ):
            self._note(number, key, value)
        self._tell(number, state="FAIL")

    def failure_of(self, trial: FrozenTrial) -> str:
        """The cause, one line."""
        lines = str(trial.user_attrs.get(ledger.ERROR) or "unknown").splitlines()
        return lines[0] if lines else "unknown"

    def best_trials(self) -> list[FrozenTrial]:
        """The best feasible trial, or the Pareto front of several objectives."""
        if len(self.plan.settings.directions) > 1:
            return self.study.best_trials
        return [self._ledger.best] if self._ledger.best else []

    def _sampler(self, trials_so_far: int) -> BaseSampler:
        listed = self.plan.listed is not None
        return building.build_sampler(
            self.plan.settings, trials_so_far=trials_so_far, listed=listed
        )

    def _update(self) -> None:
        self._ledger.update(self.study.get_trials(deepcopy=False))

    def _next_number(self) -> int:
        return len(self.study.get_trials(deepcopy=False))

    def _reap(self) -> None:
        """Under the lock, so that no two sweepers take up the same trial."""
        for trial in list(self._ledger.running.values()):
            if trial.number in self.mine:
                continue
            worker = trial.user_attrs.get(ledger.WORKER)
            # Who begins a trial holds the lock until its name is on it.
            if worker is None or worker == self._worker or self._watch.is_dead(worker):
                attempt = int(trial.user_attrs.get(ledger.ATTEMPT, 0))
                self.requeue(trial.number, "the sweeper that ran it died", attempt=attempt)

    def _choose(self) -> _Choice | None:
        held = self._ledger
        if held.finished + len(held.running) >= self.plan.total:
            return None
        if held.to_retry:
            return self._again(held.to_retry[min(held.to_retry)])
        if held.waiting:
            return _Choice(waiting=held.waiting[0], seed=self._first_seed())
        if self.plan.listed is not None:
            return next(self._missing(self.plan.listed), None)
        return next(self._missing(self._wanted()), None) or _Choice(seed=self._first_seed())

    def _again(self, trial: FrozenTrial) -> _Choice:
        notes = {
            ledger.RETRY_OF: trial.number,
            ledger.ATTEMPT: trial.user_attrs.get(ledger.ATTEMPT, 0),
        }
        return _Choice(dict(trial.params), seed=trial.user_attrs.get(ledger.SEED), notes=notes)

    def _wanted(self) -> Iterator[Point]:
        """Where a sampler chooses: the points to try first, then all that lack a replicate."""
        yield from self.plan.first
        if self.plan.settings.seeds:
            yield from (trial.params for trial in self.study.get_trials(deepcopy=False))

    def _missing(self, wanted: Sequence[Point] | Iterator[Point]) -> Iterator[_Choice]:
        taken = self._ledger.taken()
        for point in wanted:
            for seed in self.plan.settings.seeds or (None,):
                if self._key(point, seed) not in taken:
                    yield _Choice(dict(point), seed=seed)

    def _first_seed(self) -> int | None:
        return self.plan.settings.seeds[0] if self.plan.settings.seeds else None

    def _begin(self, choice: _Choice) -> Asked:
        notes = {ledger.WORKER: self._worker, **choice.notes}
        if choice.seed is not None:
            notes[ledger.SEED] = choice.seed
        number = self._create(choice, notes)
        trial = self.study.get_trials(deepcopy=False)[number]
        self._ledger.running[number] = trial
        self._ledger.to_retry.pop(choice.notes.get(ledger.RETRY_OF, -1), None)
        return self._asked(trial)

    def _create(self, choice: _Choice, notes: dict[str, Any]) -> int:
        space, custom = self.plan.space, self.plan.settings.custom_search_space
        if choice.waiting or custom:
            return self._suggest(choice, notes)
        if choice.point is None and drawing.can_draw_ahead(self.study):
            point = self._draw(choice.seed)
            return drawing.add_trial(self.study, space, point, notes=notes)
        if choice.point is not None:
            return drawing.add_trial(self.study, space, choice.point, notes=notes)
        return self._suggest(choice, notes)

    def _draw(self, seed: int | None) -> Point:
        """A point that no trial has had, where the sampler finds one soon."""
        number, taken = self._next_number(), self._ledger.taken()
        if self.plan.settings.sampler.get("seed") is not None:
            # So a point depends on the study alone, not on who draws it after how many resumes.
            self.study.sampler = self._sampler(number)
        point: Point = {}
        for _ in range(_REDRAWS):
            point = drawing.draw(self.study, self.plan.space, number=number)
            if self._key(point, seed) not in taken:
                break
        return point

    def _suggest(self, choice: _Choice, notes: dict[str, Any]) -> int:
        """By Optuna's own way, for what has to see a trial that exists."""
        trial = self._existing(choice)
        for key, value in notes.items():
            trial.set_user_attr(key, value)
        drawing.suggest(trial, self.plan.space)
        if path := self.plan.settings.custom_search_space:
            pkgutil.resolve_name(path)(self.plan.base, trial)
        return trial.number

    def _existing(self, choice: _Choice) -> optuna.trial.Trial:
        import optuna

        if choice.waiting is not None:
            identity = choice.waiting._trial_id
            self.storage.set_trial_state_values(identity, optuna.trial.TrialState.RUNNING)
            return optuna.trial.Trial(self.study, identity)
        if choice.point is not None:
            self.study.enqueue_trial(choice.point)
        return self.study.ask()

    def _asked(self, trial: FrozenTrial) -> Asked:
        seed = trial.user_attrs.get(ledger.SEED)
        return Asked(
            number=trial.number,
            position=self._ledger.finished + len(self._ledger.running),
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

    def _tell(
        self, number: int, *, values: list[float] | None = None, state: str | None = None
    ) -> None:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        given = None if state is None else TrialState[state]
        # After a long sleep of this machine others may have taken this sweeper for dead, and have
        # ended its trial: what they decided stands.
        with suppress(UpdateFinishedTrialError):
            self.study.tell(number, values, state=given, skip_if_finished=True)
        self.mine.discard(number)
        self._update()

    def _note(self, number: int, key: str, value: Any) -> None:
        identity = self.storage.get_trial_id_from_study_id_trial_number(
            self.study._study_id, number
        )
        self.storage.set_trial_user_attr(identity, key, value)

    def _key_of(self, trial: FrozenTrial) -> Key:
        return self._key(_drawn(trial), trial.user_attrs.get(ledger.SEED))

    def _key(self, point: Mapping[str, Any], seed: int | None) -> Key:
        known = points.texts(self.plan.space, dict(point))
        names = set(self.plan.space.names)
        more = [(k, values.override_text(v)) for k, v in point.items() if k not in names]
        replicate = [("seed", str(seed))] if seed is not None else []
        return (*known, *sorted(more), *replicate)


def _drawn(trial: FrozenTrial) -> Point:
    """What the trial's point is, as far as it is known: a waiting trial has only what was fixed."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}

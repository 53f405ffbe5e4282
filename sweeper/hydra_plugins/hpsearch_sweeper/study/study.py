"""The study: opened or resumed, asked for the next trial, told how it ended."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.samplers import building
from hydra_plugins.hpsearch_sweeper.space import points, values
from hydra_plugins.hpsearch_sweeper.study import storage, workers

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from optuna.trial import FrozenTrial

__all__ = ["Asked", "SweepStudy", "open_study"]

log = logging.getLogger(__name__)

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Asked:
    """One trial to run."""

    number: int
    position: int  # counted from 1, of all trials that count
    point: Point
    overrides: tuple[str, ...]

    @property
    def title(self) -> str:
        return "  ".join(x.lstrip("+") for x in self.overrides) or "the base config"


def open_study(plan: Plan) -> SweepStudy:
    """Creates the study, or goes on with the one of the same name."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = storage.open_storage(plan.settings.storage)
    study = optuna.create_study(
        storage=opened,
        study_name=plan.study_name,
        directions=list(plan.settings.directions),  # type: ignore[arg-type]
        sampler=building.neutral_sampler(),
        pruner=optuna.pruners.NopPruner(),
        load_if_exists=True,
    )
    _require_same_space(study, plan)
    return SweepStudy(plan, study, opened)


class SweepStudy:
    """An Optuna study that knows how many trials it shall hold, and runs no point twice."""

    def __init__(
        self, plan: Plan, study: optuna.Study, opened: optuna.storages.BaseStorage
    ) -> None:
        self.plan = plan
        self.study = study
        self.storage = opened
        self._running: dict[int, optuna.trial.Trial] = {}
        self._done = 0
        self._values: dict[Key, tuple[int, float]] = {}  # of finished points: trial and value
        self._waiting = 0
        self._pending: list[Point] = []

    def resume(self) -> None:
        """Takes stock of the trials there are; those that a dead sweeper left are queued again."""
        trials = self.study.get_trials(deepcopy=False)
        self.study.sampler = building.build_sampler(
            self.plan.settings,
            trials_so_far=len(trials),
            listed=self.plan.listed is not None,
        )
        for trial in trials:
            if trial.state.name == "RUNNING" and workers.is_dead(trial.user_attrs.get("worker")):
                self.abandon(trial.number, "the sweeper that ran it died")
        self._take_stock(self.study.get_trials(deepcopy=False))

    def abandon(self, number: int, reason: str) -> None:
        """Ends a trial that was cut short; its point comes first when the study goes on."""
        trial = self.study.get_trials(deepcopy=False)[number]
        for key, value in (("error", reason), ("abandoned", True)):
            self.storage.set_trial_user_attr(trial._trial_id, key, value)
        self.study.tell(number, state=_state("FAIL"))
        self._running.pop(number, None)
        if point := _drawn(trial):
            self.study.enqueue_trial(point, user_attrs={"retry_of": number})

    def ask(self) -> Asked | None:
        """The next trial, or None when the study holds all it shall hold."""
        if self.finished + len(self._running) >= self.plan.total:
            return None
        if self._waiting:
            self._waiting -= 1
        elif self._pending:
            self.study.enqueue_trial(self._pending.pop(0))
        trial = self.study.ask({x.name: x.distribution for x in self.plan.space.parameters})
        self._running[trial.number] = trial
        trial.set_user_attr("worker", workers.this_worker())
        return self._asked(trial)

    def known(self, asked: Asked) -> tuple[int, float] | None:
        """The trial and the value of an equal point that has finished."""
        return self._values.get(self._key(asked.point))

    def complete(self, asked: Asked, value: float, *, same_as: int | None = None) -> None:
        """The trial ended with a value."""
        trial = self._running.pop(asked.number)
        if same_as is not None:
            trial.set_user_attr("same_as", same_as)
        self.study.tell(trial, value)
        self._done += 1
        self._values.setdefault(self._key(asked.point), (asked.number, value))

    def fail(self, asked: Asked, error: str) -> None:
        """The trial ended without a value; the cause stays with it."""
        trial = self._running.pop(asked.number)
        trial.set_user_attr("error", error)
        self.study.tell(trial, state=_state("FAIL"))
        self._done += 1

    def prune(self, asked: Asked) -> None:
        """The trial was stopped early; its last reported value stays."""
        self.study.tell(self._running.pop(asked.number), state=_state("PRUNED"))
        self._done += 1

    @property
    def finished(self) -> int:
        """How many trials count: all that ended, but for those cut short by a dying sweeper."""
        return self._done

    def count(self, state: str) -> int:
        trials = self.study.get_trials(deepcopy=False, states=(_state(state),))
        return sum(_counts(trial) for trial in trials)

    def last_error(self) -> str:
        """The first line of the newest failure's cause."""
        failed = self.study.get_trials(deepcopy=False, states=(_state("FAIL"),))
        found = [str(x.user_attrs.get("error") or "unknown") for x in failed if _counts(x)]
        return found[-1].splitlines()[0] if found else "unknown"

    def best(self) -> FrozenTrial | None:
        """The best finished trial, if there is one."""
        try:
            return self.study.best_trial
        except ValueError:
            return None

    def _take_stock(self, trials: Sequence[FrozenTrial]) -> None:
        counted = [trial for trial in trials if _counts(trial)]
        for trial in counted:
            if trial.state.name == "COMPLETE" and trial.value is not None:
                self._values.setdefault(self._key(trial.params), (trial.number, trial.value))
        waiting = [self._key(_drawn(x)) for x in trials if x.state.name == "WAITING"]
        seen = {self._key(_drawn(trial)) for trial in counted} | set(waiting)
        self._waiting = len(waiting)
        listed = self.plan.listed
        wanted = self.plan.first if listed is None else listed[: self.plan.total]
        self._pending = [point for point in wanted if self._key(point) not in seen]
        missing = len(self._pending) + self._waiting
        self._done = len(counted) if listed is None else max(0, self.plan.total - missing)

    def _asked(self, trial: optuna.trial.Trial) -> Asked:
        overrides = [x.override(trial.params[x.name]) for x in self.plan.space.parameters]
        overrides += self._custom(trial)
        position = self.finished + len(self._running)
        return Asked(trial.number, position, dict(trial.params), tuple(overrides))

    def _custom(self, trial: optuna.trial.Trial) -> list[str]:
        """The overrides that the user's own `custom_search_space` function draws."""
        path = self.plan.settings.custom_search_space
        if path is None:
            return []
        before = set(trial.params)
        pkgutil.resolve_name(path)(self.plan.base, trial)
        drawn: Mapping[str, Any] = trial.params
        return [f"{k}={values.override_text(v)}" for k, v in drawn.items() if k not in before]

    def _key(self, point: Mapping[str, Any]) -> Key:
        known = points.texts(self.plan.space, dict(point))
        names = set(self.plan.space.names)
        more = [(k, values.override_text(v)) for k, v in point.items() if k not in names]
        return (*known, *sorted(more))


def _state(name: str) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    return TrialState[name]


def _drawn(trial: FrozenTrial) -> Point:
    """What the trial's point is, as far as it is known: a waiting trial has only what was fixed."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _counts(trial: FrozenTrial) -> bool:
    return trial.state.is_finished() and not trial.user_attrs.get("abandoned")


def _require_same_space(study: optuna.Study, plan: Plan) -> None:
    """One study, one search space: an explicit study_name could mix two."""
    now = {x.name: x.canonical() for x in plan.space.parameters}
    before = study.user_attrs.get("search_space")
    if before is None:
        study.set_user_attr("search_space", now)
        return
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        shown = "; ".join(f"{k} was {before.get(k)}, is {now.get(k)}" for k in changed)
        raise errors.StudyError(
            f"hydra.sweeper.study_name={plan.study_name} exists with another search space "
            f"({shown}); choose another name, or put {{hash}} into it"
        )

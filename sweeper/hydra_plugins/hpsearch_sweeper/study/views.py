"""The study as a sampler sees it while it draws a point ahead."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from hydra_plugins.hpsearch_sweeper.study import ledger

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["view_for"]

# What a trial that ended well says of a constraint that it never set.
_KEPT = -1.0


def view_for(study: optuna.Study, trials: Sequence[FrozenTrial]) -> BaseStorage:
    """The study's storage, as its sampler can learn most from it; its trials have been read."""
    gaussian = type(study.sampler).__name__ == "GPSampler"
    kind = _Completed if gaussian and len(study.directions) == 1 else _Noteless
    return cast("BaseStorage", kind(study._storage, trials))


class _Noteless:
    """A storage that forgets notes on trials, and reads no trial again.

    TPE looks at all trials several times for a point, and each look reads all that run.
    """

    def __init__(self, storage: BaseStorage, trials: Sequence[FrozenTrial]) -> None:
        self._storage = storage
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        del trial_id, key, value

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Any = None
    ) -> list[FrozenTrial]:
        found = [x for x in self._shown(study_id) if states is None or x.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def _shown(self, study_id: int) -> Sequence[FrozenTrial]:
        del study_id
        return self._trials


class _Completed(_Noteless):
    """For a sampler that learns from complete trials only, and wants each constraint of each.

    A trial that was infeasible before it had a value gets the worst one of the others: the model
    of the constraint is what keeps the sampler away, and the value must not lead it back.
    """

    def _shown(self, study_id: int) -> Sequence[FrozenTrial]:
        (direction,) = self._storage.get_study_directions(study_id)
        return _completed(self._trials, worst=max if direction.name == "MINIMIZE" else min)


def _completed(trials: Sequence[FrozenTrial], *, worst: Any) -> list[FrozenTrial]:
    values = [x.values[0] for x in trials if x.state.name == "COMPLETE"]
    ended = [x for x in trials if x.state.name == "COMPLETE" or _gave_up(x)]
    names = {name for trial in ended for name in trial.constraints}
    if not values or not names:
        return list(trials)
    of = {x.number for x in ended}
    return [_filled(x, names, worst(values)) if x.number in of else x for x in trials]


def _gave_up(trial: FrozenTrial) -> bool:
    return ledger.state_of(trial) == "INFEASIBLE"


def _filled(trial: FrozenTrial, names: set[str], worst: float) -> FrozenTrial:
    """A copy, complete and with all constraints in one order."""
    from optuna.trial import TrialState

    found = copy.copy(trial)
    if _gave_up(trial):
        found.state, found.values = TrialState.COMPLETE, [worst]
    given = {f"constraints:{name}": trial.constraints.get(name, _KEPT) for name in sorted(names)}
    others = {k: v for k, v in trial.system_attrs.items() if not k.startswith("constraints")}
    found.system_attrs = {**others, **given}
    return found

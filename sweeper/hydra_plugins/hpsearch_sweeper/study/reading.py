"""All trials of a study, read again only where they can have changed."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["Trials"]


class Trials:
    """What this sweeper runs changes by its own hand alone, or stands until it is told.

    Optuna reads all that run, at each look: with 256 slots an ask took longer for that than for
    all else together. Other storages than a database are read as Optuna does it.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._known: list[FrozenTrial] = []  # by number
        self._open: dict[int, int] = {}  # number → identity of those that have not ended
        self._last = -1  # the highest identity
        # Optuna's class for databases, behind its cache; there is no public way to ask for some
        self._database: Any = getattr(study._storage, "_backend", None)

    def read(self, mine: Set[int]) -> list[FrozenTrial]:
        """By number; those of `mine` as they were when they were noted."""
        if not hasattr(self._database, "_get_trials"):
            return self._study.get_trials(deepcopy=False)
        for trial in self._changed(mine):
            self.note(trial)
        return self._known

    def note(self, trial: FrozenTrial) -> None:
        """A trial as it is now; one after a gap comes again, when the gap is filled."""
        if trial.number > len(self._known):
            return
        self._known[trial.number : trial.number + 1] = [trial]
        self._last = max(self._last, trial._trial_id)
        if trial.state.is_finished():
            self._open.pop(trial.number, None)
        else:
            self._open[trial.number] = trial._trial_id

    def _changed(self, mine: Set[int]) -> list[FrozenTrial]:
        found: list[FrozenTrial] = self._database._get_trials(
            self._study._study_id,
            states=None,
            included_trial_ids={x for number, x in self._open.items() if number not in mine},
            trial_id_greater_than=self._last,
        )
        return sorted(found, key=lambda x: x.number)

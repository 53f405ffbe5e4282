"""How a choice becomes a running trial of the study."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.samplers import building
from hydra_plugins.hpsearch_sweeper.study import drawing, keys, ledger

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.study.choosing import Choice
    from hydra_plugins.hpsearch_sweeper.study.ledger import Key
    from optuna.trial import FrozenTrial

__all__ = ["Creator"]

# How often a point that a trial has had already is drawn anew.
_REDRAWS = 10


class Creator:
    """Makes trials in one write where that can be; the caller holds the study's lock."""

    def __init__(self, study: optuna.Study, plan: Plan) -> None:
        self._study = study
        self._plan = plan

    def set_sampler(self, number: int) -> None:
        """The sampler as it has to be for the trial of this number."""
        self._study.sampler = building.build_sampler(
            self._plan.settings,
            trials_so_far=number,
            listed=self._plan.listed is not None,
        )

    def create(
        self,
        choice: Choice,
        *,
        trials: Sequence[FrozenTrial],
        taken: Set[Key],
        notes: dict[str, Any],
    ) -> FrozenTrial:
        """The new trial; `trials` are all there were before it."""
        point, space = choice.point, self._plan.space
        if choice.waiting or self._plan.settings.custom_search_space:
            return self._suggest(choice, notes)
        if point is None and not drawing.can_draw_ahead(self._study):
            return self._suggest(choice, notes)
        if point is None:
            point = self._draw(trials, choice.seed, taken)
        return drawing.add_trial(self._study, space, point, notes=notes)

    def _draw(self, trials: Sequence[FrozenTrial], seed: int | None, taken: Set[Key]) -> Point:
        """A point that no trial has had, where the sampler finds one soon."""
        if self._plan.settings.sampler.get("seed") is not None:
            # So a point depends on the study alone, not on who draws it after how many resumes.
            self.set_sampler(len(trials))
        point: Point = {}
        for _ in range(_REDRAWS):
            point = drawing.draw(self._study, self._plan.space, trials)
            if keys.key_of_point(self._plan.space, point, seed) not in taken:
                break
        return point

    def _suggest(self, choice: Choice, notes: dict[str, Any]) -> FrozenTrial:
        """By Optuna's own way, for what has to see a trial that exists."""
        trial = self._existing(choice)
        for key, value in notes.items():
            trial.set_user_attr(key, value)
        drawing.suggest(trial, self._plan.space)
        self._suggest_custom(trial)
        return self._study._storage.get_trial(trial._trial_id)

    def _suggest_custom(self, trial: optuna.trial.Trial) -> None:
        """The user's own function draws the rest."""
        path = self._plan.settings.custom_search_space
        if path is None:
            return
        try:
            pkgutil.resolve_name(path)(self._plan.base, trial)
        except Exception as error:
            from optuna.trial import TrialState

            cause = f"{type(error).__name__}: {error}".splitlines()[0]
            trial.set_user_attr(ledger.ERROR, cause)
            self._study.tell(trial, state=TrialState.FAIL)
            raise errors.ConfigError(
                f"hydra.sweeper.custom_search_space={path} failed with {cause}"
            ) from error

    def _existing(self, choice: Choice) -> optuna.trial.Trial:
        import optuna

        if choice.waiting is not None:
            self._study.get_trials(deepcopy=False)  # Optuna's cache may not know it yet
            identity = choice.waiting._trial_id
            running = optuna.trial.TrialState.RUNNING
            self._study._storage.set_trial_state_values(identity, running)
            return optuna.trial.Trial(self._study, identity)
        if choice.point is not None:
            self._study.enqueue_trial(choice.point)
        return self._study.ask()

"""One factor at a time as an Optuna sampler.

Hydra's plugin scanner leaves modules out whose names begin with an underscore; the others must not
import Optuna at their top, or every program would.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.samplers import ofat
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["OfatSampler"]

_POINT = "ofat:point"
# A point whose trial failed comes once more, after all others.
_ATTEMPTS = 2


class OfatSampler(BaseSampler):
    """Runs the base, then each key's other values alone, and stops the study when all are there.

    Daniel, "One-at-a-time plans", JASA 68 (1973). What is left to do follows from the study's
    trials alone, so that another process or another day goes on; a point that a trial has that is
    waiting, running, complete or pruned is not begun again.
    """

    def __init__(self, base: Mapping[str, Label], levels: Mapping[str, Sequence[Label]]) -> None:
        if unknown := set(levels) - set(base):
            raise ValueError(f"levels are given for {sorted(unknown)}, which the base lacks")
        self._points = ofat.one_factor_at_a_time(base, levels)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Settles the trial's point; one that somebody enqueued keeps its own."""
        if "fixed_params" in trial.system_attrs:
            return
        left = self._left(study, without=trial)
        if not left:
            _stop(study)  # Optuna has begun the trial already, and it needs some point: the base
        point = left[0] if left else self._points[0]
        study._storage.set_trial_system_attr(trial._trial_id, _POINT, point)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        point = {**self._points[0], **trial.system_attrs.get(_POINT, {})}
        if param_name not in point:
            raise ValueError(f"{param_name} is not among the factors {', '.join(point)}")
        value = point[param_name]
        if not param_distribution._contains(param_distribution.to_internal_repr(value)):
            raise ValueError(f"{param_name}={value} is outside {param_distribution}")
        return value

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Stops the study where this was the last; its own state is not stored yet."""
        failed = [trial] if state == TrialState.FAIL else []
        done = [] if failed else [trial]
        if not self._left(study, without=trial, failed=failed, done=done):
            _stop(study)

    def _left(
        self,
        study: Study,
        *,
        without: FrozenTrial,
        failed: Sequence[FrozenTrial] = (),
        done: Sequence[FrozenTrial] = (),
    ) -> list[dict[str, Label]]:
        """The points to run yet, those that failed last."""
        # From the storage itself: under Hyperband the study shows the trials of a bracket only.
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        others = [trial for trial in trials if trial.number != without.number]
        lost = [x for x in others if x.state == TrialState.FAIL] + list(failed)
        held = [x for x in others if x.state != TrialState.FAIL] + list(done)
        failures, taken = Counter(map(_key, lost)), set(map(_key, held))
        left = [x for x in self._points if _text(x) not in taken and failures[_text(x)] < _ATTEMPTS]
        return sorted(left, key=lambda point: failures[_text(point)])


def _key(trial: FrozenTrial) -> str:
    attrs = trial.system_attrs
    return _text(attrs.get(_POINT) or {**attrs.get("fixed_params", {}), **trial.params})


def _text(point: Mapping[str, Any]) -> str:
    """Tells '1' from 1, which compare as labels but are not the same value; 1.0 is 1."""
    return repr(sorted((k, float(v) if _number(v) else v) for k, v in point.items()))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _stop(study: Study) -> None:
    """Ends `study.optimize`; whoever asks and tells by himself stops by himself."""
    with contextlib.suppress(RuntimeError):
        study.stop()

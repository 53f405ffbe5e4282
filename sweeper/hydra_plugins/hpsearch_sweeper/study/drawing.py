"""How a sampler draws a point, and how the trial of a point comes into the storage."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.study import views

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter, SearchSpace
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["add_trial", "can_draw_ahead", "draw", "suggest"]

# They need no note on the trial, so that its point can be drawn before it exists and go into the
# storage with it: one write instead of one a parameter. (TPE notes what it drew for those who look
# before the parameters are written; here they never are unwritten. So does GP.)
_NOTELESS = {"TPESampler", "GPSampler", "RandomSampler", "QMCSampler", "RefineSampler"}


def can_draw_ahead(study: optuna.Study) -> bool:
    """Whether `draw` gives what Optuna's own way would give."""
    # Hyperband shows a sampler only the trials of the new trial's own bracket.
    brackets = type(study.pruner).__name__ == "HyperbandPruner"
    return type(study.sampler).__name__ in _NOTELESS and not brackets


def draw(study: optuna.Study, space: SearchSpace, trials: Sequence[FrozenTrial]) -> Point:
    """The next point, of a trial that does not exist yet; `trials` are all there are."""
    ahead = copy.copy(study)  # without what the study has cached of its trials
    ahead._storage = views.view_for(study, trials)
    trial, sampler = _unborn({}, {}, number=len(trials)), study.sampler
    relative = sampler.sample_relative(
        ahead, trial, sampler.infer_relative_search_space(ahead, trial)
    )
    return _each_active(space, lambda x: _draw_one(ahead, sampler, trial, x, relative))


def suggest(trial: optuna.trial.Trial, space: SearchSpace) -> Point:
    """The same by Optuna's own way, a write a parameter, of a trial that exists."""
    return _each_active(space, lambda x: _suggest_one(trial, x))


def add_trial(
    study: optuna.Study, space: SearchSpace, point: Point, *, notes: Mapping[str, Any]
) -> FrozenTrial:
    """A running trial of this point, in one write."""
    distributions = {x.name: x.distribution for x in space.parameters if x.name in point}
    template = _unborn(point, distributions, notes=dict(notes))
    identity = study._storage.create_new_trial(study._study_id, template)
    return study._storage.get_trial(identity)


def _each_active(space: SearchSpace, drawn: Callable[[Parameter], Label]) -> Point:
    point: Point = {}
    for parameter in space.parameters:
        if space.is_active(parameter, point):
            point[parameter.name] = drawn(parameter)
    return point


def _draw_one(
    study: optuna.Study,
    sampler: BaseSampler,
    trial: FrozenTrial,
    parameter: Parameter,
    relative: Mapping[str, Any],
) -> Label:
    name, distribution = parameter.name, parameter.distribution
    if name in relative and distribution._contains(distribution.to_internal_repr(relative[name])):
        return relative[name]  # type: ignore[no-any-return]
    return sampler.sample_independent(study, trial, name, distribution)  # type: ignore[no-any-return]


def _suggest_one(trial: optuna.trial.Trial, parameter: Parameter) -> Label:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    name, distribution = parameter.name, parameter.distribution
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    given: Any = distribution
    draw = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    return draw(name, given.low, given.high, log=given.log, step=given.step)


def _unborn(
    point: Point,
    distributions: Mapping[str, Any],
    *,
    number: int = -1,
    notes: dict[str, Any] | None = None,
) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    return FrozenTrial(
        number=number,
        trial_id=-1,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=datetime.now(),
        datetime_complete=None,
        params=dict(point),
        distributions=dict(distributions),
        user_attrs=notes or {},
        system_attrs={},
        intermediate_values={},
    )

"""Coarse to fine as an Optuna sampler.

Hydra's plugin scanner leaves modules out whose names begin with an underscore; the others must not
import Optuna at their top, or every program would.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra_plugins.hpsearch_sweeper.samplers import _scale, refine
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["RefineSampler"]

_USUAL_STAGES = 3


class RefineSampler(BaseSampler):
    """Draws at random, then again and again from the range around the best.

    Full Stack Deep Learning, lecture 7: coarse to fine. `n_trials` are shared out evenly among
    `n_stages` (3, where there are so many trials). A stage begins when its share of trials has
    finished: complete, pruned and failed ones alike, for all use up the budget. The first stage
    draws from the whole space. Each later one looks at the complete trials among those that had
    finished when it began, takes the best `keep` share of them (two at the least), and draws from
    the range that they span, widened on both sides by one coarse step: the width of the stage
    before, divided by the number of complete trials. A range never leaves that of the stage before,
    and keeps at least `shrink` of its width, so that luck does not narrow a key that does not
    matter. Of a categorical key those values stay that occur among the best. Trials above a
    constraint come after all that keep it.

    Nothing is remembered in this object: all follows from the study's trials, the seed, the trial's
    number and the key's name, so that another process or another day goes on with the same points.
    """

    def __init__(
        self,
        n_trials: int,
        n_stages: int | None = None,
        *,
        keep: float = 0.25,
        shrink: float = 0.2,
        seed: int | None = None,
    ) -> None:
        if n_stages is None:
            n_stages = min(_USUAL_STAGES, n_trials)
        if not 1 <= n_stages <= n_trials:
            raise ValueError(f"n_stages={n_stages} must be from 1 to n_trials={n_trials}")
        if seed is not None and seed < 0:
            raise ValueError(f"seed={seed} must not be negative")
        if not 0 < keep <= 1 or not 0 < shrink <= 1:
            raise ValueError(f"keep={keep} and shrink={shrink} must be above 0, and 1 at most")
        self._begins = refine.begin_of_stages(n_trials, n_stages)
        self._keep, self._shrink, self._seed = keep, shrink, seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Nothing; but this is where every trial begins, so a wrong study is refused here."""
        if len(study.directions) > 1:
            raise ValueError("RefineSampler needs one objective: several have no single best range")
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
        random = self._random(trial.number, param_name)
        if isinstance(param_distribution, CategoricalDistribution):
            left = self.choices(study, param_name, param_distribution)
            return left[int(random.integers(len(left)))]
        scale = _scale.Scale(param_distribution)  # type: ignore[arg-type]
        span = self.span(study, param_name, param_distribution)
        return scale.value(span.low + random.random() * span.width)

    def span(self, study: Study, name: str, distribution: BaseDistribution) -> refine.Span:
        """The range that the next trial draws from, on the scale of the distribution."""
        scale = _scale.Scale(distribution)  # type: ignore[arg-type]
        span = scale.whole
        for trials in self._looked_at(study, name):
            places = [scale.place(trial.params[name]) for trial in self._best(study, trials)]
            step = max(span.width / len(trials), scale.half_step)
            span = refine.narrowed(span, places, step=step, least=self._shrink * span.width)
        return span

    def choices(self, study: Study, name: str, distribution: CategoricalDistribution) -> list[Any]:
        """The values that the next trial draws from."""
        left = list(distribution.choices)
        for trials in self._looked_at(study, name):
            best = self._best(study, trials)
            found = {distribution.to_internal_repr(trial.params[name]) for trial in best}
            left = [x for x in left if distribution.to_internal_repr(x) in found] or left
        return left

    def _looked_at(self, study: Study, name: str) -> list[list[FrozenTrial]]:
        """What each begun stage but the first looks at: complete trials that have the key."""
        # From the storage itself: under Hyperband the study shows the trials of a bracket only.
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        ended = sorted((x for x in trials if x.state.is_finished()), key=_end)
        firsts = [ended[:begin] for begin in self._begins[1:] if begin <= len(ended)]
        return [found for first in firsts if (found := [x for x in first if _counts(x, name)])]

    def _best(self, study: Study, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        ranked = sorted(trials, key=lambda x: (_excess(x), sign * (x.value or 0.0), x.number))
        return ranked[: max(2, math.ceil(self._keep * len(trials)))]

    def _random(self, number: int, name: str) -> np.random.Generator:
        if self._seed is None:
            return np.random.default_rng()
        return np.random.default_rng([self._seed, number, zlib.crc32(name.encode())])


def _end(trial: FrozenTrial) -> tuple[datetime, int]:
    return trial.datetime_complete or datetime.min, trial.number


def _counts(trial: FrozenTrial, name: str) -> bool:
    return trial.state == TrialState.COMPLETE and name in trial.params


def _excess(trial: FrozenTrial) -> float:
    """How far the trial is above its constraints; 0 where it keeps them."""
    found: Sequence[float] = list(trial.constraints.values())
    return sum(max(0.0, x) for x in found)

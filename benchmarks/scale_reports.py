"""What the jobs of `scale_simulation.py` do: they report, and ask whether to stop."""

from __future__ import annotations

import time
from functools import cached_property

import optuna
from hydra_plugins.hpsearch_sweeper.study import storage
from optuna.storages import BaseStorage
from scale_history import STUDY
from scale_variants import Costs

__all__ = ["Reporter", "seconds_to_ask_whether_to_stop"]


class Reporter:
    """For all jobs, by a connection of its own."""

    def __init__(self, url: str, costs: Costs) -> None:
        self._url = url
        self._costs = costs

    def report(self, number: int, step: int, value: float) -> None:
        identity = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        with self._costs.of("report"):
            self._storage.set_trial_intermediate_value(identity, step, value)

    @cached_property
    def _storage(self) -> BaseStorage:
        return optuna.storages.get_storage(storage.open_storage(self._url, existing=True))

    @cached_property
    def _study_id(self) -> int:
        return self._storage.get_study_id_from_name(STUDY)


def seconds_to_ask_whether_to_stop(url: str, number: int) -> float:
    """The first time in a job, which knows nothing of the study yet."""
    began = time.perf_counter()
    study = optuna.load_study(
        study_name=STUDY,
        storage=storage.open_storage(url, existing=True),
        pruner=optuna.pruners.MedianPruner(),
    )
    identity = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    optuna.trial.Trial(study, identity).should_prune()
    return time.perf_counter() - began

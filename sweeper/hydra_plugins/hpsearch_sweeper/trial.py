"""The running job's own trial: report progress, ask whether to stop, leave notes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

__all__ = ["ENVIRONMENT_KEY", "TrialHandle", "current_trial"]

ENVIRONMENT_KEY = "HPSEARCH_TRIAL"

# Studies of this process: those in memory cannot be reached otherwise, the others sooner this way.
_OPEN: dict[str, BaseStorage] = {}


def current_trial() -> TrialHandle:
    """The trial that this job runs; outside a sweep one that does nothing."""
    given = os.environ.get(ENVIRONMENT_KEY)
    if not given:
        return TrialHandle()
    found = json.loads(given)
    return TrialHandle(found["number"], found["study"], found.get("storage"))


@dataclass
class TrialHandle:
    """A trial seen from inside its job. Nothing is opened before it is used."""

    number: int | None = None
    study_name: str | None = None
    storage: str | None = None

    @property
    def active(self) -> bool:
        """Whether there is a sweep around this job."""
        return self.number is not None

    @property
    def keys(self) -> list[str]:
        """The searched keys, in the order of the search space."""
        return list(self._trial.params) if self.active else []

    def report(self, value: float, step: int) -> None:
        """How far the objective is after this step."""
        if self.active:
            self._trial.report(value, step)

    def should_prune(self) -> bool:
        """Whether the job had better stop now, by raising `optuna.TrialPruned` or returning."""
        return self._trial.should_prune() if self.active else False

    def set_user_attr(self, key: str, value: Any) -> None:
        """A note on the trial; it must be JSON."""
        if self.active:
            self._trial.set_user_attr(key, value)

    @cached_property
    def _trial(self) -> optuna.trial.Trial:
        import optuna

        assert self.number is not None
        assert self.study_name is not None
        study = optuna.load_study(
            study_name=self.study_name,
            storage=_storage(self.study_name, self.storage),
            sampler=optuna.samplers.RandomSampler(),  # a learning one would compute a point
            pruner=optuna.pruners.NopPruner(),
        )
        trial_id = study._storage.get_trial_id_from_study_id_trial_number(
            study._study_id, self.number
        )
        return optuna.trial.Trial(study, trial_id)


def encode(study_name: str, storage: Any, number: int) -> str:
    """What goes into the environment of a job. A password stays out, for Hydra saves it to disk."""
    from hydra_plugins.hpsearch_sweeper.study.storage import absolute_url

    found: dict[str, Any] = {"study": study_name, "number": number}
    if isinstance(storage, str) and "@" not in storage:
        found["storage"] = absolute_url(storage)
    return json.dumps(found)


def announce(study_name: str, storage: BaseStorage) -> None:
    """Makes an open study known to the jobs that run in this process."""
    _OPEN[study_name] = storage


def forget(study_name: str) -> None:
    """The sweep is over."""
    _OPEN.pop(study_name, None)


def _storage(study_name: str, url: str | None) -> BaseStorage:
    from hydra_plugins.hpsearch_sweeper.study.storage import open_storage

    if study_name in _OPEN:
        return _OPEN[study_name]
    if url is None:
        from hydra.core.hydra_config import HydraConfig

        url = HydraConfig.get().sweeper.storage
    if url is None:
        raise RuntimeError(f"the study {study_name} is in the memory of another process")
    return open_storage(url)

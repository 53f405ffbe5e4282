"""The running job's own trial: report progress, ask whether to stop, leave notes."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import hiding, reports

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.settings import Settings
    from optuna.storages import BaseStorage

__all__ = ["ENVIRONMENT_KEY", "SLOTS_KEY", "TrialHandle", "current_trial", "slots"]

log = logging.getLogger(__name__)

ENVIRONMENT_KEY = "HPSEARCH_TRIAL"

# How a storage with a password in it reaches the jobs, which no config on disk may tell: all
# processes that the sweeper starts inherit it.
STORAGE_KEY = "HPSEARCH_STORAGE"

# Among how many jobs at once the launcher has divided the cores.
SLOTS_KEY = "HPSEARCH_SLOTS"

# Studies of this process: those in memory cannot be reached otherwise, the others sooner this way.
_OPEN: dict[str, BaseStorage] = {}


def current_trial() -> TrialHandle:
    """The trial that this job runs; outside a sweep one that does nothing."""
    given = os.environ.get(ENVIRONMENT_KEY)
    return TrialHandle(**json.loads(given)) if given else TrialHandle()


def slots() -> int:
    """How many jobs share the cores, this one with one share; 1 where nobody divided them."""
    return int(os.environ.get(SLOTS_KEY, 1))


@dataclass
class TrialHandle:
    """A trial seen from inside its job. Nothing is opened before it is used."""

    number: int | None = None
    study_name: str | None = None
    storage: str | None = None
    keys: list[str] = field(default_factory=list)  # searched in this trial, in their order
    pruner: dict[str, Any] = field(default_factory=dict)  # empty: nothing is pruned
    limits: dict[str, float] = field(default_factory=dict)  # hydra.sweeper.constraints
    objectives: int = 1

    @property
    def active(self) -> bool:
        """Whether there is a sweep around this job."""
        return self.number is not None

    def report(self, value: float, step: int) -> None:
        """How far the objective is after this step. Nothing, where there are several objectives."""
        if not self.active or self.objectives > 1:
            return
        if not self.pruner and reports.keep(step, value):
            return
        with _outliving_the_database():
            for kept_step, kept in reports.take():
                self._trial.report(kept, kept_step)
            self._trial.report(value, step)

    def should_prune(self) -> bool:
        """Whether the job had better stop now, by raising `optuna.TrialPruned`."""
        if not self.active or not self.pruner or self.objectives > 1:
            return False
        with _outliving_the_database():
            return self._trial.should_prune()
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """A note on the trial; it must be JSON."""
        if self.active:
            with _outliving_the_database():
                self._trial.set_user_attr(key, value)

    def set_constraint(self, name: str, value: float) -> None:
        """A trial is feasible where no value is above `hydra.sweeper.constraints.<name>`, or 0.

        A second call for the same name changes nothing.
        """
        if self.active:
            self._trial.set_constraint(name, value - self.limits.get(name, 0.0))

    @cached_property
    def _trial(self) -> optuna.trial.Trial:
        import optuna
        from hydra_plugins.hpsearch_sweeper import pruners

        assert self.number is not None
        assert self.study_name is not None
        study = optuna.load_study(
            study_name=self.study_name,
            storage=_storage(self.study_name, self.storage),
            sampler=optuna.samplers.RandomSampler(),  # a learning one would compute a point
            pruner=pruners.build_pruner(self.pruner) if self.pruner else optuna.pruners.NopPruner(),
        )
        trial_id = study._storage.get_trial_id_from_study_id_trial_number(
            study._study_id, self.number
        )
        return optuna.trial.Trial(study, trial_id)


def encode(
    chosen: Settings, *, storage: Any, study_name: str, number: int, keys: Sequence[str]
) -> str:
    """What goes into the environment of a job. A password stays out, for Hydra saves it to disk."""
    from hydra_plugins.hpsearch_sweeper.study import urls

    found: dict[str, Any] = {"study_name": study_name, "number": number, "keys": list(keys)}
    if isinstance(storage, str) and not _is_secret(storage):
        found["storage"] = urls.absolute_url(storage)
    if not chosen.pruner["_target_"].endswith(".NopPruner"):
        found["pruner"] = chosen.pruner
    if chosen.constraints:
        found["limits"] = chosen.constraints
    if len(chosen.directions) > 1:
        found["objectives"] = len(chosen.directions)
    return json.dumps(found)


@contextmanager
def foreseen(study_name: str) -> Iterator[None]:
    """Tells whoever checks a configuration beforehand which study it is for."""
    before = os.environ.get(ENVIRONMENT_KEY)
    os.environ[ENVIRONMENT_KEY] = json.dumps({"study_name": study_name})
    try:
        yield
    finally:
        os.environ.pop(ENVIRONMENT_KEY)
        if before is not None:
            os.environ[ENVIRONMENT_KEY] = before


def announce(study_name: str, storage: BaseStorage, *, given: Any = None) -> None:
    """Makes an open study known to the jobs, which reach it by `given`."""
    _OPEN[study_name] = storage
    if _is_secret(given):
        os.environ[STORAGE_KEY] = json.dumps(given)


def forget(study_name: str) -> None:
    """The sweep is over."""
    _OPEN.pop(study_name, None)
    os.environ.pop(STORAGE_KEY, None)


@contextmanager
def _outliving_the_database() -> Iterator[None]:
    """What only informs the search is not worth a trial of hours."""
    from hydra_plugins.hpsearch_sweeper.study import storage, urls

    try:
        yield
    except Exception as error:
        if not storage.is_out_of_reach(error):
            raise
        reason = hiding.redacted(urls.one_line(error))
        log.warning("the study cannot be told of this step, the trial goes on (%s)", reason)


def _is_secret(storage: Any) -> bool:
    return bool(hiding.hidden(storage) != storage)


def _storage(study_name: str, url: str | None) -> BaseStorage:
    from hydra_plugins.hpsearch_sweeper.study.storage import open_storage

    if study_name in _OPEN:
        return _OPEN[study_name]
    given = url or _given()
    if given is None:
        raise RuntimeError(f"the study {study_name} is in the memory of another process")
    return open_storage(given, existing=True)


def _given() -> Any:
    """What the handle does not tell: the sweeper has told it, or the config names a variable."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    if STORAGE_KEY in os.environ:
        return json.loads(os.environ[STORAGE_KEY])
    given = HydraConfig.get().sweeper.storage
    return OmegaConf.to_container(given, resolve=True) if OmegaConf.is_config(given) else given

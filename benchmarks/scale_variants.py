"""The sweepers that `scale_simulation.py` puts to work: ours, and Optuna's ask and tell."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra_plugins.hpsearch_sweeper import plan, sweeping
from hydra_plugins.hpsearch_sweeper.jobs import patching, runner
from hydra_plugins.hpsearch_sweeper.study import storage, study
from omegaconf import OmegaConf
from scale_history import SPACE, STUDY, value_of
from scale_virtual import Trainings
from sweep_overhead_task import write_conf

__all__ = ["Costs", "TimeOverError", "run_optuna", "run_ours"]

SAMPLERS = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}


class TimeOverError(Exception):
    """The variant has had its minutes."""


@dataclass
class Costs:
    """Real seconds of each call, by what it was."""

    until: float  # of time.perf_counter
    each: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - began)

    def add(self, name: str, seconds: float) -> None:
        self.each[name].append(seconds)
        if time.perf_counter() > self.until:
            raise TimeOverError

    def last(self, name: str, *, count: int) -> float | None:
        """The mean of the last so many; None where there were fewer."""
        found = self.each[name][-count:]
        return sum(found) / count if len(found) == count else None


class VirtualRunner:
    """A runner of jobs that take virtual time."""

    in_this_process = False
    can_stop = False

    def __init__(self, trainings: Trainings) -> None:
        self.slots = trainings.slots
        self._trainings = trainings

    def start(self, job: runner.Job) -> None:
        point = {name: OmegaConf.select(job.config, name) for name in SPACE}
        self._trainings.start(job.number, value_of(point))

    def wait(self, timeout: float) -> list[tuple[int, runner.Outcome]]:
        del timeout
        return [(n, runner.Outcome(values=(v,))) for n, v in self._trainings.ended()]

    def stop(self, number: int, outcome: runner.Outcome) -> bool:
        del number, outcome
        return False

    def close(self) -> None:
        pass


def run_ours(
    url: str, folder: Path, *, sampler: str, trials: int, trainings: Trainings, costs: Costs
) -> None:
    """Our sweeper from its plan to its results file; only the processes are missing."""
    write_conf(folder / "conf")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder / "conf"), version_base="1.3"):
        given = ["hydra/sweeper=hpsearch", f"hydra/sweeper/sampler={sampler}"]
        given += [f"hydra.sweeper.n_trials={trials}", f"hydra.sweeper.n_jobs={trainings.slots}"]
        given += [f"hydra.sweeper.storage='{url}'", f"hydra.sweep.dir={folder}/sweep"]
        given += [f"hydra.sweeper.study_name={STUDY}"]
        config = compose("config", overrides=given, return_hydra_config=True)
        made = plan.make_plan(config, [])
        composer = patching.Composer(config, loader=GlobalHydra.instance().config_loader())
        with _timed(costs), _silent(folder / "log"):
            jobs = VirtualRunner(trainings)
            sweeping.run_sweep(made, jobs, composer=composer, config=config)


@contextmanager
def _silent(path: Path) -> Iterator[None]:
    with path.open("w") as log, redirect_stdout(log), redirect_stderr(log):
        yield


@contextmanager
def _timed(costs: Costs) -> Iterator[None]:
    """Measures every `ask` that gives a trial, and every `complete`, which tells."""
    ask, tell = study.SweepStudy.ask, study.SweepStudy.complete

    def timed_ask(self: Any) -> Any:
        began = time.perf_counter()
        asked = ask(self)
        if asked is not None:
            costs.add("ask", time.perf_counter() - began)
        return asked

    def timed_tell(*given: Any, **named: Any) -> bool:
        with costs.of("tell"):
            return tell(*given, **named)

    study.SweepStudy.ask, study.SweepStudy.complete = timed_ask, timed_tell  # type: ignore
    try:
        yield
    finally:
        study.SweepStudy.ask, study.SweepStudy.complete = ask, tell  # type: ignore


def run_optuna(url: str, *, sampler: str, times: int, costs: Costs) -> None:
    """Optuna's own ask, with a suggestion for each parameter, and tell, so many times."""
    made = optuna.load_study(
        storage=storage.open_storage(url, existing=True),
        study_name=STUDY,
        sampler=SAMPLERS[sampler](),
    )
    made.tell(made.ask(), state=optuna.trial.TrialState.FAIL)  # reads what has ended, once
    for _ in range(times):
        with costs.of("ask"):
            trial = made.ask()
            point = {name: trial._suggest(name, given) for name, given in SPACE.items()}
        with costs.of("tell"):
            made.tell(trial, value_of(point))

"""Opening and closing the runs of studies and trials in a store that answers.

All of it may be done again: what is there already is found and goes on, nothing is doubled. MLflow
looks first and writes then, so of two processes that begin on the same data one may be refused; it
does it again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from hpsearch.errors import TrackingConflictError, TrackingError
from hpsearch.tracking import names
from hpsearch.tracking.found import FoundRun
from hpsearch.tracking.records import MetricPoint, StudyEnd, StudyStart, TrialStart, now
from hpsearch.tracking.store import Store
from hpsearch.tracking.stored_run import StoredRun
from hpsearch.tracking.study import Study, figure, read_study

__all__ = [
    "add_figures",
    "close_study",
    "end_dead_trial",
    "open_study",
    "open_trial",
    "refresh_study",
]

P = ParamSpec("P")
R = TypeVar("R")

# How often another process may have been faster; each time there is less left to be faster with.
CONFLICTS = 3

COUNTED = ("finished", "failed", "killed", "pruned", "running")


def _again(function: Callable[P, R]) -> Callable[P, R]:
    """Once more after each conflict."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(CONFLICTS):
            try:
                return function(*args, **kwargs)
            except TrackingConflictError:
                continue
        return function(*args, **kwargs)

    return call


@_again
def open_study(store: Store, start: StudyStart) -> str:
    """The run id of the study's own run."""
    run = store.find_study(start.study)
    if run is None:
        name = names.cut(start.study, names.LONGEST_NAME)
        tags = {**start.tags, **start.commit}
        return store.add_run(name, tags, at=start.at, params=start.base).run_id
    _check_base(run, start.base)
    store.write(run.run_id, tags=start.tags)
    store.reopen(run, start.base)
    return run.run_id


def close_study(store: Store, end: StudyEnd, *, at: int | None = None) -> None:
    """Give the study's run its best trial's figures and the count of its trials, and end it.

    ``at`` is the moment of the figures, where it is not that of the end.
    """
    run = store.find_study(end.study)
    if run is None:
        raise TrackingError(f"study={end.study}: it was never started in {store.uri}")
    study = read_study(store, end.study)
    states = [str(state).lower() for state in study.runs["status"]]
    counts = {f"trials/{state}": float(states.count(state)) for state in COUNTED}
    best, tags = _best_of(study)
    had, new = run.metrics, counts | best
    figures = [MetricPoint(k, v, at or end.at, 0) for k, v in new.items() if had.get(k) != v]
    store.write(run.run_id, metrics=figures, tags=tags)
    store.end(run.run_id, end.status, at=end.at)
    store.settle()


def refresh_study(store: Store, study: str) -> None:
    """Count the trials again of a study that had ended; its end stays."""
    run = store.find_study(study)
    if run is not None and run.status != "RUNNING":
        ended = StudyEnd(study, run.status, at=run.end or now())
        close_study(store, ended, at=now())


def end_dead_trial(store: Store, study: str, fingerprint: str, *, end: Mapping[str, str]) -> None:
    """Close the runs of a trial whose process died; ``end`` has its status, error and moment."""
    for run in store.find_trials(study, fingerprint):
        if run.status == "RUNNING":
            store.write(run.run_id, tags={names.ERROR: end["error"]})
            store.end(run.run_id, end["status"], at=int(end["at"]))


def add_figures(store: Store, run_id: str, figures: Mapping[str, float]) -> None:
    """Give a run that has ended figures that it has not; its end stays."""
    had = store.run(run_id).metrics
    new = [MetricPoint(k, value, now(), 0) for k, value in figures.items() if had.get(k) != value]
    if new:
        store.write(run_id, metrics=new)


@_again
def open_trial(store: Store, start: TrialStart) -> StoredRun:
    """The trial's run: a child of its study, or a run alone where no study was started."""
    same = store.find_trials(start.study, start.fingerprint)
    found = [run for run in same if run.name == start.name]
    if not found:
        return StoredRun(store, _add_trial(store, start), continued=False)
    _reopen(store, found[0], start)
    return StoredRun(store, found[0], continued=True)


def _add_trial(store: Store, start: TrialStart) -> FoundRun:
    place = _place(store, start.study) or {names.ALONE: "true"}
    tags = {**start.tags, names.KIND: "trial", **place, **start.commit}
    return store.add_run(start.name, tags, at=start.at, params=start.params, dataset=start.dataset)


def _reopen(store: Store, run: FoundRun, start: TrialStart) -> None:
    """Take away what its last end left, and give it the parent that it began without."""
    store.reopen(run, start.params)
    store.add_dataset(run.run_id, start.dataset)
    had = set(run.tags)
    place = _place(store, start.study) if names.ALONE in had else {}
    store.write(run.run_id, tags={**start.tags, **place})
    over = {names.ERROR, names.PRUNED} | ({names.ALONE} if place else set())
    for tag in over & had:
        store.delete_tag(run.run_id, tag)


def _place(store: Store, study: str) -> dict[str, str]:
    parent = store.find_study(study)
    return {} if parent is None else {names.PARENT: parent.run_id}


def _check_base(run: FoundRun, base: Mapping[str, str]) -> None:
    """Trials of two base configurations in one study could not be compared."""
    for key, value in base.items():
        had = run.params.get(key, value)
        if had != value and not key.startswith(names.PLACES):
            raise TrackingError(
                f"{key}={value}: the study {run.name!r} was begun with {key}={had};"
                " give the new one another name"
            )


def _best_of(study: Study) -> tuple[dict[str, float], dict[str, str]]:
    best = study.finished().head(1)
    if best.empty:
        return {}, {}
    figures = {key: float(figure(best, key).iloc[0]) for key in ("val/accuracy", "val/loss")}
    known = {f"{names.BEST}{key}": value for key, value in figures.items() if value == value}
    return known, {names.BEST_RUN: str(best["run_id"].iloc[0])}

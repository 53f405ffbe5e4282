"""What a study and its trials leave in MLflow. It imports no torch, so that a parent can use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import TrialHandle
from omegaconf import DictConfig

from hpsearch.config import flatten
from hpsearch.context import choices, command, point_of
from hpsearch.tracking import DataInfo, Tracker, TrialRun, open_tracker, run_name
from hpsearch.trials import Result, TrialFolder, TrialStore

if TYPE_CHECKING:
    from hpsearch.data import Splits

__all__ = [
    "close_study",
    "end_dead_trials",
    "open_study",
    "record",
    "replay",
    "summarise",
    "tracker_of",
]


def open_study(config: DictConfig, *, name: str, keys: list[str]) -> None:
    """Make the database if it is missing, and the study's own run in it.

    ``config`` is that of the whole sweep, with Hydra's node.
    """
    tracker = tracker_of(config)
    tracker.prepare()
    end_dead_trials(config, tracker, study=name)
    tracker.start_study(
        name,
        base={**choices(config.hydra), **flatten(config)},
        keys=keys,
        tags={
            "hpsearch.monitor": config.trainer.early_stopping.metric,
            "hpsearch.command": command(config.hydra, without=keys),
        },
    )


def close_study(config: DictConfig, *, name: str) -> None:
    tracker = tracker_of(config)
    end_dead_trials(config, tracker, study=name)
    tracker.end_study(name)


def end_dead_trials(config: DictConfig, tracker: Tracker, *, study: str) -> None:
    """Close the runs of trials whose process was killed: no process holds their folder."""
    store = TrialStore(Path(config.root))
    for fingerprint in tracker.running_trials(study):
        if not store.open(fingerprint).is_held():
            error = "its process was killed; the sweep's log names the signal"
            tracker.end_trial(study=study, fingerprint=fingerprint, status="KILLED", error=error)


def tracker_of(config: DictConfig) -> Tracker:
    tracking = config.tracking
    return open_tracker(Path(config.root), uri=tracking.uri, experiment=tracking.experiment)


def record(config: DictConfig, splits: Splits, folder: TrialFolder, trial: TrialHandle) -> TrialRun:
    """The MLflow run of this trial: a child of its study, or a run of its own."""
    name = folder.path.name
    alone = f"{config.name}-{name[:8]}"
    tracker = tracker_of(config)
    if not trial.active:
        tracker.prepare()
    return tracker.start_trial(
        study=trial.study_name or alone,
        name=run_name(point_of(config, trial.keys)) if trial.active else alone,
        fingerprint=name,
        params={**choices(), **flatten(config)},
        tags={"hpsearch.folder": str(folder.path), "hpsearch.command": command()},
        data=DataInfo(
            name=config.data.name,
            digest=splits.digest,
            source=config.data.path or config.data.name,
            n_train=len(splits.train),
            n_val=len(splits.val),
            classes=splits.classes,
        ),
    )


def replay(run: TrialRun, result: Result) -> None:
    """Record the evaluations of a trial that another study ran."""
    for number, metrics in enumerate(result.history, start=1):
        by_epoch = result.config["trainer.eval_every"] == "epoch"
        run.log(metrics, step=number if by_epoch else int(metrics["step"]))


def summarise(run: TrialRun, result: Result, folder: TrialFolder, *, log_model: bool) -> None:
    run.summary({**result.best, "seconds": result.seconds})
    run.text((folder.best / "config.yaml").read_text(), path="config.yaml")
    if log_model:
        run.artifacts(folder.best, under="model")

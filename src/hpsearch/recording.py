"""What a study and its trials leave in MLflow. It imports no torch, so that a parent can use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import TrialHandle
from omegaconf import DictConfig, OmegaConf

from hpsearch.config import flatten
from hpsearch.context import choices, command, point_of
from hpsearch.errors import TrackerAwayError
from hpsearch.lease import Lease
from hpsearch.redaction import redacted
from hpsearch.timing import phase
from hpsearch.tracking import DataInfo, Tracker, TrialRun, environment, open_tracker, run_name
from hpsearch.trials import Result, TrialFolder, TrialStore

if TYPE_CHECKING:
    from hpsearch.data import Splits

__all__ = [
    "close_study",
    "end_dead_trials",
    "open_study",
    "record",
    "replay",
    "replay_history",
    "summarise",
    "tracker_of",
]


def open_study(config: DictConfig, *, name: str, keys: list[str]) -> None:
    """Make the database if it is missing, and the study's own run in it.

    ``config`` is that of the whole sweep, with Hydra's node. A store that is away stops nothing:
    the study is kept on the disk until it answers.
    """
    tracker = tracker_of(config)
    tracker.try_anew()
    with _alone(config, study=name):
        tracker.start_study(
            name,
            base={**choices(config.hydra), **_loggable(config)},
            keys=keys,
            tags=redacted(
                {
                    "hpsearch.monitor": config.trainer.early_stopping.metric,
                    "hpsearch.command": command(config.hydra, without=keys),
                }
            ),
        )
    end_dead_trials(config, tracker, study=name)


@contextmanager
def _alone(config: DictConfig, *, study: str) -> Iterator[None]:
    """Of two sweeps that begin at once, one makes the study's run and the other finds it."""
    lease = Lease(Path(config.root) / "outputs" / "studies" / study / ".lease")
    lease.take()
    try:
        yield
    finally:
        lease.give()


def close_study(config: DictConfig, *, name: str) -> None:
    tracker = tracker_of(config)
    with suppress(TrackerAwayError):  # `end_study` tells it
        tracker.send_spooled()
    end_dead_trials(config, tracker, study=name)
    tracker.end_study(name)


def end_dead_trials(config: DictConfig, tracker: Tracker, *, study: str) -> None:
    """Close the runs of trials whose process was killed: no process holds their folder.

    A store that is away has time for it: the next opening does it.
    """
    store = TrialStore(Path(config.root))
    if tracker.is_away():
        return
    with suppress(TrackerAwayError):
        for fingerprint in tracker.running_trials(study):
            if not store.open(fingerprint).is_held():
                error = "its process was killed; the sweep's log names the signal"
                tracker.end_trial(
                    study=study, fingerprint=fingerprint, status="KILLED", error=error
                )


def tracker_of(config: DictConfig) -> Tracker:
    tracking = config.tracking
    return open_tracker(Path(config.root), uri=tracking.uri, experiment=tracking.experiment)


@phase("tracking")
def record(config: DictConfig, splits: Splits, folder: TrialFolder, trial: TrialHandle) -> TrialRun:
    """The MLflow run of this trial: a child of its study, or a run of its own."""
    name = folder.path.name
    alone = f"{config.name}-{name[:8]}"
    tracker, values = tracker_of(config), _loggable(config)
    if not trial.active:
        tracker.try_anew()  # a person waits for this run and wants to know
    point = {key: values.get(key, value) for key, value in point_of(config, trial.keys).items()}
    return tracker.start_trial(
        study=trial.study_name or alone,
        name=run_name(point) if trial.active else alone,
        fingerprint=name,
        params={**choices(), **values},
        tags={
            **environment.tags(),
            "hpsearch.folder": str(folder.path),
            "hpsearch.command": command(),
        },
        data=DataInfo(
            name=config.data.name,
            digest=splits.digest,
            source=values["data.path"] or config.data.name,
            n_train=len(splits.train),
            n_val=len(splits.val),
            classes=splits.classes,
        ),
    )


def _loggable(config: DictConfig) -> dict[str, Any]:
    """The flat configuration without passwords, and without what the environment alone knows."""
    values = flatten(config)
    shown: dict[str, Any] = redacted({**values, **environment.withheld(config, values)})
    return shown


def replay(run: TrialRun, result: Result) -> None:
    """Record the evaluations of a trial that another study ran."""
    by_epoch = result.config["trainer.eval_every"] == "epoch"
    replay_history(run, result.history, by_epoch=by_epoch)


def replay_history(run: TrialRun, history: list[dict[str, float]], *, by_epoch: bool) -> None:
    """Record evaluations made before; those that MLflow has already are left as they are."""
    steps = (n if by_epoch else int(metrics["step"]) for n, metrics in enumerate(history, start=1))
    run.log_all(list(zip(steps, history, strict=True)))


def summarise(run: TrialRun, result: Result, folder: TrialFolder, *, log_model: bool) -> None:
    run.summary({**result.best, "seconds": result.seconds})
    kept = (folder.best / "config.yaml").read_text()
    shown = _shown(kept, run.params)
    run.text(shown, path="config.yaml")
    if log_model:
        instead = {} if shown == kept else {"config.yaml": shown}
        run.artifacts(folder.best, under="model", instead=instead)


def _shown(kept: str, params: Mapping[str, str]) -> str:
    """The model's configuration with what is typed where the environment gave the value."""
    typed = {key: text for key, text in params.items() if "${" in text}
    if not typed:
        return kept
    config = OmegaConf.create(kept)
    for key, text in typed.items():
        OmegaConf.update(config, key, text)
    return OmegaConf.to_yaml(config)

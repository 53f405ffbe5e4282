"""The tracker: what a sweep and its trials write to MLflow."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrackingError
from hpsearch.tracking import names
from hpsearch.tracking.database import HOW_TO, connect, make, mlflow_errors, settle, sqlite_file
from hpsearch.tracking.study import Study, figure, newest_study, read_study, search, studies
from hpsearch.tracking.trial_run import DataInfo, TrialRun, as_input, write_batch

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["Tracker", "open_tracker"]
COUNTED = ("finished", "failed", "killed", "pruned", "running")


def open_tracker(root: Path, *, uri: str | None = None, experiment: str = "hpsearch") -> Tracker:
    """The tracker of an output root: ``<root>/mlflow.db``, or the store at ``uri``."""
    artifacts = names.default_artifacts(root)
    return Tracker(uri or names.default_uri(root), experiment=experiment, artifacts=artifacts)


class Tracker:
    """Writes and reads the runs of one MLflow experiment. Cheap to make and to pickle.

    ``artifacts`` is where a store without a server of its own keeps its files; default:
    ``outputs/mlflow-artifacts`` beside the sqlite file. Every method raises
    :class:`TrackingError` with one line when MLflow refuses.
    """

    def __init__(
        self, uri: str, *, experiment: str = "hpsearch", artifacts: Path | None = None
    ) -> None:
        self._file = sqlite_file(uri)
        self.uri = uri if self._file is None else f"sqlite:///{self._file}"
        self.experiment = experiment
        beside = self._file.parent if self._file else Path()
        self._artifacts = (artifacts or names.default_artifacts(beside)).absolute()

    def __getstate__(self) -> dict[str, Any]:
        # A connection must not travel to another process.
        return {k: v for k, v in vars(self).items() if k not in ("_client", "_experiment_id")}

    @functools.cached_property
    def _client(self) -> MlflowClient:
        return connect(self.uri)

    @functools.cached_property
    def _experiment_id(self) -> str:
        found = self._find_experiment()
        if found is None:
            raise TrackingError(f"{self.uri} has no experiment {self.experiment!r} yet; {HOW_TO}")
        return found

    # ------------------------------------------------------------------ the parent process

    def prepare(self) -> None:
        """Make the database and the experiment, where they are missing (about one second)."""
        if self._file is not None:
            make(self._file)
        if self._find_experiment() is None:
            with mlflow_errors(f"making experiment {self.experiment!r}"):
                self._client.create_experiment(self.experiment, self._artifact_location())

    def start_study(
        self,
        name: str,
        *,
        base: Mapping[str, object],
        keys: Sequence[str],
        tags: Mapping[str, str],
    ) -> str:
        """Open the parent run of a sweep, or the one that this study has; return its run id.

        ``base`` is the configuration before anything is searched (nested or flat), ``keys`` are
        the searched keys in the order of the command. Useful tags: ``hpsearch.command`` (the words
        of the command less what is searched) and ``hpsearch.monitor``. A study is not continued
        with another base, but for where things lie (``root``, ``tracking.*``).
        """
        run = self._find_study(name)
        own = {names.STUDY: name, names.KIND: "study", names.KEYS: json.dumps(list(keys))}
        flat = names.flatten(base)
        if run is None:
            run = self._create(name, {**tags, **own, **_commit_tag()})
        else:
            _check_base(run, flat)
            write_batch(self._client, run.info.run_id, tags={**tags, **own})
        self._begin(run, flat)
        return str(run.info.run_id)

    def end_study(self, name: str, *, status: str = "FINISHED") -> None:
        """Close the parent run, with its best trial's figures and the count of its trials."""
        run = self._find_study(name)
        if run is None:
            raise TrackingError(f"study={name}: it was never started in {self.uri}")
        study = self.read_study(name)
        states = [str(state).lower() for state in study.runs["status"]]
        counts = {f"trials/{state}": float(states.count(state)) for state in COUNTED}
        best, tags = _best_of(study)
        write_batch(self._client, run.info.run_id, metrics=counts | best, tags=tags)
        with mlflow_errors("ending a study"):
            self._client.set_terminated(run.info.run_id, status)
        self.settle()

    def end_trial(self, *, study: str, fingerprint: str, status: str, error: str) -> None:
        """Close the runs of a trial whose process died without a word; others stay as they are."""
        for run in self._find_trials(study, fingerprint):
            if run.info.status == "RUNNING":
                write_batch(self._client, run.info.run_id, tags={names.ERROR: error})
                with mlflow_errors("ending a trial"):
                    self._client.set_terminated(run.info.run_id, status)

    def running_trials(self, study: str) -> list[str]:
        """The fingerprints of the study's trials that have not ended, as far as MLflow knows."""
        found = self._search({names.STUDY: study, names.KIND: "trial"})
        return [r.data.tags[names.FINGERPRINT] for r in found if r.info.status == "RUNNING"]

    def settle(self) -> None:
        """Bring a sqlite store into its one file, so that a copy of it is complete."""
        if self._file is not None:
            settle(self._file)

    # ------------------------------------------------------------------ a trial's process

    def start_trial(
        self,
        *,
        study: str,
        name: str,
        fingerprint: str,
        params: Mapping[str, object],
        tags: Mapping[str, str],
        data: DataInfo,
    ) -> TrialRun:
        """Open a trial's run: a child of its study, or a run alone where no study was started.

        The same study, fingerprint and name continue the same run; it keeps the parameters it
        began with, for what differs under one fingerprint cannot change the result. ``params``
        is the trial's configuration (nested or flat); where a whole group is searched
        (``backbone=cnn,rnn``), put that key beside it, for the table looks the searched keys up
        here. Useful tags: ``hpsearch.folder`` (where the model lies), ``hpsearch.command``.
        """
        name = names.cut(name, names.LONGEST_NAME)
        found = [r for r in self._find_trials(study, fingerprint) if r.info.run_name == name]
        own = {**tags, **data.tags(), names.STUDY: study, names.FINGERPRINT: fingerprint}
        run = found[0] if found else self._create_trial(study, name, own)
        self._begin(run, names.flatten(params))
        if found:
            self._reopen(run, own)
        if not (run.inputs and run.inputs.dataset_inputs):
            with mlflow_errors("writing the data set"):
                self._client.log_inputs(run.info.run_id, [as_input(data)])
        return TrialRun(self._client, run, continued=bool(found))

    def _create_trial(self, study: str, name: str, tags: Mapping[str, str]) -> Run:
        parent = self._find_study(study)
        place = {names.ALONE: "true"} if parent is None else {names.PARENT: parent.info.run_id}
        return self._create(name, {**tags, names.KIND: "trial", **place, **_commit_tag()})

    def _reopen(self, run: Run, tags: Mapping[str, str]) -> None:
        write_batch(self._client, run.info.run_id, tags=tags)
        for old in {names.ERROR, names.PRUNED} & set(run.data.tags):
            self._client.delete_tag(run.info.run_id, old)

    # ------------------------------------------------------------------ reading

    def studies(self) -> list[str]:
        """The names of all studies, newest first."""
        return studies(self._client, self._experiment_id)

    def newest_study(self) -> str:
        """The study that a trial was last added to. Raises ``ReportError`` where there is none."""
        return newest_study(self._client, self._experiment_id)

    def read_study(self, name: str) -> Study:
        """A study with one row a trial. Raises ``ReportError`` for a name that is not there."""
        return read_study(self._client, self._experiment_id, name)

    # ------------------------------------------------------------------ below

    def _artifact_location(self) -> str | None:
        served = self.uri.startswith(("http://", "https://", "databricks"))
        return None if served else self._artifacts.as_uri()

    def _find_experiment(self) -> str | None:
        with mlflow_errors("looking for the experiment"):
            found = self._client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage != "active":
            how = f"mlflow experiments restore -x {found.experiment_id}"
            raise TrackingError(f"experiment {self.experiment!r} is deleted; restore it: {how}")
        return None if found is None else str(found.experiment_id)

    def _find_study(self, name: str) -> Run | None:
        found = self._search({names.STUDY: name, names.KIND: "study"})
        return found[0] if found else None

    def _find_trials(self, study: str, fingerprint: str) -> list[Run]:
        return self._search({names.STUDY: study, names.FINGERPRINT: fingerprint})

    def _search(self, tags: Mapping[str, str]) -> list[Run]:
        """Active runs with these tags, oldest first."""
        return search(self._client, self._experiment_id, tags, order="start_time ASC")

    def _create(self, name: str, tags: Mapping[str, str]) -> Run:
        short = names.cut(name, names.LONGEST_NAME)
        with mlflow_errors(f"making run {short!r}"):
            return self._client.create_run(self._experiment_id, tags=dict(tags), run_name=short)

    def _begin(self, run: Run, params: Mapping[str, str]) -> None:
        """Add the parameters that the run has not yet, for MLflow lets none be changed."""
        new = {key: value for key, value in params.items() if key not in run.data.params}
        write_batch(self._client, run.info.run_id, params=new)
        if run.info.status != "RUNNING":
            with mlflow_errors("reopening a run"):
                self._client.update_run(run.info.run_id, status="RUNNING")


def _check_base(run: Run, base: Mapping[str, str]) -> None:
    """Trials of two base configurations in one study could not be compared."""
    for key, value in base.items():
        had = run.data.params.get(key, value)
        if had != value and not key.startswith(names.PLACES):
            raise TrackingError(
                f"{key}={value}: the study {run.info.run_name!r} was begun with {key}={had};"
                " give the new one another name"
            )


def _best_of(study: Study) -> tuple[dict[str, float], dict[str, str]]:
    best = study.finished().head(1)
    if best.empty:
        return {}, {}
    figures = {key: float(figure(best, key).iloc[0]) for key in ("val/accuracy", "val/loss")}
    known = {f"{names.BEST}{key}": value for key, value in figures.items() if value == value}
    return known, {names.BEST_RUN: str(best["run_id"].iloc[0])}


def _commit_tag() -> dict[str, str]:
    commit = _commit()
    return {names.COMMIT: commit} if commit else {}


@functools.cache
def _commit() -> str:
    """The commit of the checkout that one works in, or that this package lies in."""
    for folder in (Path.cwd(), Path(__file__).parent):
        command = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.SubprocessError):
            return ""
        if done.returncode == 0:
            return done.stdout.strip()
    return ""

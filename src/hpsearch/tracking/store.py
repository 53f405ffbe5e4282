"""MLflow's store of one experiment: finding, making and writing runs, at once or not at all."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking import names
from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.connection import check_answers, connect
from hpsearch.tracking.data_info import as_input
from hpsearch.tracking.database import HOW_TO, check_file, make, settle, sqlite_file
from hpsearch.tracking.found import FoundRun, plain
from hpsearch.tracking.records import MetricPoint
from hpsearch.tracking.rows import (
    add_dataset,
    add_run,
    delete_tag,
    end_run,
    reopen_run,
    write_run,
)
from hpsearch.tracking.searching import newest, search
from hpsearch.tracking.tables import (
    find_experiment,
    find_newest,
    find_run,
    find_runs,
    find_values,
    find_versions,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Store"]

LAST = 50  # runs in which a study is looked for before all studies are


class Store:
    """One experiment. Every method raises :class:`TrackingError` with one line."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None) -> None:
        self.file = sqlite_file(uri)
        self.uri = uri if self.file is None else f"sqlite:///{self.file}"
        self.experiment = experiment
        beside = self.file.parent if self.file else Path()
        self.artifacts = (artifacts or names.default_artifacts(beside)).absolute()

    def __getstate__(self) -> dict[str, Any]:
        # A connection must not travel to another process.
        return {k: v for k, v in vars(self).items() if k not in ("client", "experiment_id")}

    @functools.cached_property
    def client(self) -> MlflowClient:
        return connect(self.uri)

    @functools.cached_property
    def experiment_id(self) -> str:
        found = self._find_experiment()
        if found is None:
            raise TrackingError(f"{self.uri} has no experiment {self.experiment!r} yet; {HOW_TO}")
        return found

    def check_answers(self, *, seconds: float) -> None:
        """Raise :class:`TrackerAwayError` soon where writing would have to wait."""
        check_answers(self.uri, seconds=seconds)

    def prepare(self) -> None:
        """Make the database and the experiment, where they are missing (about one second)."""
        if self.file is not None:
            make(self.file)
            found = find_experiment(self.file, self.experiment) or self._find_experiment()
        else:
            found = self._find_experiment()
        if found is not None:
            self.experiment_id = found  # so that it is not asked for twice
            return
        try:
            with mlflow_errors(f"making experiment {self.experiment!r}"):
                place, tags = self._artifact_location(), {names.EXPERIMENT_KIND: names.TRAINING}
                self.client.create_experiment(self.experiment, place, tags=tags)
        except TrackerAwayError:
            raise
        except TrackingError:
            if self._find_experiment() is None:  # else another process was faster
                raise

    def settle(self) -> None:
        """Bring a sqlite store into its one file, so that a copy of it is complete."""
        if self.file is not None:
            settle(self.file)

    def find_study(self, name: str) -> FoundRun | None:
        return next(iter(self.found({names.STUDY: name, names.KIND: "study"})), None)

    def find_trials(self, study: str, fingerprint: str) -> list[FoundRun]:
        return self.found({names.STUDY: study, names.FINGERPRINT: fingerprint})

    def found(self, tags: Mapping[str, str]) -> list[FoundRun]:
        """Active runs with these tags, oldest first."""
        if self.file is not None:
            check_file(self.file)
            if (known := find_runs(self.file, self.experiment, tags)) is not None:
                return known
        return [plain(run) for run in search(self.client, self.experiment_id, tags)]

    def run(self, run_id: str) -> FoundRun:
        if self.file is not None and (known := find_run(self.file, run_id)) is not None:
            return known
        with mlflow_errors(f"reading run {run_id}"):
            return plain(self.client.get_run(run_id))

    def steps(self, run_id: str, metric: str) -> set[int]:
        """Those at which the run has a value of this metric."""
        if self.file is not None:
            known = find_values(self.file, [run_id], metric)
            if known is not None:
                return {step for _, step, _ in known}
        with mlflow_errors(f"reading {metric}"):
            return {found.step for found in self.client.get_metric_history(run_id, metric)}

    def newest_study(self) -> str:
        """The study of the run that began last; empty where the last runs are of none."""
        if self.file is not None:
            check_file(self.file)
            known = find_newest(self.file, self.experiment, tag=names.STUDY)
            if known is not None:
                return known
        runs = newest(self.client, self.experiment_id, most=LAST)
        return next((r.data.tags[names.STUDY] for r in runs if names.STUDY in r.data.tags), "")

    def versions(self, model: str, *, tag: tuple[str, str]) -> dict[str, set[str]] | None:
        """The registered versions with this tag → their aliases, as far as a sqlite file tells."""
        return None if self.file is None else find_versions(self.file, model, tag=tag)

    def add_run(
        self,
        name: str,
        tags: Mapping[str, str],
        *,
        at: int,
        params: Mapping[str, str],
        dataset: Mapping[str, str] | None = None,
    ) -> FoundRun:
        """A new run with all that it begins with."""
        if self.file is not None:
            added = add_run(
                *(self.file, self.experiment_id, name),
                at=at,
                tags=tags,
                params=params,
                dataset=dataset,
            )
            if added is not None:
                return added
        with mlflow_errors(f"making run {name!r}"):
            run = plain(
                self.client.create_run(
                    self.experiment_id, start_time=at, tags=dict(tags), run_name=name
                )
            )
        self.write(run.run_id, params=params)
        if dataset is not None:
            self.add_dataset(run.run_id, dataset)
        return run

    def reopen(self, run: FoundRun, params: Mapping[str, str]) -> None:
        """Let it run, and add the parameters that it has not, for MLflow lets none be changed."""
        new = {key: value for key, value in params.items() if key not in run.params}
        self.write(run.run_id, params=new)
        if run.status == "RUNNING" or (self.file and reopen_run(self.file, run.run_id)):
            return
        with mlflow_errors("reopening a run"):
            self.client.update_run(run.run_id, status="RUNNING")

    def add_dataset(self, run_id: str, dataset: Mapping[str, str]) -> None:
        """What the run was trained on, unless it has that."""
        if self.file is not None and add_dataset(self.file, run_id, dataset):
            return
        with mlflow_errors("writing the data set"):
            inputs = self.client.get_run(run_id).inputs
            if not (inputs and inputs.dataset_inputs):
                self.client.log_inputs(run_id, [as_input(dataset)])

    def delete_tag(self, run_id: str, tag: str) -> None:
        if self.file is not None and delete_tag(self.file, run_id, tag):
            return
        with mlflow_errors(f"deleting {tag}"):
            self.client.delete_tag(run_id, tag)

    def end(self, run_id: str, status: str, *, at: int) -> None:
        if self.file is not None and end_run(self.file, run_id, status, at=at):
            return
        with mlflow_errors("ending a run"):
            self.client.set_terminated(run_id, status, at)

    def write(
        self,
        run_id: str,
        *,
        metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write everything in as few requests as MLflow allows; into a sqlite file at once."""
        params, tags = params or {}, tags or {}
        if self.file is not None and write_run(
            self.file, run_id, metrics=metrics, params=params, tags=tags
        ):
            return
        from mlflow.entities import Metric, Param, RunTag

        with mlflow_errors("writing a run"):
            self.client.log_batch(
                run_id,
                metrics=[Metric(*one) for one in metrics],
                params=[Param(*one) for one in params.items()],
                tags=[RunTag(*one) for one in tags.items()],
            )

    def _artifact_location(self) -> str | None:
        served = self.uri.startswith(("http://", "https://", "databricks"))
        return None if served else self.artifacts.as_uri()

    def _find_experiment(self) -> str | None:
        with mlflow_errors("looking for the experiment"):
            found = self.client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage != "active":
            how = f"mlflow experiments restore -x {found.experiment_id}"
            raise TrackingError(f"experiment {self.experiment!r} is deleted; restore it: {how}")
        return None if found is None else str(found.experiment_id)

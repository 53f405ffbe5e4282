"""MLflow's store of one experiment: finding, making and writing runs, at once or not at all."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking import names
from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.connection import check_answers, connect
from hpsearch.tracking.database import HOW_TO, check_file, make, settle, sqlite_file
from hpsearch.tracking.found import FoundRun, plain
from hpsearch.tracking.rows import find_versions, put_tags
from hpsearch.tracking.searching import newest, search
from hpsearch.tracking.tables import find_experiment, find_newest, find_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

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

    def find_study(self, name: str) -> Run | None:
        found = self.search({names.STUDY: name, names.KIND: "study"})
        return found[0] if found else None

    def find_trials(self, study: str, fingerprint: str) -> list[Run]:
        return self.search({names.STUDY: study, names.FINGERPRINT: fingerprint})

    def search(self, tags: Mapping[str, str]) -> list[Run]:
        """Active runs with these tags, oldest first; of none a sqlite file tells sooner."""
        if self.file is not None:
            check_file(self.file)
            if find_runs(self.file, self.experiment, tags) == []:
                return []
        return search(self.client, self.experiment_id, tags)

    def found(self, tags: Mapping[str, str]) -> list[FoundRun]:
        """The same runs to read; of a sqlite file without loading MLflow, where that is known."""
        if self.file is not None:
            check_file(self.file)
            if (known := find_runs(self.file, self.experiment, tags)) is not None:
                return known
        return [plain(run) for run in self.search(tags)]

    def newest_study(self) -> str:
        """The study of the run that began last; empty where the last runs are of none."""
        if self.file is not None:
            check_file(self.file)
            known = find_newest(self.file, self.experiment, tag=names.STUDY)
            if known is not None:
                return known
        runs = newest(self.client, self.experiment_id, most=LAST)
        return next((r.data.tags[names.STUDY] for r in runs if names.STUDY in r.data.tags), "")

    def add_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """As :meth:`write` does; of a sqlite file without loading MLflow, where that is known."""
        if self.file is None or not put_tags(self.file, run_id, tags):
            self.write(run_id, tags=tags)

    def versions(self, model: str, *, tag: tuple[str, str]) -> dict[str, set[str]] | None:
        """The registered versions with this tag → their aliases, as far as a sqlite file tells."""
        return None if self.file is None else find_versions(self.file, model, tag=tag)

    def create(self, name: str, tags: Mapping[str, str], *, at: int) -> Run:
        with mlflow_errors(f"making run {name!r}"):
            return self.client.create_run(
                self.experiment_id, start_time=at, tags=dict(tags), run_name=name
            )

    def begin(self, run: Run, params: Mapping[str, str]) -> None:
        """Add the parameters that the run has not yet, for MLflow lets none be changed."""
        new = {key: value for key, value in params.items() if key not in run.data.params}
        self.write(run.info.run_id, params=new)
        if run.info.status != "RUNNING":
            with mlflow_errors("reopening a run"):
                self.client.update_run(run.info.run_id, status="RUNNING")

    def delete_tag(self, run_id: str, tag: str) -> None:
        with mlflow_errors(f"deleting {tag}"):
            self.client.delete_tag(run_id, tag)

    def end(self, run_id: str, status: str, *, at: int) -> None:
        with mlflow_errors("ending a run"):
            self.client.set_terminated(run_id, status, at)

    def write(
        self,
        run_id: str,
        *,
        metrics: list[Metric] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write everything in as few requests as MLflow allows."""
        from mlflow.entities import Param, RunTag

        with mlflow_errors("writing a run"):
            self.client.log_batch(
                run_id,
                metrics=metrics or [],
                params=[Param(k, v) for k, v in (params or {}).items()],
                tags=[RunTag(k, v) for k, v in (tags or {}).items()],
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

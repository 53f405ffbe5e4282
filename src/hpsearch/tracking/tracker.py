"""The tracker: what a sweep and its trials write to MLflow, and read from it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.errors import TrackerAwayError
from hpsearch.tracking import names
from hpsearch.tracking.away import patient
from hpsearch.tracking.commit import commit_tag
from hpsearch.tracking.data_info import DataInfo
from hpsearch.tracking.histories import HISTORY, read_histories
from hpsearch.tracking.opening import add_figures, close_study, end_dead_trial, open_study
from hpsearch.tracking.publishing import log_report, register_winner
from hpsearch.tracking.records import (
    ReportFiles,
    StudyEnd,
    StudyStart,
    TrialStart,
    as_record,
    now,
)
from hpsearch.tracking.registry import Registered
from hpsearch.tracking.sending import PATIENT, Sender, Sent
from hpsearch.tracking.spool import SpoolFolder
from hpsearch.tracking.store import Store
from hpsearch.tracking.study import Study, newest_study, read_study, studies
from hpsearch.tracking.trial_run import TrialRun

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Tracker", "open_tracker"]

log = logging.getLogger(__name__)


def open_tracker(root: Path, *, uri: str | None = None, experiment: str = "hpsearch") -> Tracker:
    """The tracker of an output root: ``<root>/mlflow.db``, or the store at ``uri``."""
    return Tracker(uri or names.default_uri(root), experiment=experiment, root=root)


class Tracker:
    """Writes and reads the runs of one MLflow experiment. Cheap to make and to pickle.

    Below ``root`` (default: the folder of the sqlite file) lie ``outputs/mlflow-artifacts``, for a
    store without a server of its own, and ``outputs/spool`` while the store is away. What begins
    and ends studies and trials never fails for a store that is away; it is kept and sent later.
    Everything raises :class:`TrackingError` with one line when MLflow refuses.
    """

    def __init__(
        self,
        uri: str,
        *,
        experiment: str = "hpsearch",
        root: Path | None = None,
        try_every: float = 30.0,
    ) -> None:
        artifacts = None if root is None else names.default_artifacts(root)
        self._store = Store(uri, experiment, artifacts)
        self.uri, self.experiment = self._store.uri, experiment
        beside = self._store.file.parent if self._store.file else Path()
        self._spool = SpoolFolder(root or beside, uri=self.uri, experiment=experiment)
        self._sender = Sender(self._store, self._spool, try_every=try_every)

    # ------------------------------------------------------------------ the parent process

    def prepare(self) -> None:
        """Make the database and the experiment, where they are missing (about one second)."""
        self._store.prepare()

    def try_anew(self) -> None:
        """Forget that a process before this one found the store away."""
        self._sender.outage.over()

    def is_away(self) -> bool:
        """Whether the store did not answer a moment ago; asks nobody."""
        return not self._sender.outage.may_try(every=self._sender.try_every)

    def send_spooled(self) -> Sent:
        """Send what was kept while the store was away; does nothing where nothing was.

        Raises:
            TrackerAwayError: it still is; the text says how much waits, and where.
        """
        if not self._spool.files():
            return Sent()
        try:
            return self._sender.reach(seconds=PATIENT, force=True)
        except TrackerAwayError as error:
            raise TrackerAwayError(f"{error}; {self.waiting()}") from None

    def waiting(self) -> str:
        """``12 records of 2 runs wait in FOLDER``; empty where nothing waits."""
        files, records = self._spool.counts()
        return f"{records} records of {files} runs wait in {self._spool.path}" if files else ""

    def start_study(
        self,
        name: str,
        *,
        base: Mapping[str, object],
        keys: Sequence[str],
        tags: Mapping[str, str],
    ) -> str | None:
        """Open the parent run of a sweep, or the one that this study has; return its run id.

        ``base`` is the configuration before anything is searched (nested or flat), ``keys`` are
        the searched keys in the order of the command. Useful tags: ``hpsearch.command`` (the words
        of the command less what is searched) and ``hpsearch.monitor``. A study is not continued
        with another base, but for where things lie (``root``, ``tracking.*``).
        """
        own = {names.STUDY: name, names.KIND: "study", names.KEYS: json.dumps(list(keys))}
        flat = names.flatten(base)
        start = StudyStart(name, flat, tags={**tags, **own}, commit=commit_tag(), at=now())
        try:
            self._reach_study(name, force=True)
            with self._sender.trying():
                return open_study(self._store, start)
        except TrackerAwayError:
            self._spool.add(as_record(start))
            return None

    def end_study(self, name: str, *, status: str = "FINISHED") -> None:
        """Close the parent run, with its best trial's figures and the count of its trials."""
        end = StudyEnd(name, status, at=now())
        try:
            self._reach_study(name, force=False)
            with self._sender.trying():
                close_study(self._store, end)
        except TrackerAwayError:
            self._spool.add(as_record(end))
            log.warning("MLflow at %s is away: %s", self.uri, self.waiting())

    def _reach_study(self, name: str, *, force: bool) -> None:
        self._sender.reach(seconds=PATIENT, force=force)
        if self._spool.waits(name):
            raise TrackerAwayError(f"study={name}: its beginning is not sent yet")

    def end_trial(self, *, study: str, fingerprint: str, status: str, error: str) -> None:
        """Close the runs of a trial whose process died without a word; others stay as they are."""
        end = {"status": status, "error": error, "at": str(now())}
        end_dead_trial(self._store, study, fingerprint, end=end)

    def running_trials(self, study: str) -> list[str]:
        """The fingerprints of the study's trials that have not ended, as far as MLflow knows."""
        found = self._store.found({names.STUDY: study, names.KIND: "trial"})
        return [run.tags[names.FINGERPRINT] for run in found if run.status == "RUNNING"]

    def add_figures(self, run_id: str, figures: Mapping[str, float]) -> None:
        """Give a run that has ended figures of its model, such as ``test/accuracy``."""
        add_figures(self._store, run_id, figures)

    def settle(self) -> None:
        """Bring a sqlite store into its one file, so that a copy of it is complete."""
        self._store.settle()

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
        start = TrialStart(
            study,
            names.cut(name, names.LONGEST_NAME),
            fingerprint,
            params=names.flatten(params),
            tags={**tags, **data.tags(), names.STUDY: study, names.FINGERPRINT: fingerprint},
            commit=commit_tag(),
            dataset=data.dataset(),
            at=now(),
        )
        return TrialRun(self._sender, start)

    # ------------------------------------------------------------------ after a report

    def log_report(
        self,
        study: str,
        files: Sequence[Path],
        *,
        note: str = "",
        figures: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bool:
        """Copy a report's files and folders below ``report/`` of the study's run; replaces those.

        ``note`` (Markdown) is what the run's page begins with; the run gets ``figures`` and
        ``tags`` too. Whether it was done now: the report itself lies on the disk, so nothing is
        raised. A store that is away gets it later.
        """
        paths = [str(file.absolute()) for file in files]
        known = dict(figures or {}), dict(tags or {})
        return log_report(self._sender, ReportFiles(study, paths, note, now(), *known))

    def register_winner(self, study: Study, fingerprint: str, *, folder: Path) -> Registered | None:
        """The trial's model as the registry's ``models:/STUDY@champion``; ``folder`` holds it.

        The same winner makes no second version. None, after a warning, where it cannot be done.
        """
        return register_winner(self._sender, study, fingerprint, folder=folder)

    # ------------------------------------------------------------------ reading

    def studies(self) -> list[str]:
        """The names of all studies, newest first."""
        with patient():
            return studies(self._store)

    def newest_study(self) -> str:
        """The study that a trial was last added to. Raises ``ReportError`` where there is none."""
        with patient():
            return newest_study(self._store)

    def read_study(self, name: str) -> Study:
        """A study with one row a trial. Raises ``ReportError`` for a name that is not there."""
        with patient():
            return read_study(self._store, name)

    def read_histories(self, study: Study, *, metrics: Sequence[str] = HISTORY) -> pd.DataFrame:
        """Epoch by epoch: ``run_id``, ``metric``, ``step``, ``value`` of every trial of the study.

        Sorted by trial, metric and step, one value a step; pruned and running trials have theirs.
        """
        with patient():
            return read_histories(self._store, study, metrics=metrics)

"""Sending what waits on the disk to a store that answers again."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.redaction import redact
from hpsearch.tracking.opening import close_study, open_study, open_trial, refresh_study
from hpsearch.tracking.outage import Outage
from hpsearch.tracking.records import (
    Record,
    ReportFiles,
    Start,
    StudyEnd,
    StudyStart,
    TrialStart,
    from_record,
)
from hpsearch.tracking.report_artifacts import put_report
from hpsearch.tracking.spool import STUDY_FILE, SpoolFile, SpoolFolder
from hpsearch.tracking.store import Store

__all__ = ["Sender", "Sent", "together"]

log = logging.getLogger(__name__)

# Seconds to wait for an answer, or for another process that sends: amid a training, before it.
AT_ONCE, PATIENT = 2.0, 10.0


@dataclass(frozen=True)
class Sent:
    """How much was sent."""

    runs: int = 0
    records: int = 0


class Sender:
    """The way to one store: tries it with measure, and sends what waits before anything new."""

    def __init__(self, store: Store, folder: SpoolFolder, *, try_every: float) -> None:
        self.store = store
        self.folder = folder
        self.try_every = try_every
        self.outage = Outage(folder.path)
        self._told: set[str] = set()

    def reach(self, *, every: float = 0.0, seconds: float = AT_ONCE, force: bool = False) -> Sent:
        """Make sure that the store answers, and send what waits.

        Amid a training (``every`` so many seconds at most) only the beginnings of studies are
        sent: models of other trials would hold it.

        Raises:
            TrackerAwayError: it does not, or it was tried a moment ago.
            TrackingError: it refuses.
        """
        if not force and not self.outage.may_try(every=every):
            raise TrackerAwayError(f"{self.store.uri} did not answer a moment ago")
        with self.trying():
            self.store.check_answers(seconds=seconds)
            self.store.prepare()
            self.outage.over()
            sent = self._send(STUDY_FILE if every else "", seconds=seconds)
        if sent.records:
            log.info("MLflow answers: %d records of %d runs sent", sent.records, sent.runs)
        return sent

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Note where the store does not answer, and tell it once."""
        began = time.monotonic()
        try:
            yield
        except TrackerAwayError as error:
            if self.outage.noted(time.monotonic() - began):
                text = (
                    "MLflow at %s does not answer (%s): the figures are kept in %s and sent later"
                )
                said = f"tracking_uri={self.store.uri} does not answer: "
                reason = redact(str(error).removeprefix(said))
                log.warning(text, redact(self.store.uri), reason, self.folder.path)
            raise

    def _send(self, kind: str, *, seconds: float) -> Sent:
        """Every file of this kind that no living process writes, in order."""
        if not self.folder.files():
            return Sent()
        sent: list[tuple[Any, int]] = []
        closed: set[str] = set()  # studies that the store refused: their trials wait with them
        with self.folder.sending(seconds=seconds) as ours:
            for file in self.folder.files() if ours else ():
                if kind in file.path.name:
                    sent += self._send_file(file, closed)
            for study in {first.study for first, _ in sent if isinstance(first, TrialStart)}:
                refresh_study(self.store, study)
        return Sent(len(sent), sum(number for _, number in sent))

    def _send_file(self, file: SpoolFile, closed: set[str]) -> list[tuple[Any, int]]:
        """What the file began with and its number of records; nothing where it stays."""
        with file.held() as free:
            records = file.records() if free else []
            if not records or records[0].get("study") in closed:
                return []
            try:
                first = from_record(records[0])
                self._deliver(first, records[1:])
            except TrackerAwayError:
                raise
            except (TrackingError, KeyError, TypeError) as refused:
                closed.add(str(records[0].get("study")))
                self._tell(file, refused)
                return []
            file.discard()
            return [(first, len(records))]

    def _deliver(self, first: Start, rest: list[Record]) -> None:
        if isinstance(first, StudyStart):
            open_study(self.store, first)
        elif isinstance(first, StudyEnd):
            close_study(self.store, first)
        elif isinstance(first, ReportFiles):
            put_report(self.store, first)
        else:
            run = open_trial(self.store, first)
            for record in together(rest):
                run.write(record)

    def _tell(self, file: SpoolFile, refused: Exception) -> None:
        if file.path.name not in self._told:
            self._told.add(file.path.name)
            text = "%s is not sent, it stays there: %s"
            log.warning(text, file.path, redact(" ".join(str(refused).split())))


def together(records: Iterable[Record]) -> Iterator[Record]:
    """The same records, with neighbouring points in one: a request costs more than its points."""
    for op, group in groupby(records, key=lambda record: record["op"]):
        if op == "points":
            yield {"op": op, "points": [point for record in group for point in record["points"]]}
        else:
            yield from group

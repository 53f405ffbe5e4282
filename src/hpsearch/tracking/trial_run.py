"""One trial's run, which goes on whether MLflow answers or not."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from hpsearch.errors import LeaseLostError, TrackerAwayError, TrackingError
from hpsearch.redaction import redact
from hpsearch.timing import phase
from hpsearch.tracking import names
from hpsearch.tracking.database import hold
from hpsearch.tracking.opening import open_trial
from hpsearch.tracking.records import Record, TrialStart, as_record, now
from hpsearch.tracking.sending import AT_ONCE, PATIENT, Sender, together
from hpsearch.tracking.spool import SpoolFile
from hpsearch.tracking.stored_run import Point, StoredRun

__all__ = ["TrialRun"]

log = logging.getLogger(__name__)

# Seconds: a request costs more than its points, and the epochs of a head take milliseconds. A
# process that is killed meanwhile tells them when it goes on.
BETWEEN_POINTS = 1.0


class TrialRun:
    """A run being written; leaving the ``with`` block sets its final status.

    FINISHED after a normal exit, FAILED after an exception (its text in the tag
    ``hpsearch.error``), KILLED after Ctrl-C, ``sys.exit`` or an exception that is no fault of the
    trial's (``retriable``). A run that is continued keeps what it has: a step that is already there
    is not written again. What a store that is away cannot take is kept on the disk and sent when it
    is back, at the latest by a later command.

    Raises:
        TrackingError: MLflow answers, and refuses.
    """

    def __init__(self, sender: Sender, start: TrialStart) -> None:
        self.run_id: str | None = None  # until MLflow was reached
        self._sender = sender
        self._start = start
        self._run: StoredRun | None = None
        self._file: SpoolFile | None = None
        self._refused = self._lost = False
        self._held = ExitStack()  # until the end
        self._points: list[Point] = []  # not written yet
        self._due = 0.0  # when the next ones are
        try:
            self._open(every=0.0, seconds=PATIENT)
        except TrackerAwayError:
            self._keep()

    @property
    def params(self) -> dict[str, str]:
        """The parameters that the trial was begun with, as they are recorded."""
        return self._start.params

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Write one epoch's metrics; those of less than a second wait for the next ones."""
        self.log_all([(step, metrics)])

    def log_all(self, evaluations: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """As :meth:`log`, of several steps, in one batch."""
        at = now()
        self._points += [
            (step, at, {k: float(v) for k, v in one.items()}) for step, one in evaluations
        ]
        if time.monotonic() >= self._due:
            self._write_points()

    def _write_points(self) -> None:
        points, self._points = self._points, []
        if points:
            self._due = time.monotonic() + BETWEEN_POINTS
            self._send({"op": "points", "points": points})

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Write the figures of the best epoch, each as ``best/<metric>``."""
        self._write({"op": "summary", "metrics": {k: float(v) for k, v in metrics.items()}})

    def artifacts(
        self, folder: Path, *, under: str, instead: Mapping[str, str] | None = None
    ) -> None:
        """Copy a folder's files to MLflow, below ``under``; later it must still be there.

        ``instead`` has texts for files that are not to be shown as they are.
        """
        words = {"folder": str(folder.absolute()), "under": under, "instead": dict(instead or {})}
        self._write({"op": "artifacts", **words})

    def text(self, text: str, *, path: str) -> None:
        """Keep a text as an artifact, such as ``config.yaml``."""
        self._write({"op": "text", "text": text, "path": path})

    def tag(self, tags: Mapping[str, str]) -> None:
        """Set tags, such as ``hpsearch.folder``; a tag that is there is overwritten."""
        self._write({"op": "tags", "tags": dict(tags)})

    def pruned(self, *, step: int) -> None:
        """Say that the trial was given up at this step; call it before the exception leaves."""
        self.tag({names.PRUNED: str(step)})

    def __enter__(self) -> TrialRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        try:
            self._end(error)
        except TrackingError as second:
            if error is None:
                raise
            # The first error is the one to see.
            log.warning("the run's end could not be written: %s", second)
        finally:
            self._held.close()
            if self._file is not None:
                self._file.release()
        return False

    def _end(self, error: BaseException | None) -> None:
        if isinstance(error, LeaseLostError):
            return  # the run is another process's by now
        killed = not isinstance(error, Exception) or getattr(error, "retriable", False) is True
        failed = "KILLED" if killed else "FAILED"
        status = "FINISHED" if error is None else failed
        tags = {} if error is None else {names.ERROR: describe(error)}
        self._write({"op": "end", "status": status, "tags": tags}, every=0.0)

    # ------------------------------------------------------------------ at once, or later

    def _write(self, record: dict[str, Any], *, every: float | None = None) -> None:
        self._write_points()
        self._send(record, every=every)

    @phase("tracking")
    def _send(self, record: dict[str, Any], *, every: float | None = None) -> None:
        record["at"] = now()
        self._try_again(self._sender.try_every if every is None else every)
        if self._run is not None:
            try:
                with self._sender.trying():
                    self._run.write(record)
                return
            except TrackerAwayError:
                self._run = None
        self._keep(record)

    def _try_again(self, every: float) -> None:
        if self._run is not None or self._refused:
            return
        try:
            self._open(every=every)
        except TrackerAwayError:
            return
        except TrackingError as refused:
            self._refused = True
            text = "what was kept of this trial is not sent, it stays in %s: %s"
            where = self._file.path if self._file else self._sender.folder.path
            log.warning(text, where, redact(str(refused)))

    def _open(self, *, every: float, seconds: float = AT_ONCE) -> None:
        """Reach the store, send what was kept of this trial, and write to it directly from here."""
        self._sender.reach(every=every, seconds=seconds)
        if self._sender.store.file is not None and self._run is None:
            self._held.close()
            self._held.enter_context(closing(hold(self._sender.store.file)))
        if self._sender.folder.waits(self._start.study):
            raise TrackerAwayError(f"study={self._start.study} itself is not sent yet")
        with self._sender.trying():
            run = open_trial(self._sender.store, self._start)
            for record in together(self._file.records()[1:] if self._file else []):
                run.write(record)
        if self._file is not None:
            self._file.discard()
            self._file = None
            self._sender.folder.tidy()
        self._run, self.run_id = run, run.run_id

    def _keep(self, *records: Record) -> None:
        try:
            if self._file is None:
                first = as_record(self._start)
                file = self._sender.folder.new(first)
                file.begin(first)
                self._file = file
            for record in records:
                self._file.append(record)
        except OSError as error:
            if not self._lost:
                self._lost = True
                log.warning("the trial goes on, but its figures cannot be kept: %s", error)


def describe(error: BaseException) -> str:
    """``ValueError: no such thing``, on one line."""
    text = " ".join(str(error).split())
    return names.cut(f"{type(error).__name__}: {text}" if text else type(error).__name__, 1000)

"""Signs of life between sweepers that cannot see each other's processes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import hiding
from hydra_plugins.hpsearch_sweeper.study import urls, workers

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["GONE", "PREFIX", "Heartbeat", "Watch"]

log = logging.getLogger(__name__)

PREFIX = "heartbeat:"  # of the study's user attributes, before the worker
GONE = "gone"

_LAST_BEAT_SECONDS = 5.0


class Heartbeat(AbstractContextManager[None]):
    """Counts up in the study as long as this process lives, and says when it leaves.

    The thread may share the storage with the sweeper: Optuna's storages are made for threads, and
    SQLAlchemy gives each a session and a connection of its own. A fork does not carry it over.
    """

    def __init__(
        self,
        storage: BaseStorage,
        study_id: int,
        worker: str,
        *,
        interval: float,
        interrupted: Callable[[], None] = lambda: None,
    ) -> None:
        """`interrupted` is called, in any thread, whenever no sign of life can be written."""
        self.interval = interval
        self._interrupted = interrupted
        self._storage = storage
        self._study_id = study_id
        self._worker = worker
        self._count = 0
        self._failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._beat()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_LAST_BEAT_SECONDS)
        if not self._thread.is_alive():  # one that hangs would beat once more after the farewell
            self._write(GONE)

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            self._beat()

    def _beat(self) -> None:
        self._count += 1
        self._write(self._count)

    def _write(self, value: int | str) -> None:
        try:
            self._storage.set_study_user_attr(self._study_id, PREFIX + self._worker, value)
        except Exception as error:  # the database may come back, and a sweep is not worth a beat
            if not self._failing:
                reason = hiding.redacted(urls.one_line(error))
                log.warning("no sign of life can be written, it is tried again (%s)", reason)
            self._failing = True
            self._interrupted()
        else:
            self._failing = False


class Watch:
    """Tells which workers are dead. One for the whole sweep: it has to see how time goes by.

    What counts is that a beat changes, by the clock of the watcher: other hosts' clocks may differ.
    """

    def __init__(self, storage: BaseStorage, study_id: int, *, patience: float) -> None:
        self.patience = patience
        self._storage = storage
        self._study_id = study_id
        self._seen: dict[str, tuple[Any, float]] = {}  # the last beat, and since when it stands
        self._interrupted = float("-inf")

    def interrupt(self) -> None:
        """Nobody can be heard just now, so that who is silent may be alive."""
        self._interrupted = time.monotonic()

    def is_dead(self, worker: str | None) -> bool:
        """Of one; this very process lives."""
        return worker in self.dead(of=[worker])

    def dead(self, *, of: Iterable[str | None]) -> set[str | None]:
        """Of many, with one look into the study at most."""
        known = {worker: workers.status(worker) for worker in set(of)}
        found = {worker for worker, status in known.items() if status == "dead"}
        unknown = [x for x, status in known.items() if status == "unknown" and x is not None]
        return found | set(self._silent(unknown))

    def _silent(self, unknown: list[str]) -> list[str]:
        if not unknown:
            return []
        beats = self._storage.get_study_user_attrs(self._study_id)
        return [worker for worker in unknown if self._is_silent(worker, beats)]

    def _is_silent(self, worker: str, beats: dict[str, Any]) -> bool:
        beat, now = beats.get(PREFIX + worker), time.monotonic()
        last, since = self._seen.get(worker, (None, now))
        if worker not in self._seen or beat != last:
            self._seen[worker] = (beat, now)
            return beat == GONE
        return beat == GONE or now - max(since, self._interrupted) >= self.patience

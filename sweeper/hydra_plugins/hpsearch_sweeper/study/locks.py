"""One sweeper at a time reads the trials and creates its next: nobody asks for the same one twice.

Several sweepers can share a study on sqlite (one host), PostgreSQL or MySQL. With any other
storage (memory, a journal, a gRPC proxy, a class of the user's own) the lock holds between the
threads of one process only, so one sweeper at a time must run the study.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

from hydra_plugins.hpsearch_sweeper import errors, hiding
from hydra_plugins.hpsearch_sweeper.study import claims, urls

__all__ = ["StudyLock", "study_lock"]

PATIENCE_SECONDS = 60.0


def study_lock(given: Any, study_name: str, *, patience: float | None = None) -> StudyLock:
    """The lock of one study in the storage that `hydra.sweeper.storage` names; nothing opens yet.

    It can be entered any number of times, also within itself by the same thread. The kernel or the
    server frees it when its holder dies. Waiting longer than `patience` seconds is a `StudyError`.
    """
    wait = PATIENCE_SECONDS if patience is None else patience
    url = urls.database_url(given) or ""
    if file := urls.database_file(url):
        path = file.with_name(f"{file.name}.lock")
        return StudyLock(f"the lock {path}", wait, claim=claims.FileClaim(path))
    name = f"the lock of the study {study_name}"
    if url.startswith("postgresql"):
        return StudyLock(name, wait, claim=claims.PostgresClaim(url, study_name))
    if url.startswith(("mysql", "mariadb")):
        return StudyLock(name, wait, claim=claims.MySQLClaim(url, study_name))
    return StudyLock(name, wait)


class StudyLock(AbstractContextManager[None]):
    """Excludes the other threads of this process and, by its claim, the other processes."""

    def __init__(self, name: str, patience: float, *, claim: claims.Claim | None = None) -> None:
        self.name = name
        self.patience = patience
        self._claim = claim
        self._threads = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=self.patience):
            raise self._late("another thread of this process")
        try:
            if self._depth == 0 and self._claim is not None:
                self._take(self._claim)
        except BaseException:
            self._threads.release()
            raise
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        try:
            if self._depth == 0 and self._claim is not None:
                self._claim.give()
        finally:
            self._threads.release()

    def confirm(self) -> None:
        """Raises where the lock, which this thread is in, was lost with its connection."""
        if self._claim is not None:
            try:
                self._claim.confirm()
            except Exception as error:  # each database driver has exceptions of its own
                reason = hiding.redacted(urls.one_line(error))
                raise errors.StudyError(f"{self.name} was lost ({reason})") from error

    def _take(self, claim: claims.Claim) -> None:
        try:
            taken = claim.take(self.patience)
        except Exception as error:  # each database driver has exceptions of its own
            reason = hiding.redacted(urls.one_line(error))
            raise errors.StudyError(f"{self.name} cannot be taken ({reason})") from error
        if not taken:
            raise self._late(claim.holder())

    def _late(self, holder: str) -> errors.StudyError:
        return errors.StudyError(
            f"{self.name} was not free for {self.patience:g} s, held by "
            f"{holder or 'an unknown process'}; stop that one, or wait and start again"
        )

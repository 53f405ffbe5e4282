"""A cluster's queue between the slots and their jobs, where the runner has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.jobs import runner

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Runner
    from hydra_plugins.hpsearch_sweeper.study.ledger import Ledger

__all__ = ["Queue"]


class Queue:
    """Does nothing where jobs begin at once and end with the sweeper."""

    def __init__(self, given: Runner) -> None:
        self._runner = given if isinstance(given, runner.QueueingRunner) else None
        self._told = 0  # of the ledger's trials that were cut short

    def withdraw(self) -> list[int]:
        """Takes back the jobs that wait; their numbers."""
        return [] if self._runner is None else self._runner.withdraw()

    def close(self) -> None:
        """Cancels all jobs with one command."""
        if self._runner is not None:
            self._runner.close()

    def end_left(self, ledger: Ledger) -> None:
        """Before a job begins: no point runs twice at once, here or where a dead sweeper's goes on.

        Only of trials that the study gave up can a job be left: no other sweeper's is touched.
        """
        if self._runner is not None and (new := ledger.cut_short[self._told :]):
            self._told += len(new)
            self._runner.end_left(new)

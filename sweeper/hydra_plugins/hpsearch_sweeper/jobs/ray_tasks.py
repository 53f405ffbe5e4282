"""A job as a task of a Ray cluster: what is sent there, and what is seen of it here."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.jobs import ray_losses

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.orders import Answer
    from hydra_plugins.hpsearch_sweeper.jobs.output import Tail
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Outcome

__all__ = ["Task", "remote"]


class Task:
    """A job in the cluster, seen from the sweeper."""

    def __init__(self, number: int, reference: Any, tail: Tail) -> None:
        self.number = number
        self.reference = reference
        self.returned: bytes | None = None
        self._tail = tail
        self._stopped: Outcome | None = None
        self._asked = False
        self._force_at = float("inf")

    @property
    def begun(self) -> bool:
        return self._tail.begun

    @property
    def stopped(self) -> bool:
        return self._stopped is not None

    def stop(self, outcome: Outcome, *, grace: float) -> None:
        """This is then its outcome, unless it has ended."""
        if self._stopped is None:
            self._stopped = outcome
            self._force_at = time.monotonic() + grace
        self.ask_to_end()

    def ask_to_end(self) -> None:
        """A job that waits for a node never begins."""
        import ray

        if not self._asked:
            self._asked = True
            ray.cancel(self.reference)

    def look(self, show: Callable[[int, str], None] | None, *, final: bool = False) -> None:
        """Shows what it has printed; has its worker killed that does not answer in time."""
        import ray

        if time.monotonic() > self._force_at:
            self._force_at = float("inf")
            ray.cancel(self.reference, force=True)
        if show is not None:
            for line in self._tail.lines(final=final):
                show(self.number, line)

    def close(self, show: Callable[[int, str], None] | None) -> Outcome:
        """After its end: how it ended."""
        import ray

        self.look(show, final=True)
        self._tail.close()
        try:
            answer: Answer = pickle.loads(ray.get(self.reference))
        except Exception as error:
            return self._stopped or ray_losses.outcome_of(error)
        self.returned = answer.returned
        by_itself = answer.outcome.values is not None or answer.outcome.pruned
        return answer.outcome if by_itself or self._stopped is None else self._stopped


def remote(options: Mapping[str, Any]) -> Any:
    """What starts a task. Raises ConfigError for what Ray does not take."""
    import ray

    try:
        return ray.remote(**options)(_function())
    except (ValueError, TypeError) as error:
        raise errors.ConfigError(f"hydra.launcher: {error}") from error


def _function() -> Callable[[Sequence[str], bytes], bytes]:
    """Sent to the workers by value, for only then do they know where to find this module."""

    def run(paths: Sequence[str], parcel: bytes) -> bytes:
        import sys

        sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
        from hydra_plugins.hpsearch_sweeper.jobs import ray_worker

        return ray_worker.perform(parcel)

    return run

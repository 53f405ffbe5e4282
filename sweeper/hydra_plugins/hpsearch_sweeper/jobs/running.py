"""A job in its process, seen from the sweeper."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.jobs import child, output, returns, server

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from hydra_plugins.hpsearch_sweeper.jobs.orders import Order
    from hydra_plugins.hpsearch_sweeper.jobs.output import Tail
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Outcome

__all__ = ["RunningJob", "begin"]

# Seconds from a job's result to the end of its process; a thread that it left behind may hang.
GRACE = 10.0


class RunningJob:
    """Collects a job's result and output until its process is gone."""

    def __init__(
        self, number: int, process: ForkServerProcess, receiver: Connection, tail: Tail
    ) -> None:
        self.number = number
        self.returned: bytes | None = None
        self._process = process
        self._receiver = receiver
        self._tail = tail
        self._outcome: Outcome | None = None
        self._stopped: Outcome | None = None
        self._killed_at = float("inf")

    @property
    def watched(self) -> list[Any]:
        """What becomes ready when something happens."""
        return [self._process.sentinel, *([] if self.settled else [self._receiver])]

    @property
    def settled(self) -> bool:
        """Whether the outcome is known, and only the end of the process is awaited."""
        return self._outcome is not None

    @property
    def outcome(self) -> Outcome | None:
        """What the job told, of one that nobody has stopped; its process may still end."""
        return None if self._stopped else self._outcome

    def stop(self, outcome: Outcome) -> None:
        """Kills it with all that it started; this is then its outcome, unless it has ended."""
        self._receive()
        if not self.settled:
            self._stopped = outcome
        self.kill()

    def ask_to_end(self) -> None:
        """By SIGTERM, to the job's own process: what it has started may be needed to end well."""
        self._process.terminate()

    def kill(self) -> None:
        if self._process.is_alive():
            assert self._process.pid is not None
            server.kill_group(self._process.pid)

    def look(self, show: Callable[[int, str], None] | None) -> bool:
        """Takes what has come; whether the process is gone."""
        code = self._process.exitcode
        gone = code is not None
        if code and not self.settled and self._process.pid is not None:
            server.kill_group(self._process.pid)  # what it started must not hold the memory
        self._receive()
        if self.settled and time.monotonic() > self._killed_at:
            self.kill()
        if gone or show is not None:
            self._show(show, final=gone)
        return gone

    def close(self) -> Outcome:
        """After its end: how it ended."""
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        self._process.close()
        self._receiver.close()
        self._tail.close()
        return self._stopped or self._outcome or self._died(code)

    def _receive(self) -> None:
        if self.settled or not self._receiver.poll():
            return
        try:
            self._outcome, self.returned = pickle.loads(self._receiver.recv_bytes())
        except EOFError:  # it died before or in the middle; the exit code says of what
            return
        self._killed_at = time.monotonic() + GRACE

    def _show(self, show: Callable[[int, str], None] | None, *, final: bool) -> None:
        for line in self._tail.lines(final=final):
            if show is not None:
                show(self.number, line)

    def _died(self, code: int) -> Outcome:
        if not self._tail.begun:
            return returns.from_early_exit(code)
        return returns.from_exit_code(code, details=self._tail.last_lines)


def begin(number: int, order: Order) -> RunningJob:
    """Forks the job's process from the server, which `server.ensure` has started.

    Raises EOFError or ConnectionError where that has ended.
    """
    from multiprocessing import get_context

    context = get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    tail = output.Tail(order.folder)  # before the job can print
    process = context.Process(target=child.run, args=(sender, order), name=f"job {number}")
    with sender:
        process.start()
    return RunningJob(number, process, receiver, tail)

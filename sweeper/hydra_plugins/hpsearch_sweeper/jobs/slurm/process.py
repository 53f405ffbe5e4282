"""A trial's process, seen from the guardian beside it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.jobs import fresh, orders, output, returns, running, server

if TYPE_CHECKING:
    import subprocess
    from multiprocessing.connection import Connection

    from hydra_plugins.hpsearch_sweeper.jobs.orders import Answer, Order

__all__ = ["TrialProcess"]

# A thread for each processor that Slurm gives, where nobody said otherwise.
THREADS = "OMP_NUM_THREADS"
PROCESSORS = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")


class TrialProcess:
    """Begins at once. Its signals are its own: it leads a session, and none of Slurm's counts."""

    def __init__(self, work: bytes) -> None:
        from multiprocessing.connection import Pipe

        _, packed = pickle.loads(work)
        self._order: Order = pickle.loads(packed)
        self._answer: bytes | None = None
        self._begun = False
        self._kill_at = float("inf")
        self._tail = output.Tail(self._order.folder)
        self._connection, theirs = Pipe()
        with theirs:
            self._process = _start(self._order, theirs)
        self._send(work)

    def runs(self, seconds: float) -> bool:
        """Waits so long, or until it has something to tell."""
        if self._connection.closed:
            time.sleep(seconds)
        elif self._connection.poll(seconds):
            self._receive()
        if time.monotonic() > self._kill_at:
            self.kill()
        return self._process.poll() is None

    def end(self, *, within: float) -> None:
        """Asks it to write a checkpoint and end, and kills it where that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._kill_at = min(self._kill_at, time.monotonic() + within)
        while self.runs(0.1):
            pass

    def kill(self) -> None:
        """With all that it started."""
        server.kill_group(self._process.pid)

    def answer(self) -> bytes:
        """After its end: the packed Answer, made up where it died without one."""
        if self._process.wait():
            self.kill()  # what it started must not hold the memory
        while self._answer is None and not self._connection.closed and self._connection.poll():
            self._receive()
        return self._answer or pickle.dumps(self._died())

    def _send(self, work: bytes) -> None:
        try:
            self._connection.send_bytes(work)
        except OSError:  # it is dead already
            self._connection.close()

    def _receive(self) -> None:
        try:
            received = self._connection.recv_bytes()
        except (EOFError, OSError):
            self._connection.close()
            return
        if received == fresh.BEGUN:
            self._begun = True
        else:
            self._answer = received
            self._kill_at = min(self._kill_at, time.monotonic() + running.GRACE)

    def _died(self) -> Answer:
        for _ in self._tail.lines(final=True):
            pass
        self._tail.close()
        code, last = self._process.wait(), self._tail.last_lines
        early = code > 0 and not self._begun
        died = returns.from_early_exit if early else returns.from_exit_code
        return orders.Answer(died(code, details=last), None)


def _start(order: Order, theirs: Connection) -> subprocess.Popen[bytes]:
    """Its output goes to the job's folder from its first word on."""
    import subprocess

    order.folder.mkdir(parents=True, exist_ok=True)
    environment = {**_threads(), **order.environment, **os.environ}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, fresh.NOT_MINE)
    try:
        with (order.folder / output.OUTPUT_FILE).open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", fresh.__name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _threads() -> dict[str, str]:
    given = [os.environ[key] for key in PROCESSORS if key in os.environ]
    return {THREADS: given[0]} if given else {}

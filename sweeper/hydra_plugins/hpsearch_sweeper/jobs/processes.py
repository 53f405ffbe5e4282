"""Runs each job in a process of its own, forked from a warm server."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors, trial
from hydra_plugins.hpsearch_sweeper.jobs import gpus, orders, preloading, runner, running, server

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.gpus import Assignment
    from hydra_plugins.hpsearch_sweeper.jobs.orders import Order
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome
    from hydra_plugins.hpsearch_sweeper.jobs.running import RunningJob

__all__ = ["ProcessRunner", "warm_up"]

THREADS = "OMP_NUM_THREADS"

# Seconds between two looks at what the jobs print.
PULSE = 0.2

# How many servers may end in a row before a job begins. One may have been killed, by a person or
# for want of memory; what kills each of them is what they import.
MOST_SERVERS = 3


class ProcessRunner:
    """The server starts at once and in the background; the first job waits for it.

    There is one server in a program: a second runner that preloads more ends the first one's.
    """

    in_this_process = False
    can_stop = True

    # Called from `wait` with a job's number and a line that it has printed.
    output: Callable[[int, str], None] | None = None
    # Called from there too, with what a job has told whose process still ends; more than once.
    told: Callable[[int, Outcome], None] | None = None

    def __init__(
        self,
        task_function: Callable[[Any], Any],
        *,
        slots: int,
        objectives: int,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        assignment: Assignment | None = None,
        trials: bool = True,
        wants_returns: bool = False,
    ) -> None:
        _require_posix()
        self.slots = slots
        self.returns: dict[int, bytes] = {}  # Hydra's own account of each job, where wanted
        self._orders = orders.Orders(
            task_function, objectives=objectives, wants_returns=wants_returns
        )
        self._env = _environment(env or {}, slots)
        self._gpus = assignment or gpus.Assignment()
        self._modules = preloading.modules_for(task_function, preload, trials=trials)
        self._running: dict[int, RunningJob] = {}
        self._not_begun: list[tuple[int, Outcome]] = []
        self._ensure_server()
        # multiprocessing would wait for the jobs of a sweeper that failed
        atexit.register(self.close)

    def start(self, job: Job) -> None:
        try:
            order = self._order(job)
        except Exception as error:  # the config holds what cannot be sent
            self._gpus.release(job.number)
            self._not_begun.append((job.number, runner.Outcome.from_exception(error)))
            return
        self._running[job.number] = self._begin(job, order)

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        from multiprocessing import connection

        deadline = time.monotonic() + timeout
        while not (ended := self._ended()) and (left := deadline - time.monotonic()) > 0:
            watched = [each for job in self._running.values() for each in job.watched]
            connection.wait(watched, min(left, PULSE) if self._must_look else left)
        return ended

    def stop(self, number: int, outcome: Outcome) -> bool:
        if number not in self._running:
            return False
        self._running[number].stop(outcome)
        return True

    def ask_to_end(self) -> None:
        for job in self._running.values():
            job.ask_to_end()

    def close(self) -> None:
        """The server stays for the next sweep of this program, and ends with it."""
        atexit.unregister(self.close)
        for job in self._running.values():
            job.kill()
        for job in self._running.values():
            job.close()
        self._running.clear()

    @property
    def _must_look(self) -> bool:
        return self.output is not None or any(job.settled for job in self._running.values())

    def _order(self, job: Job) -> Order:
        given = {**self._env, **os.environ, **self._gpus.environment(job.number)}
        return self._orders.of(job, environment=given, place=self._gpus.place(job.number))

    def _ensure_server(self) -> None:
        server.ensure(self._modules, env=self._env)

    def _begin(self, job: Job, order: Order) -> RunningJob:
        for _ in range(MOST_SERVERS):
            self._ensure_server()
            try:
                return running.begin(job.number, order)
            except (EOFError, ConnectionError):  # one that still ends would be taken for alive
                server.collect()
        raise errors.SweepError(
            f"the server of the jobs ended {MOST_SERVERS} times while it imported "
            f"hydra.launcher.preload: {', '.join(self._modules)}"
        )

    def _ended(self) -> list[tuple[int, Outcome]]:
        ended, self._not_begun = self._not_begun, []
        for number, job in list(self._running.items()):
            gone = job.look(self.output)
            if not gone and job.outcome is not None and self.told is not None:
                self.told(number, job.outcome)
            if gone:
                del self._running[number]
                self._gpus.release(number)
                ended.append((number, job.close()))
                if job.returned is not None:
                    self.returns[number] = job.returned
        return ended


def warm_up(*, slots: int, preload: Sequence[str], env: Mapping[str, str]) -> None:
    """Starts the server for the trials of this program, ahead of their runner."""
    _require_posix()
    modules = preloading.modules_for(None, preload, trials=True)
    server.ensure(modules, env=_environment(env, slots))


def _require_posix() -> None:
    from multiprocessing import get_all_start_methods

    if "forkserver" not in get_all_start_methods():
        raise errors.ConfigError(
            "hydra/launcher=local forks its jobs, which this system cannot; "
            "hydra/launcher=basic runs them one by one in this process"
        )


def _environment(env: Mapping[str, str], slots: int) -> dict[str, str]:
    """What a job has beyond the sweeper's environment, where the user may have said otherwise."""
    given = {key: value for key, value in env.items() if key not in os.environ}
    if slots > 1 and THREADS not in os.environ and THREADS not in given:
        given |= {THREADS: str(_share_of_cores(slots)), trial.SLOTS_KEY: str(slots)}
    return given


def _share_of_cores(slots: int) -> int:
    known = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return max(1, cores // slots)

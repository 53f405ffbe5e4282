"""Runs each job as a task of a Ray cluster, which decides where."""

from __future__ import annotations

import fnmatch
import os
import pickle
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import trial
from hydra_plugins.hpsearch_sweeper.jobs import (
    orders,
    output,
    preloading,
    ray_tasks,
    ray_worker,
    runner,
)

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.orders import Order
    from hydra_plugins.hpsearch_sweeper.jobs.ray_cluster import Cluster
    from hydra_plugins.hpsearch_sweeper.jobs.ray_tasks import Task
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome

__all__ = ["RayRunner"]

# Seconds between two looks at what the jobs print.
PULSE = 0.2

# Seconds that a worker may take, beyond the grace, to tell how a trial ended that it had to end.
MARGIN = 5.0


class RayRunner:
    """The order goes to a worker, and what comes back is its answer or how the worker was lost.

    What a job prints is read from its folder, where that is shared with the node.

    Args:
        copied: names of variables of this environment that the jobs get, patterns as in a shell.
        grace: seconds that a job which is stopped has to end by itself.
    """

    in_this_process = False
    can_stop = True

    # Called from `wait` with a job's number and a line that it has printed.
    output: Callable[[int, str], None] | None = None

    def __init__(
        self,
        task_function: Callable[[Any], Any],
        *,
        slots: int,
        objectives: int,
        cluster: Cluster,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        copied: Sequence[str] = (),
        grace: float = 10.0,
        trials: bool = True,
        wants_returns: bool = False,
    ) -> None:
        self.slots = slots
        self.returns: dict[int, bytes] = {}  # Hydra's own account of each job, where wanted
        self._orders = orders.Orders(
            task_function, objectives=objectives, wants_returns=wants_returns
        )
        self._modules = preloading.modules_for(task_function, preload, trials=trials)
        self._env = dict(env or {})
        self._copied = [*copied, trial.STORAGE_KEY]
        self._grace = grace
        self._tells_place = cluster.nodes > 1 or cluster.gpus > 1
        self._task = ray_tasks.remote(cluster.options)
        self._running: dict[int, Task] = {}
        self._not_begun: list[tuple[int, Outcome]] = []

    def start(self, job: Job) -> None:
        try:
            parcel = self._parcel(job)
        except Exception as error:  # the config holds what cannot be sent
            self._not_begun.append((job.number, runner.Outcome.from_exception(error)))
            return
        tail = output.Tail(job.folder)  # before the job can print
        begun = self._task.options(name=f"trial {job.number}").remote(_paths(), parcel)
        self._running[job.number] = ray_tasks.Task(job.number, begun, tail)

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        import ray

        deadline = time.monotonic() + timeout
        while not (ended := self._ended()) and (left := deadline - time.monotonic()) > 0:
            if not self._running:
                return []
            references = [task.reference for task in self._running.values()]
            ray.wait(references, timeout=min(left, PULSE) if self._must_look else left)
        return ended

    def stop(self, number: int, outcome: Outcome) -> bool:
        """Asks it to end, and has it killed after the grace."""
        if number not in self._running:
            return False
        self._running[number].stop(outcome, grace=self._grace + MARGIN)
        return True

    def ask_to_end(self) -> None:
        for task in self._running.values():
            task.ask_to_end()

    def waits(self, number: int) -> bool:
        """Whether the job has not begun yet, because the cluster has no room for it."""
        return number in self._running and not self._running[number].begun

    def withdraw(self) -> list[int]:
        """Takes back the jobs that wait; their numbers, which no `wait` returns any more."""
        waiting = [number for number in self._running if self.waits(number)]
        for number in waiting:
            self._running.pop(number).ask_to_end()
        return waiting

    def end_left(self, left: Iterable[tuple[str, int]]) -> None:
        """Nothing: Ray itself has ended the jobs of a sweeper that died."""

    def close(self) -> None:
        """The connection stays for the next sweep of this program, and ends with it."""
        for task in self._running.values():
            task.stop(runner.Outcome(error="the sweep has ended"), grace=self._grace + MARGIN)
        while self._running:
            self.wait(PULSE)

    @property
    def _must_look(self) -> bool:
        return self.output is not None or any(task.stopped for task in self._running.values())

    def _parcel(self, job: Job) -> bytes:
        return pickle.dumps(
            ray_worker.Parcel(
                number=job.number,
                order=self._order(job),
                program=ray_worker.main_module(),
                modules=self._modules,
                env=self._env,
                grace=self._grace,
                tells_place=self._tells_place,
            )
        )

    def _order(self, job: Job) -> Order:
        """A password goes in here, for Ray shows what is in a runtime_env."""
        given = [x for name in self._copied for x in fnmatch.filter(os.environ, name)]
        return self._orders.of(job, environment={name: os.environ[name] for name in given})

    def _ended(self) -> list[tuple[int, Outcome]]:
        import ray

        ended, self._not_begun = self._not_begun, []
        for number, task in list(self._running.items()):
            task.look(self.output)
            if ray.wait([task.reference], timeout=0)[0]:
                del self._running[number]
                ended.append((number, task.close(self.output)))
                if task.returned is not None:
                    self.returns[number] = task.returned
        return ended


def _paths() -> list[str]:
    """Where the program finds its modules."""
    from multiprocessing import spawn

    paths: list[str] = spawn.get_preparation_data("trial")["sys_path"]
    return paths

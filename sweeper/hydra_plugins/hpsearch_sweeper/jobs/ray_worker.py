"""What runs inside a worker of Ray: it has a trial carried out, in a process of the trial's own.

That is forked from a warm server as at home, so it is as fresh as a new worker, but has nothing to
import. It dies of its own errors alone, and its exit code tells of what. The worker, which computes
nothing, hears Ray at any time, and ends the trial gently or by force.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.jobs import orders, runner, running, server

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.orders import Answer, Order
    from hydra_plugins.hpsearch_sweeper.jobs.running import RunningJob

__all__ = ["Parcel", "main_module", "perform"]

PULSE = 0.2  # seconds between two looks at what Ray has said

# What multiprocessing tells a new process of the program: that of the sweeper, not of this worker.
OF_PROGRAM = ("dir", "sys_argv", "init_main_from_name", "init_main_from_path")


class Parcel(NamedTuple):
    """An order, and what its worker needs to carry it out."""

    number: int  # of the trial
    order: Order
    program: dict[str, Any]  # of `main_module`
    modules: tuple[str, ...]  # that the server imports
    env: dict[str, str]  # where the node does not say otherwise
    grace: float  # seconds to end in, when told to
    tells_place: bool  # in the trial's output


def main_module() -> dict[str, Any]:
    """In the sweeper: how its program is made known in another process."""
    from multiprocessing import spawn

    data = spawn.get_preparation_data("trial")
    return {key: data[key] for key in OF_PROGRAM if key in data}


def perform(packed: bytes) -> bytes:
    """In the worker: a Parcel's order, carried out; the Answer. Raises nothing that a trial did."""
    parcel: Parcel = pickle.loads(packed)
    with _heard() as told:
        return pickle.dumps(_perform(parcel, told))


class _Told:
    """Whether the trial shall end."""

    stop = False

    def hear(self, number: int, frame: Any) -> None:
        del number, frame
        self.stop = True


@contextmanager
def _heard() -> Iterator[_Told]:
    """ray.cancel is a Ctrl-C in the worker; a node that is shut down sends SIGTERM."""
    told = _Told()
    before = {x: signal.signal(x, told.hear) for x in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _perform(parcel: Parcel, told: _Told) -> Answer:
    try:
        job = _begin(parcel)
    except (EOFError, ConnectionError):
        line = f"the server of the trials ended on {socket.gethostname()} while it imported: "
        lost = runner.Outcome(error=line + ", ".join(parcel.modules), retriable=True)
        return orders.Answer(lost, None)
    except Exception as error:
        return orders.Answer(runner.Outcome.from_exception(error), None)
    try:
        _follow(job, told, grace=parcel.grace)
    finally:
        job.kill()
    return orders.Answer(job.close(), job.returned)


def _begin(parcel: Parcel) -> RunningJob:
    _require_files(parcel.program)
    env = {key: value for key, value in parcel.env.items() if key not in os.environ}
    order = parcel.order._replace(
        environment={**env, **os.environ, **parcel.order.environment},
        place=_place() if parcel.tells_place else "",
    )
    with _main_module_of(parcel.program):
        server.ensure(parcel.modules, env=env)
        return running.begin(parcel.number, order)


def _follow(job: RunningJob, told: _Told, *, grace: float) -> None:
    """Until it is gone; once told, it is asked to end, and killed where that takes too long."""
    from multiprocessing import connection

    kill_at = float("inf")
    while not job.look(None):
        if told.stop and kill_at == float("inf"):
            job.ask_to_end()
            kill_at = time.monotonic() + grace
        if time.monotonic() > kill_at:
            job.kill()
        connection.wait(job.watched, PULSE)


@contextmanager
def _main_module_of(program: Mapping[str, Any]) -> Iterator[None]:
    """multiprocessing makes the sweeper's main module known in the trial, instead of Ray's."""
    from multiprocessing import spawn

    own = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        kept = {key: value for key, value in own(name).items() if key not in OF_PROGRAM}
        return {**kept, **program}

    spawn.get_preparation_data = get_preparation_data
    try:
        yield
    finally:
        spawn.get_preparation_data = own


def _require_files(program: Mapping[str, Any]) -> None:
    for key in ("dir", "init_main_from_path"):
        if key in program and not Path(program[key]).exists():
            raise errors.SweepError(
                f"{socket.gethostname()} has no {program[key]}: all nodes of a Ray cluster must "
                "find the program, and the folder in which the sweep was started, where it has them"
            )


def _place() -> str:
    """In words."""
    import ray

    gpus = ",".join(map(str, ray.get_gpu_ids()))
    return socket.gethostname() + (f", GPU {gpus}" if gpus else "")

"""What runs inside a job's own process."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra_plugins.hpsearch_sweeper.jobs import output, returns, runner, shipping

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from hydra.core.utils import JobReturn
    from hydra.types import TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Outcome
    from omegaconf import DictConfig

__all__ = ["Order", "run", "run_composed"]

PR_SET_PDEATHSIG = 1


class Order(NamedTuple):
    """What the sweeper tells a job's process. Pickled inside, to be unpacked when all is ready."""

    program: bytes
    config: bytes
    folder: Path
    objectives: int
    environment: dict[str, str]
    wants_return: bool


def run(sender: Connection, order: Order) -> None:
    """Runs the job and sends its outcome, and Hydra's own account where that is wanted."""
    _detach()
    _take_environment(order.environment)
    output.redirect(order.folder)
    returns.forget_error(order.folder)
    outcome, returned = _attempt(order)
    returns.keep_error(outcome, order.folder)
    sender.send_bytes(pickle.dumps((outcome, returned)))
    sender.close()
    _leave()


def run_composed(function: TaskFunction, config: DictConfig, callbacks: Any) -> JobReturn:
    """Hydra's own way of running a job, in the folder of a sweep."""
    from hydra.core.utils import run_job
    from hydra.types import HydraContext

    loader: Any = None  # nothing is left to compose
    return run_job(
        task_function=function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
    )


def _attempt(order: Order) -> tuple[Outcome, bytes | None]:
    try:
        returned = _run_job(order)
        packed = shipping.pack(returned) if order.wants_return else None
        return returns.from_return(returned, objectives=order.objectives), packed
    except BaseException as error:  # sys.exit ends the job, not more
        return runner.Outcome.from_exception(error), None


def _run_job(order: Order) -> JobReturn:
    from hydra._internal.callbacks import Callbacks

    program: shipping.Program = pickle.loads(order.program)
    shipping.restore_globals(program)
    config: DictConfig = pickle.loads(order.config)
    return run_composed(shipping.load_function(program), config, Callbacks(config))


def _detach() -> None:
    """Leads a group of its own, which Ctrl-C spares; ends with the sweeper, whatever that died of.

    The server lives until nobody holds its other end any more, so this process must not hold it.
    """
    import atexit
    from multiprocessing import forkserver

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    forkserver._forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]
    atexit._clear()  # the server's: its temporary folders are not this process's to remove
    if not _dies_with_server():
        _watch_sweeper()


def _dies_with_server() -> bool:
    """The kernel sees to it, even while C code holds the interpreter."""
    import ctypes

    try:
        refused = ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):  # not Linux
        return False
    return not refused


def _watch_sweeper() -> None:
    """A thread, and only where it must be: Python warns of forks beside threads."""
    import threading
    from multiprocessing import connection, parent_process

    sweeper: Any = parent_process()

    def watch() -> None:
        connection.wait([sweeper.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="watch the sweeper", daemon=True).start()


def _take_environment(given: dict[str, str]) -> None:
    """The sweeper's of now: the server's is as old as the server."""
    for key in set(os.environ) - set(given):
        del os.environ[key]
    for key, value in given.items():
        if os.environ.get(key) != value:
            os.environ[key] = value


def _leave() -> None:
    """What the job left for the end: multiprocessing would skip it."""
    import atexit
    import logging

    atexit._run_exitfuncs()
    logging.shutdown()

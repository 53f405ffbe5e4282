"""What runs inside a job's own process."""

from __future__ import annotations

import os
import pickle
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import reports
from hydra_plugins.hpsearch_sweeper.jobs import orders, output

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from hydra_plugins.hpsearch_sweeper.jobs.orders import Order

__all__ = ["die_with_parent", "leave", "run", "take_environment"]

PR_SET_PDEATHSIG = 1


def run(sender: Connection, order: Order) -> None:
    """Carries out the order and sends the answer."""
    _detach()
    take_environment(order.environment)
    output.redirect(order.folder)
    if order.place:
        print(f"on {order.place}")
    # Slurm may run a job again that has ended, and lets nobody see the first answer: not there.
    with reports.collected() as kept:
        answer = orders.carry_out(order)
    answer = answer._replace(outcome=replace(answer.outcome, reports=tuple(kept)))
    sender.send_bytes(pickle.dumps(answer))
    sender.close()
    leave()


def _detach() -> None:
    """Leads a group of its own, which Ctrl-C spares; ends with the sweeper, whatever that died of.

    SIGTERM is for the job, to end it gently; the server ignores it.

    The server lives until nobody holds its other end any more, so this process must not hold it.
    """
    import atexit
    from multiprocessing import forkserver

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    forkserver._forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]
    atexit._clear()  # the server's: its temporary folders are not this process's to remove
    if not die_with_parent():
        _watch_sweeper()


def die_with_parent() -> bool:
    """The kernel sees to it, even while C code holds the interpreter; False where it cannot."""
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


def take_environment(given: dict[str, str]) -> None:
    """The sweeper's of now: the server's is as old as the server."""
    for key in set(os.environ) - set(given):
        del os.environ[key]
    for key, value in given.items():
        if os.environ.get(key) != value:
            os.environ[key] = value


def leave() -> None:
    """What the job left for the end: multiprocessing would skip it."""
    import atexit
    import logging

    atexit._run_exitfuncs()
    logging.shutdown()

"""A job in a Python of its own that inherits nothing but the environment: where no sweeper forks.

`python -m` this, with the number of the descriptor over which the order comes and the answer goes.
"""

from __future__ import annotations

import pickle
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.orders import Order

__all__ = ["BEGUN", "pack_work"]

BEGUN = b"begun"

# Signals that are for the process above. Blocked from its fork on, they are ignored from here on.
NOT_MINE = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)


def pack_work(order: Order) -> bytes:
    """The order, and how to find the program's modules. In the sweeper, after Orders was made."""
    from multiprocessing import spawn

    preparation: dict[str, Any] = spawn.get_preparation_data("job")
    del preparation["authkey"]  # a secret that only multiprocessing's own processes need
    return pickle.dumps((preparation, pickle.dumps(order)))


def main(descriptor: int) -> None:
    """Carries out the order."""
    from multiprocessing.connection import Connection

    from hydra_plugins.hpsearch_sweeper.jobs import child, orders, output

    for number in NOT_MINE:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, NOT_MINE)
    child.die_with_parent()
    with Connection(descriptor) as above:
        preparation, packed = pickle.loads(above.recv_bytes())
        _import_program(preparation)
        order: Order = pickle.loads(packed)
        output.redirect(order.folder)
        above.send_bytes(BEGUN)
        above.send_bytes(pickle.dumps(orders.carry_out(order)))
    child.leave()


def _import_program(preparation: dict[str, Any]) -> None:
    """As multiprocessing does it: a program whose main function is not guarded notices there."""
    from multiprocessing import process, spawn

    current: Any = process.current_process()
    current._inheriting = True
    try:
        spawn.prepare(preparation)
    finally:
        del current._inheriting


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Who runs a trial, so that one whose sweeper died can be told from one that still runs."""

from __future__ import annotations

import os
import socket

__all__ = ["is_dead", "this_worker"]


def this_worker() -> str:
    """This process, as it is written into its trials."""
    return f"{socket.gethostname()}/{os.getpid()}"


def is_dead(worker: str | None) -> bool:
    """True unless that process still runs on this host; this process itself has only begun."""
    host, _, pid = (worker or "").rpartition("/")
    if host != socket.gethostname() or not pid.isdigit() or int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False

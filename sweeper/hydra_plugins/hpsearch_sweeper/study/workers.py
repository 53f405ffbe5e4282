"""Who runs a trial, so that one whose sweeper died can be told from one that still runs."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["is_dead", "status", "this_worker"]

_IMPORTED = f"{time.time():.3f}"


def this_worker() -> str:
    """This process as host/pid/start: a later process of the same number has another start."""
    return _named(os.getpid())


def status(worker: str | None) -> Literal["alive", "dead", "unknown"]:
    """Whether that process still runs, as far as this host can tell; else its heartbeat decides.

    A trial without a worker is dead: who creates one names itself before it lets go of the study's
    lock. Unknown is another host, another container, and this host before a reboot.
    """
    if not worker:
        return "dead"
    host, pid, start = (*worker.split("/"), "", "")[:3]
    if host != socket.gethostname() or not pid.isdigit() or os.name == "nt":
        return "unknown"
    if not _same_machine(start):
        return "unknown"
    if not _exists(int(pid)):
        return "dead"
    now = _start(int(pid))
    if not start or now is None:
        return "unknown"
    return "alive" if now == start else "dead"


def is_dead(worker: str | None) -> bool:
    """For a sweeper that has only begun: what it finds under its own name is of an earlier one."""
    return worker == this_worker() or status(worker) == "dead"


@cache
def _named(pid: int) -> str:
    """Once for each process: a fork has another number."""
    return f"{socket.gethostname()}/{pid}/{_start(pid) or _IMPORTED}"


def _exists(pid: int) -> bool:
    """A zombie has ended: only its parent has not asked for its exit status yet."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not (fields := _fields(pid)) or fields[0] not in "ZX"


def _start(pid: int) -> str | None:
    """Clock ticks from the boot on, with the boot and the container; None but on Linux."""
    fields, machine = _fields(pid), _machine()
    return f"{machine}-{fields[19]}" if fields and machine else None


def _fields(pid: int) -> list[str]:
    """What Linux says of a process, from its state on; the name before it may hold anything."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


def _machine() -> str | None:
    """This boot of the kernel, and the process numbers' space: a container has one of its own."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino:x}"
    return None


def _same_machine(start: str) -> bool:
    """True also where that is not known: then the host's name has to do."""
    machine, _, ticks = start.rpartition("-")
    return not ticks or not machine or machine == _machine()

"""The warm server that the tests' commands are forked from: it has imported what they import.

A program of its own, which `tests.commands` starts and talks to. Forked from it, a command spares
the seconds of its imports; everything else is as in a process that was started anew. (So nothing
is frozen for the collector of garbage, which at a command's end closes its databases.)
"""

from __future__ import annotations

import fcntl
import importlib
import json
import multiprocessing.process
import multiprocessing.util
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from types import ModuleType
from typing import Any

# All that a command imports but the command itself, which runs as `__main__`, and what its trials'
# server begins with: that becomes one as it is imported.
IMPORTED = (
    *("hpsearch.warm", "hpsearch.tracking.client", "hpsearch.publishing", "hpsearch.promotion"),
    "hpsearch.model_folder",
)
NEVER = ("hpsearch.train", "hpsearch.report", "hpsearch.predict")
TRIALS_SERVER = "hydra_plugins.hpsearch_sweeper.jobs.server"
HIGH = 512  # a number that no open file has
LONGEST = 1 << 17  # of a message


def main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    found = {*NEVER, TRIALS_SERVER} & set(sys.modules)
    assert not found, f"{found} must be imported by the command itself"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of the tests ends it
    if order := serve(socket.socket(fileno=0)):
        _run(order)


def serve(tests: socket.socket) -> dict[str, Any] | None:
    """Forks a command for each message. Returns its order in the command, else None at the end."""
    running: dict[int, tuple[int, int]] = {}  # pidfd → pid, where its exit code is awaited
    while True:
        for ready in select.select([tests, *running], [], [])[0]:
            if ready in running:
                _tell_end(ready, *running.pop(ready))
                continue
            text, files, *_ = socket.recv_fds(tests, LONGEST, 3)
            if not text:
                for pid, _ in running.values():
                    os.kill(pid, signal.SIGKILL)
                return None
            if (pid := os.fork()) == 0:
                tests.detach()  # else it would close later what has its number then
                order: dict[str, Any] = json.loads(text)
                _become(order, *files[:2])
                return order
            running[os.pidfd_open(pid)] = (pid, files[2])
            for file in files[:2]:
                os.close(file)


def _tell_end(watched: int, pid: int, told: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(told, str(code).encode())
    os.close(told)
    os.close(watched)


def _become(order: dict[str, Any], out: int, err: int) -> None:
    """What ``python -m`` would find: files, folder, environment, signals."""
    with open(os.devnull) as nothing:
        for file, number in ((nothing.fileno(), 0), (out, 1), (err, 2)):
            os.dup2(file, number)
    os.closerange(3, HIGH)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(order["folder"])
    _take_environment(order["environment"])
    sys.path[0] = multiprocessing.process.ORIGINAL_DIR = os.getcwd()  # type: ignore[attr-defined]
    tempfile.tempdir = None


def _take_environment(given: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(given)


def _run(order: dict[str, Any]) -> None:
    """The command, in the main process's own way: it ends with the interpreter."""
    if order["sweeps"]:
        _keep_trials_server()
    sys.argv = [order["module"], *order["words"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


def _keep_trials_server() -> None:
    """A sweep's first server of trials is forked too, from what has run nothing either.

    It waits as a child of the command, since multiprocessing waits for the end of its child.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _become_trials_server(theirs)
    theirs.close()
    start = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]

    def start_or_tell(path: bytes, args: Sequence[str], files: Sequence[int]) -> int:
        if "multiprocessing.forkserver" not in args[-1] or ours.fileno() < 0:
            return int(start(path, args, files))
        told = {"code": args[-1], "files": list(files), "environment": dict(os.environ)}
        with ours:
            socket.send_fds(ours, [json.dumps(told).encode()], list(files))
        return pid

    multiprocessing.util.spawnv_passfds = start_or_tell  # type: ignore[attr-defined]


def _become_trials_server(command: socket.socket) -> None:
    """Once the command has use for it; then as a process that ``python -c CODE`` started."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    text, files, *_ = socket.recv_fds(command, LONGEST, 16)
    if not text:
        os._exit(0)
    told = json.loads(text)
    command.detach()
    high = [fcntl.fcntl(file, fcntl.F_DUPFD, HIGH) for file in files]
    os.closerange(3, HIGH)
    for file, number in zip(high, told["files"], strict=True):
        os.dup2(file, number)
        os.close(file)
    _take_environment(told["environment"])
    sys.argv, sys.modules["__main__"] = ["-c"], ModuleType("__main__")
    exec(told["code"], vars(sys.modules["__main__"]))
    raise SystemExit


if __name__ == "__main__":
    main()

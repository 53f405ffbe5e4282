"""The warm server that the jobs are forked from: it has imported the heavy modules and run nothing.

It computes nothing, for a fork after any tensor operation hangs the child's first one.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["collect", "ensure", "kill_group", "no_interrupt"]

# Set while the server starts, and only then: the standard library lets nothing else through.
SETTINGS = "HPSEARCH_SERVER"

# A terminal or a batch system sends them to all processes at once. A server that ended would take
# the jobs with it, which may want to write how far they are; it ends with the sweeper anyway.
_OF_THE_SWEEPER = (signal.SIGINT, signal.SIGTERM)

_warm_for: tuple[tuple[str, ...], dict[str, str]] | None = None


def ensure(modules: Sequence[str], *, env: Mapping[str, str]) -> None:
    """In the sweeper: starts the server, without waiting for it, unless a right one runs.

    One that lacks a module, or has another environment, is stopped, and with it what runs there.
    """
    from multiprocessing import forkserver, resource_tracker

    global _warm_for
    if _warm_for is not None:
        had, its_env = _warm_for
        if its_env == dict(env) and set(modules) <= set(had):
            modules = had
        else:
            collect()
    resource_tracker.ensure_running()  # when it starts it takes the mask away again
    with _environment(modules, env), no_interrupt():
        forkserver.set_forkserver_preload([__name__])
        forkserver.ensure_running()
    _warm_for = (tuple(modules), dict(env))


def collect() -> None:
    """Waits for the end of the server, which comes now if it has not come yet."""
    from multiprocessing import forkserver

    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def kill_group(leader: int) -> None:
    """Kills a job and all that it started; the job alone where it leads no group yet."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)
            return


@contextmanager
def _environment(modules: Sequence[str], env: Mapping[str, str]) -> Iterator[None]:
    """The server finds what the sweeper finds. The C library and OpenMP read ``env`` only there."""
    changes = {SETTINGS: json.dumps(list(modules)), "PYTHONPATH": os.pathsep.join(sys.path), **env}
    before = {key: os.environ.get(key) for key in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        _restore(before)


def _restore(before: Mapping[str, str | None]) -> None:
    for key, value in before.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


@contextmanager
def no_interrupt() -> Iterator[None]:
    """What is for the sweeper does not reach what is started meanwhile, which inherits the mask: a
    server that is still importing, a command whose word would be lost."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_SWEEPER)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_server(modules: Sequence[str]) -> None:
    """In the server, before it serves."""
    for number in _OF_THE_SWEEPER:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_THE_SWEEPER)
    atexit.register(_kill_jobs, os.getpid())
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # the job that needs it will say more
            _complain(f"importing {module} failed with {type(error).__name__}: {error}")
    if threading.active_count() > 1:
        _complain("importing these modules started threads; jobs forked from there may hang")
    _warm_up()
    gc.collect()
    gc.freeze()  # the children need not copy the pages that a collection would touch


def _warm_up() -> None:
    """What is slow at first use: OmegaConf's parser, and SQLAlchemy's view of its tables."""
    from omegaconf import OmegaConf

    sample = {"a": "${b.c}-${oc.env:HOME,x}/${.b.c}", "b": {"c": 1}, "d": "${oc.decode:'[1, 2]'}"}
    OmegaConf.to_yaml(OmegaConf.create(sample), resolve=True)
    if orm := sys.modules.get("sqlalchemy.orm"):
        orm.configure_mappers()


def _kill_jobs(server: int) -> None:
    """The server ends when the sweeper does, however it died; no job and no grandchild stays."""
    if os.getpid() != server:
        return
    with suppress(OSError):  # Linux only; elsewhere each job watches the sweeper itself
        children = Path(f"/proc/self/task/{server}/children").read_text(encoding="ascii")
        for child in children.split():
            kill_group(int(child))


def _complain(text: str) -> None:
    print(f"hydra.launcher.preload: {text}", file=sys.stderr, flush=True)


if SETTINGS in os.environ:
    _become_server(json.loads(os.environ.pop(SETTINGS)))

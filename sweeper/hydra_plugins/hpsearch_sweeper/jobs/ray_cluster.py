"""The cluster: found or started, once in a program, and asked for what a trial takes of it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from hydra_plugins.hpsearch_sweeper import errors, hiding
from hydra_plugins.hpsearch_sweeper.jobs import ray_shares

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.ray_shares import Terms

__all__ = ["Cluster", "connect", "warn_of_file"]

log = logging.getLogger(__name__)

ADDRESS = "RAY_ADDRESS"  # Ray's own variable
LOCAL = "local"  # Ray's own word for a cluster of its own
SECONDS = 5.0  # in which a cluster accepts a connection

# Of a cluster that is started here. Orders and answers are small, and Ray would reserve a third of
# the memory for them, which the trials need.
STARTED = {"object_store_memory": 100 * 2**20}

_initialised = False  # here, rather than by the program


class Cluster(NamedTuple):
    """What the trials' tasks need to know of it."""

    options: dict[str, Any]  # of a trial's task
    nodes: int
    gpus: int


def connect(terms: Terms, *, slots: int) -> Cluster:
    """Uses the cluster to which the program is connected already, else connects or starts one.

    Only the main thread may call it. Ray itself disconnects when the program ends, and ends what it
    started. Raises ConfigError where there is no Ray, no cluster, or never room for a trial.
    """
    if find_spec("ray") is None:
        raise errors.ConfigError("hydra/launcher=ray needs Ray: pip install 'hpsearch[ray]'")
    import ray

    address = terms.address or os.environ.get(ADDRESS) or LOCAL
    if not ray.is_initialized():
        _initialise(address, terms)
    known: Any = ray.nodes()  # type: ignore[no-untyped-call]
    nodes = [node["Resources"] for node in known if node["Alive"]]
    wanted = ray_shares.wanted(terms, nodes)
    ray_shares.require_room(wanted, nodes, slots=slots, own=_initialised and address == LOCAL)
    options = ray_shares.options(terms, wanted)
    if terms.runtime_env and not _initialised:  # the program that connected could not know of it
        options["runtime_env"] = dict(terms.runtime_env)
    return Cluster(
        options=options,
        nodes=len(nodes),
        gpus=int(sum(node.get("GPU", 0) for node in nodes)),
    )


def warn_of_file(storage: Any, *, nodes: int) -> None:
    """A trial reports to the study from whichever node it runs on."""
    from hydra_plugins.hpsearch_sweeper.study import urls

    url = urls.database_url(storage)
    if nodes > 1 and (storage is None or (url is not None and url.startswith("sqlite"))):
        log.warning(
            "the Ray cluster has %d nodes, and hydra.sweeper.storage=%s is a file, which hosts do "
            "not share safely: take hydra.sweeper.storage=postgresql://…",
            nodes,
            hiding.redacted(url),
        )


def _initialise(address: str, terms: Terms) -> None:
    import ray

    global _initialised

    named = _named(terms.address, address)
    _require_answer(address, named=named)
    given = {"runtime_env": dict(terms.runtime_env) or None, "logging_level": logging.ERROR}
    started = STARTED if address == LOCAL else {}
    with _stderr_aside() as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what Ray will change one day
        try:
            ray.init(address=address, **{**given, **started, **terms.init})
        except Exception as error:
            raise errors.ConfigError(
                f"{named}: Ray cannot be used there ({type(error).__name__}: {_cause(error, said)})"
            ) from error
    _initialised = True
    if not terms.init.get("log_to_driver"):
        _hush()


@contextmanager
def _stderr_aside() -> Iterator[BinaryIO]:
    """What Ray's own core prints while it connects, past Python's logging."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _cause(error: BaseException, said: BinaryIO) -> str:
    """In one line, with what Ray's core said last."""
    said.seek(0)
    *_, last = [b"", *said.read().splitlines()]
    text = f"{error} {last.decode(errors='replace')}"
    hint = "; it asks for a token: RAY_AUTH_MODE=token" if "AuthToken" in text else ""
    return hiding.redacted(" ".join(text.split())) + hint


def _hush() -> None:
    """Ray prints in any case that it lost a worker; the sweep tells of it in its own way."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda data, *_, **__: log.debug("%s", data)


def _named(given: str | None, address: str) -> str:
    """What a user has to change."""
    if given is None and address != LOCAL:
        return f"{ADDRESS}={address}"
    return f"hydra.launcher.address={'null' if given is None else given}"


def _require_answer(address: str, *, named: str) -> None:
    """Ray itself would try for a minute."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        return  # a word, of which Ray knows what it means
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        raise errors.ConfigError(
            f"{named}: no Ray cluster answers there ({error}); hydra.launcher.address=local starts "
            "one on this host"
        ) from error

"""The study for jobs that cannot reach its database: Optuna's gRPC proxy, within the sweeper.

There is no authentication: whoever reaches the port can read and change the studies of that
database, and its password stays with the sweeper.
"""

from __future__ import annotations

import functools
import logging
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    import grpc
    from optuna.storages import BaseStorage

__all__ = ["SCHEME", "connect", "is_rpc_error", "parse", "rpc_reason", "serving"]

SCHEME = "grpc://"

# A call to a host that went away would wait for its answer for ever.
_CALL_SECONDS = 60.0
_THREADS = 10  # SQLAlchemy's pool has 15 connections; the sweeper itself needs two
_GRACE_SECONDS = 1.0


def parse(given: Any) -> tuple[str, int]:
    """Host and port of `hydra.sweeper.proxy`: HOST:PORT, or a port of this host's own name.

    Raises ValueError for anything else.
    """
    host, _, port = str(given).rpartition(":")
    if isinstance(given, bool) or not port.isdigit() or int(port) > 65535:
        raise ValueError(given)
    return host.removeprefix("[").removesuffix("]") or socket.gethostname(), int(port)


@contextmanager
def serving(storage: BaseStorage, given: Any) -> Iterator[str | None]:
    """Serves the storage as `hydra.sweeper.proxy` says; its address. None: it is not wanted."""
    if given is None:
        yield None
        return
    server, address = _started(storage, given)
    # A call that the database does not answer would be a stack trace here; the job says it.
    logging.getLogger("grpc._server").setLevel(logging.CRITICAL)
    try:
        yield address
    finally:
        server.stop(_GRACE_SECONDS).wait()


def _started(storage: BaseStorage, given: Any) -> tuple[grpc.Server, str]:
    host, port = parse(given)
    try:
        from concurrent.futures import ThreadPoolExecutor

        import grpc
        from hydra_plugins.hpsearch_sweeper.study import _service
        from optuna.storages._grpc.auto_generated import api_pb2_grpc
    except ImportError as error:
        raise _wrong(given, f"{error.name} is missing: pip install grpcio protobuf") from error
    # Not Optuna's own function: that shares a port that is taken, and never ends.
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0)])
    api_pb2_grpc.add_StorageServiceServicer_to_server(  # type: ignore[no-untyped-call]
        _service.Service(storage), server
    )
    place = f"[{host}]" if ":" in host else host
    try:
        bound = server.add_insecure_port(f"{place}:{port}")
    except RuntimeError as error:
        raise _wrong(given, f"{place}:{port} is taken, or no address of this host") from error
    server.start()
    return server, f"{SCHEME}{place}:{bound}"


def connect(address: str) -> BaseStorage:
    """The storage behind an address that `serving` gave; nothing is sent yet."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import GrpcStorageProxy

    host, port = parse(address.removeprefix(SCHEME))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        opened = GrpcStorageProxy(host=f"[{host}]" if ":" in host else host, port=port)
    stub: Any = _InTime(opened._stub)
    opened._stub = opened._cache.grpc_client = stub
    return opened


def is_rpc_error(error: BaseException) -> bool:
    """Whether it comes from a call to a proxy; grpc is not imported for that."""
    return any(kind.__name__ == "RpcError" for kind in type(error).__mro__)


def rpc_reason(error: BaseException) -> str:
    """What happened to the call, in one line."""
    details: Any = getattr(error, "details", None)
    found = details() if callable(details) else str(error)
    return " ".join(str(found).split()) or "no answer"


class _InTime:
    """A stub whose calls end, with an error where there is no answer."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Any:
        return functools.partial(getattr(self._stub, name), timeout=_CALL_SECONDS)


def _wrong(given: Any, reason: str) -> errors.ConfigError:
    return errors.ConfigError(
        f"hydra.sweeper.proxy={given} cannot be served ({reason}); allowed: null, a free port, "
        "or HOST:PORT with an address of this host"
    )

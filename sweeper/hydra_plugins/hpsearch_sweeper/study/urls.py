"""The addresses of databases, and what may be said of them; nothing is opened here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hydra_plugins.hpsearch_sweeper.study import proxy

__all__ = [
    "absolute_url",
    "database_file",
    "database_url",
    "one_line",
    "server_options",
]

CONNECT_SECONDS = 10  # a host that does not answer by then will not

# Each driver has a name of its own for that limit.
_CONNECT_LIMITS = {
    "psycopg2": "connect_timeout",
    "psycopg": "connect_timeout",
    "pg8000": "timeout",
    "pymysql": "connect_timeout",
    "mysqldb": "connect_timeout",
    "mysqlconnector": "connection_timeout",
}

_SQLITE = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?:///)(?P<path>[^?]*)(?P<query>\?.*)?", re.DOTALL)


def absolute_url(url: str) -> str:
    """The same address from every working directory; the folder of a sqlite file comes to be."""
    found = _SQLITE.fullmatch(url)
    if found is None or found["path"] in ("", ":memory:") or found["path"].startswith("file:"):
        return url
    absolute = Path(found["path"]).expanduser().absolute()
    absolute.parent.mkdir(parents=True, exist_ok=True)
    return f"{found['scheme']}{absolute}{found['query'] or ''}"


def database_file(url: str) -> Path | None:
    """The file of a sqlite address; None for a server's, and for a database in memory."""
    found = _SQLITE.fullmatch(url)
    if found is None or "mode=memory" in (found["query"] or ""):
        return None
    path = found["path"].removeprefix("file:")
    return Path(path).expanduser().absolute() if path not in ("", ":memory:") else None


def database_url(given: Any) -> str | None:
    """The address within a storage setting: null has none, nor has a journal or a gRPC proxy."""
    if isinstance(given, dict) and str(given.get("_target_", "")).endswith("RDBStorage"):
        given = given.get("url")
    return given if isinstance(given, str) else None


def one_line(error: BaseException) -> str:
    """What a database's driver said first, without what SQLAlchemy and Optuna say around it.

    Of a call to a proxy, what happened to it.
    """
    if proxy.is_rpc_error(error):
        return proxy.rpc_reason(error)
    for one in (error, error.__cause__):
        if driver := getattr(one, "orig", None):
            return next(iter(str(driver).splitlines()), repr(driver))
    return " ".join(str(error).split()) or repr(error)


def server_options(url: str) -> dict[str, Any]:
    """How to connect to a database server, as options of an SQLAlchemy engine."""
    from sqlalchemy import make_url

    address = make_url(url)
    limit = _CONNECT_LIMITS.get(address.get_dialect().driver)
    wanted = {limit: CONNECT_SECONDS} if limit and limit not in address.query else {}
    # A connection that idled through a long trial may be cut: ask whether it still works.
    return {"pool_pre_ping": True, "connect_args": wanted}

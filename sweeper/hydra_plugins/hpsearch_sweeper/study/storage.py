"""Where the study lives. The parent opens it first: no two jobs create its tables at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["absolute_url", "open_storage"]

_LOCK_WAIT_SECONDS = 60


def open_storage(given: Any) -> BaseStorage:
    """null, an Optuna URL, or a config with a `_target_`, as an open storage."""
    import optuna

    if given is None:
        return optuna.storages.InMemoryStorage()
    if isinstance(given, dict):
        return _instantiated(given)
    if not isinstance(given, str):
        raise _wrong(given, "it is no text")
    try:
        return _open_url(absolute_url(given))
    except Exception as error:  # each database driver has exceptions of its own
        raise _wrong(given, str(error).splitlines()[0]) from error


def absolute_url(url: str) -> str:
    """The same address from every working directory; the folder of a sqlite file comes to be."""
    prefix = "sqlite:///"
    path, _, query = url.removeprefix(prefix).partition("?")
    if not url.startswith(prefix) or path in ("", ":memory:") or path.startswith("file:"):
        return url
    absolute = Path(path).expanduser().absolute()
    absolute.parent.mkdir(parents=True, exist_ok=True)
    return f"{prefix}{absolute}" + (f"?{query}" if query else "")


def _open_url(url: str) -> BaseStorage:
    import optuna

    if not url.startswith("sqlite"):
        return optuna.storages.get_storage(url)
    connect = {"connect_args": {"timeout": _LOCK_WAIT_SECONDS}}
    return optuna.storages.RDBStorage(url, engine_kwargs=connect)


def _instantiated(given: dict[str, Any]) -> BaseStorage:
    from hydra.utils import instantiate
    from optuna.storages import BaseStorage

    storage = instantiate(given)
    if not isinstance(storage, BaseStorage):
        raise _wrong(given, "it is no Optuna storage")
    return storage


def _wrong(given: Any, reason: str) -> errors.ConfigError:
    return errors.ConfigError(
        f"hydra.sweeper.storage={given} cannot be opened ({reason}); "
        "allowed: null, or an Optuna URL as sqlite:///studies.db"
    )

"""Where a run keeps its artifacts: a folder of this machine, or behind a server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from hpsearch.errors import TrackingError
from hpsearch.tracking.store import Store

__all__ = ["check_place", "local_folder"]


def local_folder(uri: str) -> Path | None:
    """The folder behind a ``file:`` address; None for any other."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc:
        return None
    return Path(url2pathname(parts.path))


def check_place(store: Store, uri: str) -> None:
    """Refuse to write into another output root: MLflow keeps whole paths, and this one was moved.

    A copy of a root would otherwise change the original. Raises :class:`TrackingError`.
    """
    folder = local_folder(uri)
    root = store.artifacts.parents[1]
    if folder is None or store.file is None or store.file.parent.resolve() != root.resolve():
        return  # a store of several roots, whose artifacts are all with the first one
    theirs = folder.parents[1]  # <root>/outputs/mlflow-artifacts/<run>/artifacts
    ours = theirs.parts[-2:] == store.artifacts.parts[-2:]
    if ours and theirs.resolve() != store.artifacts.resolve():
        raise TrackingError(
            f"root={root}: it was moved or copied, MLflow still has its artifacts in {theirs};"
            " nothing is written there"
        )

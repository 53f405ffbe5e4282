"""Python's collector of garbage, and when it is only in the way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """For making very many objects that are all kept for a while.

    MLflow makes a hundred of SQLAlchemy's objects for each run that it finds; looking again and
    again for garbage among them takes as long as making them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

"""Progress bars on a terminal; nothing where no person watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

__all__ = ["track"]

T = TypeVar("T")


def track(items: Iterable[T], total: int) -> Iterable[T]:
    """The items, with a bar on standard error while they are consumed."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track as bar

    return bar(items, "training", total, console=Console(stderr=True), transient=True)

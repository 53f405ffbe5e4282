"""Other people's log lines while the live display runs.

A handler of the logging module keeps the stream that it was made with. One that writes to the
terminal past the display would tear it, so it gets the display's own stream for that time.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["log_elsewhere", "proxies", "redirect"]


def proxies() -> list[Any]:
    """Those of stdout and stderr that rich has put itself before."""
    return [x for x in (sys.stdout, sys.stderr) if hasattr(x, "rich_proxied_file")]


def redirect(old: Any, new: Any) -> None:
    """Every handler that writes to `old` writes to `new`."""
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    for logger in loggers:
        for handler in list(getattr(logger, "handlers", ())):
            if isinstance(handler, logging.StreamHandler) and handler.stream is old:
                handler.setStream(new)


def log_elsewhere(logger: logging.Logger, text: str) -> None:
    """Logs what the display shows by itself: into files and the like, not on the terminal."""
    if not logger.isEnabledFor(logging.INFO):
        return
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, text, (), None)
    for handler in _handlers(logger):
        if not _on_terminal(handler) and record.levelno >= handler.level:
            handler.handle(record)


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Those that the record would come to by itself."""
    current: logging.Logger | None = logger
    while current is not None:
        yield from current.handlers
        current = current.parent if current.propagate else None


def _on_terminal(handler: logging.Handler) -> bool:
    return hasattr(getattr(handler, "stream", None), "rich_proxied_file")

"""A database server that goes away for a moment: what was asked of it is asked again."""

from __future__ import annotations

import functools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from hydra_plugins.hpsearch_sweeper import hiding
from hydra_plugins.hpsearch_sweeper.study import urls

__all__ = ["PATIENCE_SECONDS", "Waiting", "is_outage", "outlived"]

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 120.0  # a restart takes seconds, an upgrade a minute; the jobs go on meanwhile
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 3.0

P = ParamSpec("P")
T = TypeVar("T")


class Waiting(Protocol):
    """What it takes to ask again."""

    def hurried(self) -> bool:
        """Whether somebody wants an end rather than another try."""

    def interrupted(self) -> None:
        """Told of each failure: what is known of the others' signs of life is worth nothing."""


W = TypeVar("W", bound=Waiting)


def outlived(method: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """Tries again what lost its database server, for so long as one may be patient.

    Only for what may be done twice, and never within the study's lock, which is lost too.
    """

    @functools.wraps(method)
    def patient(self: W, /, *given: P.args, **named: P.kwargs) -> T:
        limit, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_PAUSE
        while True:
            try:
                return method(self, *given, **named)
            except Exception as error:
                if not is_outage(error):
                    raise
                self.interrupted()
                if time.monotonic() + pause > limit or self.hurried():
                    raise
                if pause == _FIRST_PAUSE:
                    _warn(error)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    return patient


def is_outage(error: BaseException) -> bool:
    """Whether a connection to a database server was lost, or could not be made."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    return any(
        isinstance(one, OperationalError | InterfaceError)
        and not isinstance(one.orig, sqlite3.Error)  # its own patience is over by then
        for one in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _warn(error: Exception) -> None:
    causes = [x for x in _causes(error) if getattr(x, "orig", None)]
    reason: Any = hiding.redacted(urls.one_line(causes[0] if causes else error))
    log.warning(
        "the database does not answer, it is asked again for %g s (%s)", PATIENCE_SECONDS, reason
    )

"""Everything the sweeper refuses, as one clear line.

Hydra prints a `CompactHydraException` without a stack trace, so the message is all that a user
sees: it names the key, what was given and what is allowed.
"""

from __future__ import annotations

from hydra.errors import CompactHydraException

__all__ = ["ConfigError", "SearchSpaceError", "StudyError", "SweepError", "SweepFailedError"]


class SweepError(CompactHydraException):
    """The base of every error that the sweeper raises on purpose."""


class ConfigError(SweepError):
    """A key under `hydra.sweeper` holds something that it cannot hold."""


class SearchSpaceError(ConfigError):
    """A searched parameter is malformed, unknown or without values."""


class StudyError(SweepError):
    """The study cannot be opened or continued."""


class SweepFailedError(SweepError):
    """Too many trials failed, or all of them."""

"""What a test does without its service: it is skipped with the reason, but not where CI runs it."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

__all__ = ["missing"]


def missing(service: str, why: str) -> NoReturn:
    """Skip; fail where ``HPSEARCH_SERVICES=required`` says that the services have been started."""
    reason = f"{service} is not there: {why}"
    if os.environ.get("HPSEARCH_SERVICES") == "required":
        pytest.fail(reason)
    pytest.skip(reason)

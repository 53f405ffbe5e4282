"""The commit of the code that a run was made with."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from hpsearch.tracking import names

__all__ = ["commit_tag"]


def commit_tag() -> dict[str, str]:
    """The tag of it; none outside a checkout."""
    commit = _commit()
    return {names.COMMIT: commit} if commit else {}


@functools.cache
def _commit() -> str:
    """The commit of the checkout that one works in, or that this package lies in."""
    for folder in (Path.cwd(), Path(__file__).parent):
        command = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.SubprocessError):
            return ""
        if done.returncode == 0:
            return done.stdout.strip()
    return ""

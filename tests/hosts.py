"""Other hosts, as far as a program can tell: processes with a host name of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

__all__ = ["SOON", "require_hosts", "start"]

# The first line of a program that takes a holder elsewhere for dead in two seconds, not a minute.
SOON = "from hpsearch.lease import Lease, pulse, watch; pulse.BEAT, watch.MISSED = 0.1, 20\n"


@cache
def _can_name_hosts() -> bool:
    words = ["unshare", "--uts", "hostname", "other"]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def require_hosts() -> None:
    if not _can_name_hosts():
        pytest.skip("only root gives a process a host name of its own (unshare --uts)")


def start(
    program: str,
    *words: str,
    host: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """A Python program on this host, or on one of another name."""
    named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host] if host else []
    return subprocess.Popen(
        [*named, sys.executable, "-c", program, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

"""Runs the real commands, as a user types them, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SHARP", "Done", "environment", "run"]

SECONDS = 240
# For limits of memory: what is freed goes back to the kernel at once, and is not lost in fragments;
# several threads would wait for each other, busily.
SHARP = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def environment(folder: Path) -> dict[str, str]:
    """No network, one thread, and a home of its own, so that a stray file is seen."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "LANG", "TMPDIR")}
    return {**kept, "HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run(folder: Path, module: str, *words: str, more: Mapping[str, str] | None = None) -> Done:
    """``python -m hpsearch.MODULE WORDS`` in ``folder``; a sweep only reports where told."""
    swept = module == "train" and "-m" in words
    told = any(word.startswith("report.") for word in words)
    unasked = ["report.auto=false"] if swept and not told else []  # figures take seconds
    done = subprocess.run(
        [sys.executable, "-m", f"hpsearch.{module}", *words, *unasked],
        cwd=folder,
        env={**environment(folder), **(more or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)

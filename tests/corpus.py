"""The embedded reviews, made once: else it takes two seconds in each folder that a test has."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from hpsearch.data.sources import read

__all__ = ["lay_out"]


def lay_out(root: Path) -> None:
    """What a command below ``root`` would make for itself first, unless it is there."""
    for made in _made().iterdir():
        file = root / "cache" / made.name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, file)


@cache
def _made() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="reviews-")
    atexit.register(folder.cleanup)
    for split in ("train", "test"):
        read("reviews", split, path=None, columns=("text", "label"), cache=Path(folder.name))
    return Path(folder.name)

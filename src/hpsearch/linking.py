"""A second name for a file instead of a second copy: no gigabytes are written, none are lost.

For files that are never written in place: what replaces one is renamed over it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["link", "link_tree"]


def link(file: Path, target: Path) -> None:
    """``target`` becomes ``file``, by link where the file system allows it; it may be there."""
    target.unlink(missing_ok=True)
    try:
        os.link(file.resolve(), target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, target)


def link_tree(folder: Path, target: Path) -> None:
    """The same for every file below a folder; links lead to what they stand for."""
    for file in folder.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            link(file, place)

"""Who holds a lease, and who is in a folder, as far as can be seen at once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hpsearch.lease import claims, pulse
from hpsearch.lease.watch import Watch

__all__ = ["Mark", "is_held"]


class Mark:
    """One of many that say: this folder is in use. A file of its own in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(8)
        folder.mkdir(parents=True, exist_ok=True)
        claims.make(self.path, self.path.name)
        self._file = os.open(self.path, os.O_RDWR)
        pulse.add(self._file)

    def remove(self) -> None:
        pulse.remove(self._file)
        os.close(self._file)
        self.path.unlink(missing_ok=True)

    @staticmethod
    def any(folder: Path) -> bool:
        """Whether somebody uses it; removes what dead ones left."""
        found = [x for x in folder.glob("*") if not x.name.startswith(".")]
        for path in [path for path in found if not is_held(path)]:
            path.unlink(missing_ok=True)
            found.remove(path)
        return bool(found)


def is_held(path: Path) -> bool:
    """Whether a process that lives, as far as can be seen at once, holds this lease."""
    claim = claims.look(path)
    return claim is not None and not claim.free and not Watch().is_over(path, claim)

"""Where ``conf/`` lies: inside the installed package, or beside ``src/`` in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CONF_DIR"]

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "conf"

CONF_DIR = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parents[1] / "conf"

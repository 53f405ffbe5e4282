"""Python code that comes with a model or a tokenizer: run only where the user has asked for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpsearch.errors import BackboneError

__all__ = ["require_trust"]

# Where transformers reads that classes of the folder's own are to be imported.
FILES = ("config.json", "tokenizer_config.json")


def require_trust(folder: Path, key: str, *, trusted: bool) -> None:
    """Refuse a folder that names code of its own, under the key that led to the folder.

    transformers itself refuses only what it has no class for, and else takes its own class without
    a word, which may be another model than the folder's.
    """
    code = sorted({name for file in FILES for name in _named_in(folder / file)})
    if code and not trusted:
        raise BackboneError(
            f"{key}={folder}: it brings Python code of its own ({', '.join(code)}), which would "
            "run with all your rights; read it, then allow it with backbone.trust_remote_code=true"
        )


def _named_in(file: Path) -> list[str]:
    """What ``auto_map`` names: one class, or several (a slow and a fast tokenizer)."""
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get("auto_map")
    except (OSError, ValueError, AttributeError):  # whoever loads the file says what is wrong
        return []
    return list(_leaves(found))


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [name for item in value.values() for name in _leaves(item)]
    if isinstance(value, list):
        return [name for item in value for name in _leaves(item)]
    return [] if value is None else [str(value)]

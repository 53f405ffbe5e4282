"""Seals: a cached folder with the digests of its files, so that damage is seen and not computed on.

A disk that was full, a crash or a copy that broke off leaves files that often still load: a token
file of other lengths, a tokenizer without its vocabulary.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

__all__ = ["SEAL", "break_reason", "seal"]

SEAL = "seal.json"


def seal(folder: Path) -> None:
    """Note what the files of a folder hold; nothing in it may change from here on."""
    (folder / SEAL).write_text(json.dumps(_digests(folder), indent=2) + "\n")


def break_reason(folder: Path) -> str | None:
    """What is wrong with a sealed folder; None where it holds what it held when it was sealed."""
    try:
        sealed = json.loads((folder / SEAL).read_text())
    except (OSError, ValueError):
        return f"no readable {SEAL}"
    found = _digests(folder)
    wrong = sorted(name for name in {*sealed, *found} if sealed.get(name) != found.get(name))
    return f"{', '.join(wrong)} changed" if wrong else None


def _digests(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != SEAL]
    return {file.relative_to(folder).as_posix(): _digest(file) for file in files}


def _digest(file: Path) -> str:
    with file.open("rb") as content:  # blake2b reads a gigabyte a second
        return hashlib.file_digest(content, "blake2b").hexdigest()[:32]

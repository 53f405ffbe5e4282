"""Splits kept on the disk, so that a trial need not read the source again to learn its part.

A folder below ``cache/splits`` is named by the source file as it stands and by what was asked. Its
texts are mapped into memory and decoded when they are looked at, which few trials do: the tokens
have a cache of their own.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from hpsearch.atomic import new_folder
from hpsearch.data import seals

__all__ = ["Examples", "Splits", "kept"]

log = logging.getLogger(__name__)

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Texts and their class indices; ``labels`` has shape (n,), values in [0, classes)."""

    texts: Sequence[str]
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def text_digest(self) -> str:
        """32 hexadecimal digits over the texts in order; one that is kept knows its own."""
        if isinstance(self.texts, _MappedTexts):
            return self.texts.digest
        digest = hashlib.blake2b(digest_size=16)
        for text in self.texts:
            digest.update(_encoded(text) + b"\0")
        return digest.hexdigest()


@dataclass(frozen=True)
class Splits:
    """Training and validation examples, the classes' names, and a digest of all three."""

    train: Examples
    val: Examples
    classes: tuple[str, ...]
    digest: str


class _MappedTexts(Sequence[str]):
    """Text i is bytes ``offsets[i]`` to ``offsets[i + 1]`` of a file."""

    def __init__(self, folder: Path, part: str, digest: str) -> None:
        self.digest = digest
        self._offsets = np.load(folder / f"{part}-offsets.npy", allow_pickle=False)
        self._file = folder / f"{part}-texts.bin"

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        start, end = self._offsets[row], self._offsets[row + 1]
        return bytes(self._bytes[start:end]).decode("utf-8", "surrogatepass")

    @cached_property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.memmap(self._file, np.uint8, mode="r")


def kept(folder: Path, make: Callable[[], Splits]) -> Splits:
    """The splits that are kept in ``folder``; made, and kept there, where none or damaged ones are.

    The names and digests tell what was kept; the texts are not read for it.
    """
    there = folder.exists()
    if there and (reason := seals.break_reason(folder)):
        log.warning("cache %s is damaged (%s): reading the data again", folder, reason)
    if there and not reason:
        return _read(folder)
    splits = make()
    try:
        with new_folder(folder, replace=there) as temporary:
            _write(temporary, splits)
            seals.seal(temporary)
    except OSError as error:  # the next trial reads the source again
        log.debug("%s could not be written (%s)", folder, error)
    return splits


def _read(folder: Path) -> Splits:
    told = json.loads((folder / "splits.json").read_text())
    train, val = (_read_part(folder, part, told) for part in ("train", "val"))
    return Splits(train, val, tuple(told["classes"]), told["digest"])


def _read_part(folder: Path, part: str, told: dict[str, Any]) -> Examples:
    labels = np.load(folder / f"{part}-labels.npy", allow_pickle=False)
    return Examples(_MappedTexts(folder, part, told[part]), labels)


def _write(folder: Path, splits: Splits) -> None:
    told = {"classes": splits.classes, "digest": splits.digest}
    for part, examples in (("train", splits.train), ("val", splits.val)):
        told[part] = examples.text_digest
        encoded = [_encoded(text) for text in examples.texts]
        offsets = np.cumsum([0, *(len(text) for text in encoded)], dtype=np.int64)
        np.save(folder / f"{part}-labels.npy", examples.labels)
        np.save(folder / f"{part}-offsets.npy", offsets)
        (folder / f"{part}-texts.bin").write_bytes(b"".join(encoded))
    (folder / "splits.json").write_text(json.dumps(told) + "\n")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate is no text, but it may come

"""Splits: which examples train, which validate; the test split is read by the winner alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hpsearch.data.kept_splits import Examples, Labels, Splits, kept
from hpsearch.data.sources import read, source_file
from hpsearch.errors import DataError, nearest
from hpsearch.remembering import stamp
from hpsearch.timing import phase

__all__ = ["Examples", "Splits", "load_splits", "load_test"]

# What decides which examples a split holds: another version of it splits anew.
CODE = ("sources.py", "splits.py")


@phase("data")
def load_splits(
    *,
    name: str,
    path: str | None,
    columns: tuple[str, str],
    classes: Sequence[str] | None,
    train_size: float | None,
    val_size: float,
    seed: int,
    cache: Path,
) -> Splits:
    """Read the training file and carve the validation split from it, both stratified.

    The validation examples depend on ``val_size`` and ``seed`` alone, so that runs on more or
    fewer training examples are compared on the same ones. Sizes are shares of the file's rows in
    (0, 1), counts, or None for all that is left.

    Raises:
        DataError: an empty split, more asked than there is, a single class, an unknown label.
    """
    asked = (name, columns, classes, train_size, val_size, seed)
    file = source_file(name, "train", path=path, cache=cache)
    code = [Path(__file__).with_name(room) for room in CODE]
    key = file and stamp([file], asked, version("scikit-learn"), *(c.read_text() for c in code))

    def make() -> Splits:
        frame = read(name, "train", path=path, columns=columns, cache=cache)
        return _split(frame, columns[1], classes, (train_size, val_size), seed)

    return kept(cache / "splits" / key, make) if key else make()


def _split(
    frame: pd.DataFrame,
    column: str,
    classes: Sequence[str] | None,
    sizes: tuple[float | None, float],
    seed: int,
) -> Splits:
    train_size, val_size = sizes
    names, labels = _encode(frame["label"], classes, column=column)
    rest, val = _carve(np.arange(len(frame)), labels, "data.val_size", val_size, seed)
    if train_size is not None:
        count = _count("data.train_size", train_size, total=len(frame), left=len(rest))
        if count < len(rest):
            _, rest = _carve(rest, labels, "data.train_size", count, seed)
    train, held = (_take(frame, labels, np.sort(rows)) for rows in (rest, val))
    return Splits(train, held, names, _digest(train, held, names))


def load_test(
    *,
    name: str,
    path: str | None,
    columns: tuple[str, str],
    classes: Sequence[str],
    test_size: float | None,
    seed: int,
    cache: Path,
) -> Examples:
    """The test split, whole or a stratified part of it, with the training split's classes."""
    frame = read(name, "test", path=path, columns=columns, cache=cache)
    _, labels = _encode(frame["label"], classes, column=columns[1])
    rows = np.arange(len(frame))
    if test_size is not None:
        count = _count("data.test_size", test_size, total=len(frame), left=len(frame))
        if count < len(rows):
            _, rows = _carve(rows, labels, "data.test_size", count, seed)
    return _take(frame, labels, np.sort(rows))


def _encode(
    values: pd.Series[Any], classes: Sequence[str] | None, *, column: str
) -> tuple[tuple[str, ...], Labels]:
    """Class names and class indices; whole numbers index ``classes`` where these are given."""
    plain = [_plain(value) for value in values]
    found = sorted(set(plain), key=lambda value: (isinstance(value, str), value))
    names = tuple(classes) if classes is not None else tuple(str(value) for value in found)
    known: dict[str | int, int] = {name: index for index, name in enumerate(names)}
    if classes is not None:
        known |= {index: index for index in range(len(names))}
    else:
        known |= {value: index for index, value in enumerate(found)}
    for value in found:
        if value not in known:
            listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
            hint = nearest(str(value), names)
            raise DataError(
                f"data.label_column={column}: label {value!r}; allowed are {listed}{hint}"
            )
    labels = np.array([known[value] for value in plain], dtype=np.int64)
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"data.label_column={column}: every label is {found[0]!r}; at least two "
            "classes are needed"
        )
    return names, labels


def _plain(value: Any) -> str | int:
    """A label as str or int: csv files with a gap turn whole numbers into floats."""
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating) and not float(value).is_integer():
        return str(value)
    return int(value)


def _count(key: str, size: float, *, total: int, left: int) -> int:
    """A share or count as a count of at least one and at most what is left."""
    count = round(size * total) if isinstance(size, float) else size
    if count < 1:
        raise DataError(f"{key}={size}: the split would be empty; {left} examples are there")
    if count > left:
        raise DataError(f"{key}={size}: only {left} examples are there")
    return count


def _carve(
    rows: npt.NDArray[np.int64], labels: Labels, key: str, size: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows without, and with, a stratified sample of this size."""
    from sklearn.model_selection import train_test_split

    count = _count(key, size, total=len(rows), left=len(rows) - 1)
    try:
        rest, taken = train_test_split(
            rows, test_size=count, stratify=labels[rows], random_state=seed
        )
    except ValueError as error:  # a class too small to appear on both sides
        raise DataError(f"{key}={size}: cannot be stratified: {error}") from error
    return rest, taken


def _take(frame: pd.DataFrame, labels: Labels, rows: npt.NDArray[np.int64]) -> Examples:
    return Examples(frame["text"].iloc[rows].tolist(), labels[rows])


def _digest(train: Examples, val: Examples, classes: Sequence[str]) -> str:
    """16 hexadecimal digits over every text, label and class name, in order."""
    digest = hashlib.sha256(repr(tuple(classes)).encode())
    for part in (train, val):
        digest.update(part.labels.tobytes())
        for text in part.texts:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]

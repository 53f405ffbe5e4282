"""Sources: the embedded reviews, IMDB, or the user's own files, as raw texts and labels."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from hpsearch.atomic import write_bytes
from hpsearch.data import reviews
from hpsearch.errors import DataError, nearest

__all__ = ["read", "source_file"]

log = logging.getLogger(__name__)

IMDB = "stanfordnlp/imdb"
SUFFIXES = (".parquet", ".csv", ".jsonl")
# How many reviews a split of the embedded corpus has, and the seed of its random stream.
REVIEWS = {"train": (5000, 0), "test": (2000, 1)}


def read(
    name: str, split: str, *, path: str | None, columns: tuple[str, str], cache: Path
) -> pd.DataFrame:
    """One split as a frame with the columns ``text`` (str) and ``label`` (str or int).

    Args:
        name: reviews, imdb or files.
        split: train or test.
        path: a folder with ``train.*`` and ``test.*``, or one file (then there is no test split).
        columns: the names of the text and the label column in the source.
        cache: a folder for what is made or downloaded.

    Raises:
        DataError: a missing file or column, a missing or empty value, an unreadable file.
    """
    if name == "reviews":
        return _reviews(split, cache)
    if path is None and name == "files":
        raise DataError("data.path=null: data=files needs a folder or a file")
    frame = _from_hub(split, cache) if path is None else _from_file(_find(Path(path), split))
    where = f"data.path={path}" if path is not None else f"data={name}"
    return _checked(frame, columns, where=f"{where} ({split})")


def source_file(name: str, split: str, *, path: str | None, cache: Path) -> Path | None:
    """The file that a split would be read from; None where it is not there yet, or many files.

    Raises:
        DataError: ``path`` leads to none.
    """
    if name == "reviews":
        file = _reviews_file(split, cache)
        return file if file.exists() else None
    return None if path is None else _find(Path(path), split)


def _reviews_file(split: str, cache: Path) -> Path:
    """Its version names the embedded corpus."""
    return cache / f"reviews-v{reviews.VERSION}-{split}.parquet"


def _reviews(split: str, cache: Path) -> pd.DataFrame:
    """The embedded corpus, made once."""
    file = _reviews_file(split, cache)
    if file.exists():
        try:
            return pd.read_parquet(file, page_checksum_verification=True)
        except (ValueError, OSError) as error:  # Arrow's errors derive from these
            log.warning("cache %s is damaged (%s): making the reviews again", file, _flat(error))
    count, seed = REVIEWS[split]
    frame = pd.DataFrame(reviews.generate(count, seed), columns=["text", "label"])
    write_bytes(file, frame.to_parquet(write_page_checksum=True))
    return pd.read_parquet(file)


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())


def _from_hub(split: str, cache: Path) -> pd.DataFrame:
    import datasets

    try:
        loaded = datasets.load_dataset(IMDB, split=split, cache_dir=str(cache / "datasets"))
    except Exception as error:  # the hub's client raises half a dozen kinds when it is away
        raise DataError(
            f"data.path=null: {IMDB} cannot be fetched from the hub ({type(error).__name__}); "
            "give a folder with train.* and test.*"
        ) from error
    frame: pd.DataFrame = loaded.to_pandas()
    return frame


def _find(path: Path, split: str) -> Path:
    """The file of a split below ``path``."""
    if path.is_file() and split == "train":
        return path
    candidates = [path / f"{split}{suffix}" for suffix in SUFFIXES]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    wanted = ", ".join(candidate.name for candidate in candidates)
    if not path.exists():
        raise DataError(f"data.path={path}: no such file or folder; allowed is one with {wanted}")
    raise DataError(f"data.path={path}: there is no {split} split; one of {wanted} is needed")


def _from_file(file: Path) -> pd.DataFrame:
    readers: dict[str, Any] = {
        ".parquet": pd.read_parquet,
        # "NA" and "null" are texts; only an empty field is a missing one.
        ".csv": lambda f: pd.read_csv(f, keep_default_na=False, na_values=[""]),
        ".jsonl": lambda f: pd.read_json(f, lines=True, dtype=False),
    }
    if file.suffix not in readers:
        raise DataError(f"data.path={file}: allowed are files ending in {', '.join(SUFFIXES)}")
    try:
        frame: pd.DataFrame = readers[file.suffix](file)
    except (ValueError, OSError) as error:  # parsers' and Arrow's errors derive from these
        raise DataError(f"data.path={file}: cannot be read: {error}") from error
    return frame


def _checked(frame: pd.DataFrame, columns: tuple[str, str], *, where: str) -> pd.DataFrame:
    """The two columns under their own names, every row with a text and a label."""
    for key, column in zip(("text_column", "label_column"), columns, strict=True):
        if column not in frame.columns:
            names = [str(name) for name in frame.columns]
            hint = nearest(column, names)
            raise DataError(
                f"data.{key}={column}: {where} has the columns {', '.join(names)}{hint}"
            )
    taken = pd.DataFrame({"text": frame[columns[0]], "label": frame[columns[1]]})
    _check_cells(taken, columns, where=where)
    return taken


def _check_cells(frame: pd.DataFrame, columns: tuple[str, str], *, where: str) -> None:
    if frame.empty:
        raise DataError(f"{where}: the file has no rows")
    strings = frame["text"].map(lambda value: isinstance(value, str))
    if not strings.all():
        row = int(strings.to_numpy().argmin())
        raise DataError(
            f"data.text_column={columns[0]}: {where} row {row} holds "
            f"{frame['text'].iloc[row]!r}; allowed is a text"
        )
    missing = frame["label"].isna()
    if missing.any():
        row = int(missing.to_numpy().argmax())
        raise DataError(f"data.label_column={columns[1]}: {where} row {row} has no label")

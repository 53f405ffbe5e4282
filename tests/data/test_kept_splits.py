"""Splits that are kept are those that would be read, and a changed source is read again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hpsearch import remembering
from hpsearch.data import Splits, load_splits, splits


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is kept however young it is."""
    file = tmp_path / "train.jsonl"
    write(file)
    monkeypatch.setattr(remembering, "GRAIN", 0.0)
    return file


def write(file: Path, word: str = "film") -> None:
    texts = [f"{word} {i} \N{LATIN SMALL LETTER E WITH ACUTE}" for i in range(38)]
    frame = pd.DataFrame({"text": ["", *texts, "\n\0x"], "label": ["good", "bad"] * 20})
    frame.to_json(file, orient="records", lines=True)


def load(file: Path, **changes: Any) -> Splits:
    options = {"train_size": None, "val_size": 8, "seed": 0, **changes}
    where = {"name": "files", "path": str(file), "cache": file.parent / "cache"}
    return load_splits(**where, columns=("text", "label"), classes=None, **options)


def same(one: Splits, other: Splits) -> bool:
    pairs = ((one.train, other.train), (one.val, other.val))
    return (one.digest, one.classes) == (other.digest, other.classes) and all(
        list(a.texts) == list(b.texts)
        and np.array_equal(a.labels, b.labels)
        and a.text_digest == b.text_digest
        for a, b in pairs
    )


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one each time the source is read."""
    found: list[str] = []
    read: Callable[..., pd.DataFrame] = splits.read

    def counted(*words: Any, **more: Any) -> pd.DataFrame:
        found.append("read")
        return read(*words, **more)

    monkeypatch.setattr(splits, "read", counted)
    return found


def test_the_source_is_read_once_and_gives_the_same(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reads(monkeypatch)
    first = load(source)
    assert same(load(source), first)
    assert len(read) == 1
    assert load(source).train.texts[-1] == first.train.texts[-1]
    assert load(source).train.texts[1:3] == first.train.texts[1:3]


@pytest.mark.parametrize("change", [{"val_size": 4}, {"seed": 1}, {"train_size": 10}])
def test_another_question_is_answered_anew(source: Path, change: dict[str, Any]) -> None:
    first = load(source)
    other = load(source, **change)
    assert other.digest != first.digest
    assert same(load(source, **change), other)


def test_a_changed_source_is_seen_though_size_and_time_are_the_same(source: Path) -> None:
    first, before = load(source), source.stat()
    time.sleep(0.02)  # a tick of the kernel's clock
    write(source, "book")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.stat().st_size == before.st_size
    assert load(source).digest != first.digest


def test_damage_is_seen_and_mended(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = load(source)
    for name in ("train-texts.bin", "val-labels.npy", "splits.json"):
        (file,) = (source.parent / "cache" / "splits").rglob(name)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        assert same(load(source), first)
        assert f"{name} changed): reading the data again" in caplog.text
    caplog.clear()
    assert same(load(source), first)
    assert not caplog.text

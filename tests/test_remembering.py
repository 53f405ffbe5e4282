"""What is remembered of a file is forgotten when the file changes, however it does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hpsearch import remembering
from hpsearch.remembering import remembered, stamp


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Remembered however young it is."""
    made = tmp_path / "weights"
    made.write_text("one")
    monkeypatch.setattr(remembering, "GRAIN", 0.0)
    return made


def read(file: Path, notes: Path, *, times: list[str]) -> str:
    def compute() -> str:
        times.append("read")
        return file.read_text()

    return remembered(notes, [file], compute)


def test_an_unchanged_file_is_read_once(file: Path, tmp_path: Path) -> None:
    times: list[str] = []
    assert [read(file, tmp_path / "notes", times=times) for _ in range(3)] == ["one"] * 3
    assert len(times) == 1


def test_a_change_is_seen_even_with_the_same_size_and_time(file: Path, tmp_path: Path) -> None:
    times: list[str] = []
    read(file, tmp_path / "notes", times=times)
    before = file.stat()
    time.sleep(0.02)  # a tick of the kernel's clock, which dates the change
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read(file, tmp_path / "notes", times=times) == "two"


def test_a_file_renamed_into_its_place_is_seen(file: Path, tmp_path: Path) -> None:
    times: list[str] = []
    read(file, tmp_path / "notes", times=times)
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert read(file, tmp_path / "notes", times=times) == "two"


def test_a_damaged_note_is_not_believed(file: Path, tmp_path: Path) -> None:
    times: list[str] = []
    read(file, tmp_path / "notes", times=times)
    (note,) = (tmp_path / "notes").iterdir()
    for damage in ("", "{}", "[]", note.read_text().replace("one", "two")):
        note.write_text(damage)
        assert read(file, tmp_path / "notes", times=times) == "one"


def test_a_file_that_may_still_be_written_is_not_remembered(tmp_path: Path) -> None:
    young = tmp_path / "young"
    young.write_text("one")
    assert stamp([young]) is None
    assert read(young, tmp_path / "notes", times=[]) == "one"
    assert not (tmp_path / "notes").exists()

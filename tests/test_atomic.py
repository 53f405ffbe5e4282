"""Files and folders are there whole or not at all."""

import os
import time
from pathlib import Path

import pytest

from hpsearch.atomic import new_folder, write_text


def test_a_file_replaces_the_old_one_and_leaves_no_draft(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "x.txt", "one")
    write_text(tmp_path / "a" / "x.txt", "two")
    assert (tmp_path / "a" / "x.txt").read_text() == "two"
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["x.txt"]


def test_a_folder_that_failed_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with new_folder(tmp_path / "f") as draft:
            (draft / "x").write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    def write(content: str, *, replace: bool) -> str:
        with new_folder(tmp_path / "f", replace=replace) as draft:
            (draft / "x").write_text(content)
        return (tmp_path / "f" / "x").read_text()

    assert write("one", replace=False) == "one"
    assert write("two", replace=False) == "one"
    assert write("three", replace=True) == "three"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_what_a_process_begins_while_another_does_the_same_is_its_own(tmp_path: Path) -> None:
    """They may have one number, on two hosts."""
    with new_folder(tmp_path / "f", replace=True) as one:
        (one / "x").write_text("one")
        with new_folder(tmp_path / "f", replace=True) as other:
            (other / "x").write_text("other")
        assert (one / "x").read_text() == "one"
    assert (tmp_path / "f" / "x").read_text() == "one"
    assert [file.name for file in tmp_path.rglob("*")] == ["f", "x"]


def test_what_a_killed_process_had_begun_is_removed_after_a_day(tmp_path: Path) -> None:
    for left, age in ((".f.0123.tmp", 90_000), (".f.4567.tmp", 3_600), (".g.89ab.tmp", 90_000)):
        (tmp_path / left).mkdir()
        os.utime(tmp_path / left, (time.time() - age,) * 2)
    with new_folder(tmp_path / "f"):
        pass
    assert {entry.name for entry in tmp_path.iterdir()} == {"f", ".f.4567.tmp", ".g.89ab.tmp"}

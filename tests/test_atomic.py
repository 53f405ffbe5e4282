"""Files and folders are there whole or not at all."""

import os
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


def test_what_a_killed_process_of_the_same_number_left_is_in_nobodys_way(tmp_path: Path) -> None:
    for left in (f".f.{os.getpid()}.tmp", f".f.old.{os.getpid()}.tmp"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "x").write_text("half")
    (tmp_path / "f").mkdir()
    with new_folder(tmp_path / "f", replace=True) as draft:
        (draft / "y").write_text("whole")
    assert [file.name for file in tmp_path.rglob("*")] == ["f", "y"]

"""An output folder that cannot be written is told in one line that names it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.disk import explain_disk, require_writable
from hpsearch.errors import ConfigError
from tests.commands import environment, run

WORDS = {"single run": [], "sweep": ["-m", "head.dim=0,4"]}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize(
    "root",
    ["a_file", *(pytest.param(x, marks=pytest.mark.slow) for x in ("a_file/below", "/proc/nope"))],
)
def test_a_root_that_cannot_be_made_is_one_line(
    words: list[str], root: str, tmp_path: Path
) -> None:
    (tmp_path / "a_file").write_text("is here")
    done = run(tmp_path, "train", *words, f"root={root}")
    assert done.code == 2
    assert done.err.startswith(f"error: root={root}: ")
    assert "cannot be written (" in done.err
    assert done.err.count("\n") == 1, done.err
    assert {path.name for path in tmp_path.iterdir()} == {"a_file", "home"}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_folder_of_somebody_else_is_one_line(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    folder.chmod(0o555)
    done = _unprivileged(tmp_path, "train", *words, f"root={folder}")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: root={folder}: ")
    assert "(Permission denied)" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert list(folder.iterdir()) == []


def test_a_writable_root_is_left_as_it_was_found_but_for_its_folder(tmp_path: Path) -> None:
    require_writable(str(tmp_path / "new" / "root"))
    assert list((tmp_path / "new" / "root").rglob("*")) == [tmp_path / "new" / "root" / "outputs"]


def test_a_name_that_is_too_long_for_the_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="File name too long"):
        require_writable(f"{tmp_path}/{'x' * 300}")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
def test_a_full_disk_is_told_with_what_to_do() -> None:
    with pytest.raises(OSError) as caught, open("/dev/full", "w") as full:
        full.write("x")
    told = explain_disk(caught.value)
    assert told is not None
    assert "No space left on device" in told
    assert "root=FOLDER" in told


def test_a_database_that_cannot_be_opened_is_told_whatever_wraps_the_error(tmp_path: Path) -> None:
    try:
        try:
            sqlite3.connect(tmp_path / "no" / "such" / "folder.db")
        except sqlite3.Error as error:
            raise RuntimeError("migrating") from error
    except RuntimeError as error:
        told = explain_disk(error)
    assert told is not None
    assert "unable to open database file" in told
    assert "root=FOLDER" in told


def test_other_errors_are_not_taken_for_those_of_a_disk() -> None:
    assert explain_disk(ValueError("No space left on device, they said")) is None
    assert explain_disk(FileNotFoundError(errno.ENOENT, "No such file", "a")) is None
    assert explain_disk(PermissionError(errno.EACCES, "a socket's")) is None


def _unprivileged(folder: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Where root runs the tests: without the right to write what the folder's mode forbids."""
    drop = ["setpriv", "--bounding-set=-dac_override"] if os.getuid() == 0 else []
    if drop and shutil.which(drop[0]) is None:
        pytest.skip("root may write anywhere, and there is no setpriv")
    return subprocess.run(
        [*drop, sys.executable, "-m", f"hpsearch.{module}", *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

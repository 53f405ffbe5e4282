"""A study goes on with the data that it began with, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.data_record import check_data
from hpsearch.errors import DataError

VALUES = {"data.name": "files", "data.path": "reviews", "data.val_size": 0.1, "head.dim": 50}


def records(root: Path) -> list[Path]:
    return sorted((root / "outputs" / "studies").rglob("data/*.json"))


def test_the_same_data_is_accepted_again_and_changed_data_is_refused(tmp_path: Path) -> None:
    check_data(tmp_path, "s-1", VALUES, "aaaa")
    check_data(tmp_path, "s-1", VALUES, "aaaa")
    with pytest.raises(DataError) as caught:
        check_data(tmp_path, "s-1", VALUES, "bbbb")
    assert str(caught.value) == (
        "data.path=reviews: its content has changed since study s-1 began (digest aaaa → bbbb); "
        "put the old file back, or give the study another name (hydra.sweeper.study_name=…)"
    )
    check_data(tmp_path, "s-1", VALUES, "aaaa")


def test_each_study_and_each_data_configuration_has_a_record_of_its_own(tmp_path: Path) -> None:
    check_data(tmp_path, "s-1", VALUES, "aaaa")
    check_data(tmp_path, "s-2", VALUES, "bbbb")
    check_data(tmp_path, "s-1", {**VALUES, "data.train_size": 500}, "cccc")
    assert len(records(tmp_path)) == 3


def test_what_does_not_change_the_data_does_not_change_the_record(tmp_path: Path) -> None:
    check_data(tmp_path, "s-1", VALUES, "aaaa")
    check_data(tmp_path, "s-1", {**VALUES, "head.dim": 0, "data.test_size": 10}, "aaaa")
    assert len(records(tmp_path)) == 1


def test_an_output_folder_that_moved_on_keeps_its_record(tmp_path: Path) -> None:
    check_data(tmp_path / "old", "s-1", VALUES, "aaaa")
    shutil.move(tmp_path / "old", tmp_path / "new")
    with pytest.raises(DataError, match="has changed"):
        check_data(tmp_path / "new", "s-1", VALUES, "bbbb")


def test_a_check_beforehand_leaves_nothing(tmp_path: Path) -> None:
    check_data(tmp_path, "s-1", VALUES, "aaaa", keep=False)
    assert list(tmp_path.iterdir()) == []
    check_data(tmp_path, "s-1", VALUES, "aaaa")
    with pytest.raises(DataError, match="has changed"):
        check_data(tmp_path, "s-1", VALUES, "bbbb", keep=False)


def test_a_damaged_record_is_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check_data(tmp_path, "s-1", VALUES, "aaaa")
    (file,) = records(tmp_path)
    whole = file.read_text()
    for damaged in (whole[:20], "", "[]", "{}"):
        file.write_text(damaged)
        caplog.clear()
        check_data(tmp_path, "s-1", VALUES, "aaaa")
        assert file.read_text() == whole
        assert [x.message.count("is damaged") for x in caplog.records] == [1]


def test_it_needs_no_torch() -> None:
    code = "import sys, hpsearch.data_record; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

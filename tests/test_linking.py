"""A link where there can be one, a copy elsewhere; what is linked is not written in place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hpsearch.linking import link_tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "best"
    (made / "inside").mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "inside" / "config.yaml").symlink_to(made / "model.safetensors")
    return made


def test_nothing_is_copied_on_one_disk_and_doing_it_again_is_the_same(
    folder: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        link_tree(folder, tmp_path / "artifacts")
    for name in ("model.safetensors", "inside/config.yaml"):
        assert (tmp_path / "artifacts" / name).samefile(folder / "model.safetensors")
        assert not (tmp_path / "artifacts" / name).is_symlink()


def test_another_file_system_gets_a_copy(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    link_tree(folder, tmp_path / "artifacts")
    copy = tmp_path / "artifacts" / "model.safetensors"
    assert copy.read_bytes() == b"weights"
    assert not copy.samefile(folder / "model.safetensors")

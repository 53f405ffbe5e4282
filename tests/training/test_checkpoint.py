"""Checkpoints on disk: the last two, whole, and no code runs when they are read."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from hpsearch.training import Checkpoints


def write(checkpoints: Checkpoints, *steps: int, best: int | None = None) -> None:
    for step in steps:
        state = {"step": step, "model": {"weight": torch.full((100,), float(step))}}
        checkpoints.write(state, step=step, best=best)


def newest(folder: Path) -> Path:
    return sorted(folder.glob("*.pt"))[-1]


def test_the_last_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.read() is None
    write(checkpoints, 1, 2, 3)
    assert checkpoints.steps() == [2, 3]
    found = checkpoints.read()
    assert found is not None
    assert found["model"]["weight"][0] == 3.0


def test_of_two_of_one_step_the_later_counts(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    write(checkpoints, 7)
    checkpoints.write({"step": 7, "again": True}, step=7, best=None)
    found = checkpoints.read()
    assert found is not None
    assert found["again"]


def damage_flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def damage_cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    "damage", [damage_flip, damage_cut, lambda file: file.write_bytes(b"")], ids=["bit", "cut", "0"]
)
def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(
    tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path)
    write(checkpoints, 1, 2)
    damage(newest(tmp_path))
    found = checkpoints.read()
    assert found is not None
    assert found["step"] == 1
    (line,) = caplog.messages
    assert newest(tmp_path).name in line
    assert "damaged" in line
    write(checkpoints, 2)
    again = checkpoints.read()
    assert again is not None
    assert again["step"] == 2


def test_where_all_are_damaged_there_is_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    write(checkpoints, 1, 2)
    for file in tmp_path.glob("*.pt"):
        damage_cut(file)
    assert checkpoints.read() is None


class _Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def test_reading_runs_no_code(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import hashlib

    content = pickle.dumps(_Payload(tmp_path / "ran"))
    digest = hashlib.sha256(content).hexdigest()[:16]
    (tmp_path / f"0001-step-000001-{digest}.pt").write_bytes(content)
    assert Checkpoints(tmp_path).read() is None
    assert not (tmp_path / "ran").exists()
    assert "damaged" in caplog.text


def test_the_models_that_no_checkpoint_speaks_of_are_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.best(step).mkdir()
        write(checkpoints, step, best=step)
    assert not checkpoints.best(1).exists()
    assert checkpoints.best(2).exists()
    assert checkpoints.best(3).exists()


def test_they_are_due_by_steps_or_by_time(tmp_path: Path) -> None:
    by_steps = Checkpoints(tmp_path, every_steps=3)
    assert [step for step in range(1, 8) if by_steps.due(step)] == [3, 6]
    assert not Checkpoints(tmp_path, every_seconds=1000).due(1)
    assert Checkpoints(tmp_path, every_seconds=1e-9).due(1)
    assert not any(Checkpoints(tmp_path).due(step) for step in range(100))


def test_an_evaluation_has_one_unless_the_last_is_young(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).due_at_evaluation(1)
    young = Checkpoints(tmp_path, every_steps=3, min_seconds=1000)
    assert [step for step in range(1, 8) if young.due_at_evaluation(step)] == [3, 6]
    old = Checkpoints(tmp_path, min_seconds=0.01)
    time.sleep(0.02)
    assert old.due_at_evaluation(1)
    old.write({"step": 1}, step=1, best=None)
    old.min_seconds = 1000
    assert not old.due_at_evaluation(2)


@pytest.fixture
def small_files() -> Any:
    """The kernel lets this process write files of 20,000 bytes only, as a full quota would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_where_the_disk_refuses_training_goes_on_and_the_one_before_stays(
    tmp_path: Path, small_files: None, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path)
    write(checkpoints, 1)
    checkpoints.write({"step": 2, "weight": torch.zeros(10_000)}, step=2, best=None)
    assert checkpoints.steps() == [1]
    assert {file.suffix for file in tmp_path.iterdir()} == {".pt"}, "no half-written file is left"
    (line,) = caplog.messages
    assert "no checkpoint after step 2" in line
    assert "would begin again after step 1" in line

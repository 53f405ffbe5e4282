"""A disk that fills up in the middle of a sweep: a real one, of some megabytes in memory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import run
from tests.world.conftest import LITTLE

SWEEP = ("-m", "head.activation=tanh,relu", *LITTLE, "tracking.log_model=false")
CHECKPOINTS = "checkpoint.every=1"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """A file that takes all but so many bytes."""
    found = os.statvfs(disk)
    file = disk / "fill"
    file.write_bytes(b"0" * (found.f_bavail * found.f_bsize - leave))
    return file


@pytest.mark.slow
def test_what_had_finished_stays_and_the_same_command_goes_on_once_there_is_room(
    tmp_path: Path, disk: Path
) -> None:
    elsewhere = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"
    first = run(disk, "train", *SWEEP, elsewhere, "hydra.sweeper.n_trials=1")
    assert first.code == 0, first.err
    (finished,) = disk.glob("outputs/trials/*/result.json")
    content = finished.read_bytes()

    filler = fill(disk, leave=100_000)
    full = run(disk, "train", *SWEEP, elsewhere, CHECKPOINTS)
    assert "No space left on device" in full.err
    assert "Traceback" not in full.err
    assert finished.read_bytes() == content

    filler.unlink()
    again = run(disk, "train", *SWEEP, elsewhere, CHECKPOINTS)
    assert again.code == 0, again.err
    results = [json.loads(f.read_text()) for f in disk.glob("outputs/trials/*/result.json")]
    assert {r["config"]["head.activation"] for r in results} == {"tanh", "relu"}
    assert finished.read_bytes() == content
    assert "best of 2 trials (0 failed)" in again.err

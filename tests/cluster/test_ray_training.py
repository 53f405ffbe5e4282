"""hpsearch's own training on Ray: pruned, killed and gone on with, as at home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.tracking import open_tracker
from tests.cluster.ray_nodes import OPEN, head, require_ray
from tests.commands import environment, run
from tests.sweeper.conftest import assert_gone

pytestmark = pytest.mark.cluster

WORDS = (
    "-m",
    "data.train_size=200",
    "data.val_size=60",
    "backbone.max_length=64",
    "head.dim=16",
    "trainer.epochs=2",
    "trainer.accumulate=2",
    "trainer.batch_size=16",
    "trainer.device=cpu",
    "tracking.log_model=false",
    "report.auto=false",
    "hydra.sweeper.heartbeat=1",
)
SECONDS = 180


@pytest.fixture(scope="module")
def on_ray() -> Iterator[tuple[str, ...]]:
    """The words that choose a cluster of two processors."""
    require_ray()
    with head("--num-cpus=2") as address:
        yield ("hydra/launcher=ray", f"hydra.launcher.address={address}")


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hpsearch.train", *WORDS, *words],
        cwd=folder,
        env={**environment(folder), **OPEN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def checkpoint(folder: Path, sweep: subprocess.Popen[str]) -> None:
    """Waits until a trial is in the middle of an epoch."""
    end = time.monotonic() + 90
    while not list(folder.glob("outputs/trials/*/checkpoints/0002-*.pt")):
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < end, "no checkpoint appeared"
        time.sleep(0.005)


def trial_process() -> int:
    """That of the one trial that trains: a child of the server of Ray's worker."""
    [worker] = processes("ray::trial")
    [trial] = [pid for server in children(worker) for pid in children(server)]
    return trial


def test_a_sweep_with_pruning_runs_in_two_slots(on_ray: tuple[str, ...], tmp_path: Path) -> None:
    pruner = ("hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=0.99")
    words = (*pruner, "hydra.sweeper.pruner.n_warmup_steps=2", "hydra.sweeper.n_jobs=2")
    done = run(tmp_path, "train", *WORDS, *on_ray, *words, "trainer.epochs=1,3", more=OPEN)
    assert done.code == 0, done.err
    assert "trainer.epochs=1  value 0." in done.err
    assert "trainer.epochs=3  pruned" in done.err
    assert "job 1 | epoch 1" in done.err
    assert sorted(statuses(tmp_path)) == ["FINISHED", "PRUNED"]


def test_a_killed_trial_goes_on_from_its_checkpoint_in_the_same_run(
    on_ray: tuple[str, ...], tmp_path: Path
) -> None:
    with start(tmp_path, *on_ray, "checkpoint.every=3") as sweep:
        checkpoint(tmp_path, sweep)
        os.kill(trial_process(), signal.SIGKILL)
        _, printed = sweep.communicate(timeout=SECONDS)
    assert sweep.returncode == 0, printed
    assert "runs again: SIGKILL" in printed
    assert "going on after step" in printed
    assert statuses(tmp_path) == ["FINISHED"]
    [result] = tmp_path.glob("outputs/trials/*/result.json")
    assert len(json.loads(result.read_text())["history"]) == 2


def test_after_kill_9_of_the_sweeper_the_same_command_goes_on_from_the_checkpoint(
    on_ray: tuple[str, ...], tmp_path: Path
) -> None:
    with start(tmp_path, *on_ray, "checkpoint.every=3") as sweep:
        checkpoint(tmp_path, sweep)
        trial = trial_process()
        sweep.kill()
    assert_gone(trial)
    with start(tmp_path, *on_ray, "checkpoint.every=3") as sweep:
        _, printed = sweep.communicate(timeout=SECONDS)
    assert sweep.returncode == 0, printed
    assert "going on after step" in printed
    assert statuses(tmp_path) == ["FINISHED"]


def statuses(folder: Path) -> list[str]:
    """Of the runs in MLflow, the study's own left out."""
    tracker = open_tracker(folder)
    return list(tracker.read_study(tracker.newest_study()).runs["status"])


def words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def processes(name: str) -> list[int]:
    found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in found if words(pid).startswith(name)]


def children(pid: int) -> list[int]:
    return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

"""A run that was killed, at any moment, ends as one that was not: result, weights, MLflow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.tracking import open_tracker
from tests.commands import SHARP, environment, run

WORDS = (
    "data.train_size=300",
    "data.val_size=100",
    "backbone.max_length=64",
    "head.dim=16",
    "trainer.epochs=4",
    "trainer.accumulate=2",
    "trainer.batch_size=16",
    "trainer.device=cpu",
    "checkpoint.every=3",
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run(folder, "train", *WORDS)
    assert done.code == 0, done.err
    return folder


def trial(folder: Path) -> Path:
    (found,) = (folder / "outputs" / "trials").iterdir()
    return found


def kill_when(
    folder: Path, pattern: str, *more: str, by: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Start the run, and kill it as soon as a file of this pattern is in its trial's folder.

    Returns how it ended, and what it wrote to stderr.
    """
    command = [sys.executable, "-m", "hpsearch.train", *WORDS, *more]
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(folder.glob(f"outputs/trials/*/{pattern}")):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
        os.kill(process.pid, by)
        _, told = process.communicate(timeout=60)
    return process.returncode, told


def result(folder: Path) -> dict[str, Any]:
    """What must be equal: all but clocks, memory and the kernel's."""
    found = json.loads((trial(folder) / "result.json").read_text())
    for metrics in (found["best"], *found["history"]):
        for key in [key for key in metrics if key.startswith("system/")]:
            del metrics[key]
    for key in ("root", "checkpoint.every"):
        found["config"].pop(key)
    for key in ("seconds", "phases"):
        del found[key]
    return found


def recorded(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Metric → its points in MLflow, of the one run that there is."""
    tracker = open_tracker(folder)
    study = tracker.read_study(tracker.newest_study())
    assert list(study.runs["status"]) == ["FINISHED"]
    run_id = study.runs["run_id"].iloc[0]
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    names = client.get_run(run_id).data.metrics
    return {
        name: [(point.step, point.value) for point in client.get_metric_history(run_id, name)]
        for name in names
        if "system/" not in name and "seconds" not in name
    }


def assert_equal(folder: Path, undisturbed: Path) -> None:
    assert result(folder) == result(undisturbed)
    ours, theirs = trial(folder), trial(undisturbed)
    for name in ("best/model.safetensors", "best/head.safetensors", "val_probabilities.npy"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    assert {entry.name for entry in ours.iterdir()} == {entry.name for entry in theirs.iterdir()}
    assert recorded(folder) == recorded(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [
        "checkpoints/0002-*.pt",  # in the middle of an epoch
        "checkpoints/.step.pt.*.tmp",  # while a checkpoint is written
        "checkpoints/0006-*.pt",
        "best",  # all trained, no result yet
    ],
)
def test_a_run_killed_at_this_moment_ends_as_one_that_was_not(
    moment: str, undisturbed: Path, tmp_path: Path
) -> None:
    kill_when(tmp_path, moment)
    assert not list(tmp_path.glob("outputs/trials/*/result.json"))
    again = run(tmp_path, "train", *WORDS)
    assert again.code == 0, again.err
    assert_equal(tmp_path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130)],
)
def test_a_run_told_to_stop_keeps_its_last_step_and_ends_as_one_that_was_not(
    by: signal.Signals, code: int, undisturbed: Path, tmp_path: Path
) -> None:
    rarely = "checkpoint.every=null"  # at evaluations alone
    ended, told = kill_when(tmp_path, "checkpoints/0001-*.pt", rarely, by=by)
    assert ended == code, told
    assert "Traceback" not in told
    line = told.splitlines()[-1]
    assert line.startswith("told to stop after step ")
    assert "; the same command goes on from step " in line
    states = open_tracker(tmp_path).read_study(open_tracker(tmp_path).newest_study()).runs
    assert list(states["status"]) == ["KILLED"]
    step = int(line.rpartition(" ")[2])
    again = run(tmp_path, "train", *WORDS, rarely)
    assert again.code == 0, again.err
    assert f"going on after step {step} of" in again.err
    assert_equal(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    undisturbed: Path, tmp_path: Path
) -> None:
    kill_when(tmp_path, "checkpoints/0005-*.pt")
    *_, newest = sorted(trial(tmp_path).glob("checkpoints/*.pt"))
    newest.write_bytes(newest.read_bytes()[:1000])
    again = run(tmp_path, "train", *WORDS)
    assert again.code == 0, again.err
    assert f"{newest.name} is damaged" in again.err
    assert "going on after step" in again.err
    assert_equal(tmp_path, undisturbed)


@pytest.mark.slow
def test_the_sizes_that_fit_are_found_once_and_remembered(tmp_path: Path) -> None:
    words = (
        "data.train_size=64",
        "data.val_size=64",
        "backbone=transformer",
        "backbone.max_length=512",
        "trainer.max_steps=2",
        "trainer.batch_size=64",
        "trainer.micro_batch_size=64",
        "trainer.memory_limit=400",
    )
    first = run(tmp_path, "train", *words, more=SHARP)
    assert first.code == 0, first.err
    assert "out of memory: going on with micro-batches of" in first.err
    second = run(tmp_path, "train", *words, "head.dropout=0.3", more=SHARP)
    assert second.code == 0, second.err
    assert "sizes that fitted before" in second.err
    assert "out of memory" not in second.err


@pytest.mark.slow
def test_what_does_not_fit_at_all_is_one_line_with_the_figures(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "train",
        "data.train_size=64",
        "data.val_size=64",
        "backbone=transformer",
        "trainer.memory_limit=1",
        anew=True,
    )
    assert done.code == 2
    line = done.err.splitlines()[-1]
    assert line.startswith("error: out of memory with a single example")
    assert "trainer.memory_limit=1" in line

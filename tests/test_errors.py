"""How a command ends when it is not its own fault: a closed pipe, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hpsearch.errors import one_line_errors
from hpsearch.tracking import open_tracker
from tests.commands import environment, run


def test_a_reader_that_has_enough_gets_no_traceback(tmp_path: Path) -> None:
    program = (
        "from hpsearch.errors import one_line_errors\n"
        "with one_line_errors():\n print('x\\n' * 10**6)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        command.stdout.readline()
        command.stdout.close()
        assert command.stderr is not None
        assert command.stderr.read() == ""
    assert command.returncode == 141


def test_the_environment_is_left_as_it_was() -> None:
    with one_line_errors():
        assert os.environ["HYDRA_FULL_ERROR"] == "1"
    assert "HYDRA_FULL_ERROR" not in os.environ


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["warm", "basic"])
def test_sigterm_ends_a_sweep_with_checkpoints_and_it_goes_on_later(
    launcher: str, tmp_path: Path
) -> None:
    words = ["-m", "head.dim=0,4", "trainer.epochs=3", "data.train_size=400", "data.val_size=50"]
    words += ["checkpoint.every=null", f"hydra/launcher={launcher}", "hydra.sweeper.n_jobs=2"]
    trials = tmp_path / "outputs" / "trials"
    with subprocess.Popen(
        [sys.executable, "-m", "hpsearch.train", *words],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as sweep:
        begun = 2 if launcher == "warm" else 1
        while len(list(trials.glob("*/checkpoints/0001-*.pt"))) < begun:
            assert sweep.poll() is None
            time.sleep(0.01)
        sweep.send_signal(signal.SIGTERM)
        _, told = sweep.communicate(timeout=60)
    assert sweep.returncode == 143, told
    assert "Traceback" not in told
    assert "the same command goes on from here" in told
    assert not list(trials.glob("*/result.json"))
    tracker = open_tracker(tmp_path)
    assert list(tracker.read_study(tracker.newest_study()).runs["status"]) == ["KILLED"] * begun
    again = run(tmp_path, "train", *words)
    assert again.code == 0, again.err
    assert again.err.count("going on after step") == begun
    assert len(list(trials.glob("*/result.json"))) == 2
    assert list(tracker.read_study(tracker.newest_study()).runs["status"]) == ["FINISHED"] * 2


@pytest.mark.slow
def test_ctrl_c_twice_ends_a_sweep_in_one_line_and_it_goes_on_later(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hpsearch.train", "-m", "head.dim=0,4", "trainer.epochs=50"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    ) as sweep:
        assert sweep.stderr is not None
        for line in sweep.stderr:
            if line.startswith("epoch 1 "):
                sweep.send_signal(signal.SIGINT)
            if "Ctrl-C again stops" in line:
                sweep.send_signal(signal.SIGINT)
                break
        rest = sweep.stderr.read()
    assert sweep.returncode == 130, rest
    assert "Traceback" not in rest
    assert "the same command goes on from here" in rest

"""A trial that hangs is killed and goes on from its checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.monkey import children
from tests.commands import environment

LONG = (
    "-m",
    "head.dim=4",
    "data.train_size=1000",
    "data.val_size=100",
    "checkpoint.every=5",
    "hydra.sweeper.trial_timeout=30",
)


@pytest.mark.slow
def test_a_trial_that_hangs_is_killed_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hpsearch.train", *LONG]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    ) as sweep:
        while not list(tmp_path.glob("outputs/trials/*/checkpoints/*-step-*.pt")):
            assert sweep.poll() is None
            time.sleep(0.01)
        (trial,) = [pid for server in children(sweep.pid) for pid in children(server)]
        os.kill(trial, signal.SIGSTOP)
        _, told = sweep.communicate(timeout=200)
    assert sweep.returncode == 0, told
    assert "runs again: hydra.sweeper.trial_timeout=30 s is over" in told
    assert "going on after step" in told
    assert not Path(f"/proc/{trial}").exists()
    (result,) = tmp_path.glob("outputs/trials/*/result.json")
    assert len(json.loads(result.read_text())["history"]) == 5

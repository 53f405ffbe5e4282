"""Runs of trials whose process was killed do not stay RUNNING for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hpsearch.recording import end_dead_trials
from hpsearch.tracking import DataInfo, Tracker, open_tracker
from hpsearch.trials import TrialStore
from tests.conftest import Compose

HOLD = """
import sys
from pathlib import Path
from hpsearch.trials import TrialFolder
with TrialFolder(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


def started(tracker: Tracker) -> None:
    """A trial that began in MLflow and said no more."""
    data = DataInfo("reviews", "digest", "made", 10, 5, ["bad", "good"])
    tracker.start_study("s", base={}, keys=["head.dim"], tags={})
    tracker.start_trial(study="s", name="a", fingerprint="f", params={}, tags={}, data=data)


def test_only_the_run_of_a_dead_process_is_closed(config: Compose, tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path)
    tracker.prepare()
    started(tracker)
    folder = TrialStore(tmp_path).open("f").path
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as training:
        assert training.stdout is not None
        training.stdout.readline()
        end_dead_trials(config(), tracker, study="s")
        assert tracker.running_trials("s") == ["f"]
        training.kill()
    end_dead_trials(config(), tracker, study="s")
    assert tracker.running_trials("s") == []
    runs = tracker.read_study("s").runs
    assert list(runs["status"]) == ["KILLED"]
    assert "its process was killed" in runs["error"].iloc[0]

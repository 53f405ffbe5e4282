"""What a study and its trials leave in MLflow, also where it is away or a process was killed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow import MlflowClient

from hpsearch.recording import close_study, end_dead_trials, open_study, replay_history, tracker_of
from hpsearch.tracking import DataInfo, Tracker, open_tracker
from hpsearch.trials import TrialStore
from tests.conftest import Compose

DATA = DataInfo("reviews", "digest", "made", 10, 5, ["bad", "good"])

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
    tracker.start_study("s", base={}, keys=["head.dim"], tags={})
    tracker.start_trial(study="s", name="a", fingerprint="f", params={}, tags={}, data=DATA)


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


def test_of_two_sweeps_at_once_one_makes_the_run(config: Compose, tmp_path: Path) -> None:
    open_tracker(tmp_path).prepare()
    given = config()
    given.hydra.runtime.choices = {"head": "mlp"}

    def begin(number: int) -> None:
        open_study(given, name=f"s{number // 4}", keys=["head.dim"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(12)))
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert sorted(run.info.run_name for run in runs) == ["s0", "s1", "s2"]


def test_a_study_goes_on_without_mlflow_and_says_so_twice(
    config: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = config("tracking.uri=http://127.0.0.1:9")
    given.hydra.runtime.choices = {"head": "mlp"}
    open_study(given, name="s", keys=["head.dim"])
    with tracker_of(given).start_trial(
        study="s", name="a", fingerprint="f", params={}, tags={}, data=DATA
    ) as run:
        run.log({"val/accuracy": 0.5}, step=1)
    close_study(given, name="s")
    first, last = [record.getMessage() for record in caplog.records]
    assert "does not answer" in first
    assert "5 records of 3 runs wait in" in last
    assert {file.name for file in tmp_path.iterdir()} == {"outputs"}
    assert {file.name for file in (tmp_path / "outputs").iterdir()} == {"spool", "studies"}


@pytest.mark.parametrize(("by_epoch", "steps"), [(True, [1, 2, 3]), (False, [10, 20, 30])])
def test_evaluations_of_a_checkpoint_are_recorded_where_mlflow_lacks_them(
    tmp_path: Path, by_epoch: bool, steps: list[int]
) -> None:
    tracker = open_tracker(tmp_path)
    tracker.prepare()
    history = [{"step": step, "val/accuracy": step / 100} for step in (10.0, 20.0, 30.0)]
    words = {"study": "s", "name": "a", "fingerprint": "f"}
    tracker.start_trial(**words, params={}, tags={}, data=DATA).log(history[0], step=steps[0])
    with tracker.start_trial(**words, params={}, tags={}, data=DATA) as run:
        replay_history(run, history, by_epoch=by_epoch)
    series = MlflowClient(tracker.uri).get_metric_history(str(run.run_id), "val/accuracy")
    assert [(m.step, m.value) for m in series] == list(zip(steps, (0.1, 0.2, 0.3), strict=True))

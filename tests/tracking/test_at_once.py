"""Two processes that begin in the same moment: neither fails, nothing is there twice."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from mlflow import MlflowClient

from hpsearch.tracking import DataInfo, open_tracker

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

ROUNDS = 10


def _begin_trials(root: Path, process: int, together: Barrier) -> None:
    """Each round is a data set that the store does not know yet."""
    tracker = open_tracker(root)
    for number in range(ROUNDS):
        data = DataInfo("reviews", f"{number:036}", "synthetic", 20, 10, ["bad", "good"])
        name = f"{process}-{number}"
        together.wait()
        with tracker.start_trial(
            study="s", name=name, fingerprint=name, params={}, tags={}, data=data
        ) as trial:
            assert trial.run_id


@pytest.mark.slow
def test_first_trials_on_the_same_data_both_get_their_runs(tmp_path: Path) -> None:
    open_tracker(tmp_path).prepare()
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2, timeout=120)
    both = [spawn.Process(target=_begin_trials, args=(tmp_path, n, together)) for n in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert len(runs) == 2 * ROUNDS
    assert {run.info.status for run in runs} == {"FINISHED"}
    used = [run.inputs.dataset_inputs[0].dataset.digest for run in runs if run.inputs]
    assert len(used) == 2 * ROUNDS
    assert len(set(used)) == ROUNDS

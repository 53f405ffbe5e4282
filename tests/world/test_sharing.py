"""Two sweeps of the same command at the same time: one study, one table, each trial once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import optuna
import pytest

from tests.commands import Done, run
from tests.world.conftest import LITTLE

SWEEP = ["-m", "head.activation=tanh,relu", "optimizer.lr=1e-3,2e-3", *LITTLE]


def sweep(folder: Path) -> Done:
    return run(folder, "train", *SWEEP)


@pytest.mark.slow
def test_two_sweeps_of_one_study_train_each_trial_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(sweep, [tmp_path, tmp_path]))
    printed = "\n".join(done.out + done.err for done in ended)
    assert [done.code for done in ended] == [0, 0], printed
    assert "Traceback" not in printed

    url = f"sqlite:///{tmp_path}/outputs/optuna.db"
    (name,) = optuna.get_all_study_names(url)
    trials = optuna.load_study(study_name=name, storage=url).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4, printed
    assert len({tuple(trial.params.items()) for trial in trials}) == 4
    assert printed.count("best: val/accuracy") == 4  # said when a training ends

    results = [json.loads(x.read_text()) for x in tmp_path.glob("outputs/trials/*/result.json")]
    assert len(results) == 4
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    found = client.search_experiments()
    runs = [run for each in found for run in client.search_runs([each.experiment_id])]
    assert len(runs) == 5  # the study's own, and one a trial
    assert {run.info.status for run in runs} == {"FINISHED"}

    report = run(tmp_path, "report")
    assert report.code == 0, report.err
    (table,) = (tmp_path / "reports").glob("*.csv")
    assert len(table.read_text().splitlines()) == 1 + 4

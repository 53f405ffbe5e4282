"""A sqlite file read by SQL says what MLflow's client says of it, in less time."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from hpsearch.tracking import Tracker, tables
from tests.tracking.conftest import start, trial

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")


@pytest.fixture
def store(tracker: Tracker) -> Tracker:
    """A study of a finished, a pruned, a running, a failed and a deleted trial, and a run alone."""
    start(tracker)
    with trial(tracker, "activation=tanh") as run:
        run.log({"val/accuracy": 0.5, "val/loss": math.inf}, step=1)
        run.log({"val/accuracy": math.nan, "val/loss": -math.inf}, step=2)
        run.summary({"val/accuracy": 0.5, "seconds": 1e-300})
    given_up = trial(tracker, "activation=relu")
    given_up.pruned(step=1)
    for other in (given_up, trial(tracker, "activation=it's ü")):
        with pytest.raises(RuntimeError), other:
            raise RuntimeError("over")
    trial(tracker, "activation=gelu")
    with trial(tracker, "activation=gone") as run:
        run.log({"val/accuracy": 0.9}, step=1)
    tracker._store.client.delete_run(run.run_id)
    with trial(tracker, "activation=silu", "alone"):
        pass
    other = Tracker(tracker.uri, experiment="other")
    other.prepare()
    with trial(other, "activation=tanh"):
        pass
    return tracker


def without_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another release of MLflow had other tables."""
    monkeypatch.setitem(tables.TABLES, "runs", {"run_uuid", "no_such_column"})


def test_the_file_and_the_client_give_the_same(
    store: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> tuple[object, ...]:
        study = store.read_study("s")
        said = (study.base, study.keys, study.tags, study.run_id)
        return (
            study.runs,
            store.read_histories(study),
            said,
            store.studies(),
            store.newest_study(),
        )

    runs, histories, *others = read()
    without_sql(monkeypatch)
    runs_of_client, histories_of_client, *others_of_client = read()
    assert isinstance(runs, pd.DataFrame)
    assert len(runs) == 4
    assert sorted(runs["status"]) == ["FAILED", "FINISHED", "PRUNED", "RUNNING"]
    pd.testing.assert_frame_equal(runs, runs_of_client, check_like=True)
    pd.testing.assert_frame_equal(histories, histories_of_client)
    assert others == others_of_client
    assert others[1:] == [["alone", "s"], "alone"]


def test_reading_loads_no_mlflow(store: Tracker, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hpsearch.tracking import open_tracker;"
        "tracker = open_tracker(Path()); study = tracker.read_study('s');"
        "assert len(tracker.read_histories(study)) == 4, tracker.read_histories(study);"
        "sys.exit(bool({'mlflow', 'sqlalchemy'} & set(sys.modules)))"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=path, check=False)
    assert done.returncode == 0


def test_a_report_is_told_without_mlflow_and_mlflow_has_it(store: Tracker, tmp_path: Path) -> None:
    """A second report of a study; the first one made the version of its winner."""
    folder = tmp_path / "best"
    folder.mkdir()
    (folder / "head.safetensors").touch()
    (folder / "config.yaml").touch()
    (folder / "README.md").write_text("# it")
    study = store.read_study("s")
    client = store._store.client
    (won,) = study.runs.loc[study.runs["status"] == "FINISHED", "run_id"]
    client.log_text(won, "seed: 0", "config.yaml")
    assert store.register_winner(study, "activation=tanh", folder=folder) is not None
    (tmp_path / "s.md").write_text("# s")
    code = (
        "import sys; from pathlib import Path; from hpsearch.tracking import open_tracker;"
        "tracker = open_tracker(Path()); study = tracker.read_study('s');"
        "assert tracker.log_report('s', [Path('s.md')], note='the | table', tags={'a': 'b'});"
        "found = tracker.register_winner(study, 'activation=tanh', folder=Path('best'));"
        "assert (found.name, found.version, found.is_new) == ('s', '1', False), found;"
        "missing = tracker.register_winner(study, 'activation=it\\'s ü', folder=Path('nowhere'));"
        "assert missing is None;"
        "sys.exit(bool({'mlflow', 'sqlalchemy'} & set(sys.modules)))"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=path, check=False)
    assert done.returncode == 0
    assert study.run_id is not None
    tags = client.get_run(study.run_id).data.tags
    assert (tags["mlflow.note.content"], tags["a"]) == ("the | table", "b")
    assert [file.path for file in client.list_artifacts(study.run_id, "report")] == ["report/s.md"]


def test_very_many_runs_are_asked_for_in_several_questions(
    store: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = store.read_study("s")
    at_once = store.read_histories(study)
    monkeypatch.setattr(tables, "MOST_ASKED", 3)
    pd.testing.assert_frame_equal(store.read_histories(study), at_once)

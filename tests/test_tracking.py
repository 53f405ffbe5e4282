"""Writing to a real MLflow store: one run a trial, nothing twice, nothing elsewhere."""

from __future__ import annotations

import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient

from hpsearch.errors import TrackingError
from hpsearch.tracking import DataInfo, Tracker, TrialRun, as_text, open_tracker, run_name
from hpsearch.tracking.names import flatten, same_value

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

DATA = DataInfo("reviews", "d" * 64, "synthetic", 2000, 1000, ["bad", "good"])
BASE: dict[str, object] = {"head": {"activation": "tanh", "dim": 768}, "root": "."}


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _trial(
    tracker: Tracker,
    *,
    study: str = "s",
    name: str = "activation=relu",
    fingerprint: str = "f1",
    params: Mapping[str, object] | None = None,
) -> TrialRun:
    return tracker.start_trial(
        study=study,
        name=name,
        fingerprint=fingerprint,
        params=params or {"head": {"activation": "relu", "dim": 768}},
        tags={"hpsearch.folder": "outputs/f1"},
        data=DATA,
    )


def _client(tracker: Tracker) -> MlflowClient:
    return MlflowClient(tracker.uri)


def _start(tracker: Tracker, base: Mapping[str, object] = BASE) -> str:
    return tracker.start_study("s", base=base, keys=["head.activation"], tags={"note": "x"})


def test_a_trial_is_a_child_of_its_study_with_parameters_tags_and_data(tracker: Tracker) -> None:
    parent = _start(tracker)
    with _trial(tracker) as trial:
        trial.text("seed: 0\n", path="config.yaml")
    run = _client(tracker).get_run(trial.run_id)
    assert run.info.run_name == "activation=relu"
    assert run.data.params == {"head.activation": "relu", "head.dim": "768"}
    expected = {
        "mlflow.parentRunId": parent,
        "hpsearch.study": "s",
        "hpsearch.fingerprint": "f1",
        "hpsearch.kind": "trial",
        "hpsearch.data": "reviews",
        "hpsearch.data_digest": "d" * 64,
    }
    assert expected.items() <= run.data.tags.items()
    assert run.inputs is not None
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("reviews", "d" * 36)
    assert [f.path for f in _client(tracker).list_artifacts(trial.run_id)] == ["config.yaml"]


def test_the_study_is_one_parent_run_however_often_it_is_started(tracker: Tracker) -> None:
    first = _start(tracker)
    tracker.end_study("s")
    assert _start(tracker) == first
    run = _client(tracker).get_run(first)
    assert (run.info.run_name, run.info.status) == ("s", "RUNNING")
    assert run.data.params == {"head.activation": "tanh", "head.dim": "768", "root": "."}
    assert run.data.tags["hpsearch.keys"] == '["head.activation"]'


def test_a_study_goes_on_from_another_root_but_not_with_another_base(tracker: Tracker) -> None:
    first = _start(tracker)
    assert _start(tracker, BASE | {"root": "/elsewhere"}) == first
    with pytest.raises(TrackingError, match=r"head\.dim=50: .* was begun with head\.dim=768"):
        _start(tracker, {"head": {"activation": "tanh", "dim": 50}, "root": "."})


def test_epochs_of_the_same_second_are_written_together_and_before_anything_else(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _start(tracker)

    def steps() -> list[int]:
        assert trial.run_id is not None
        return [m.step for m in _client(tracker).get_metric_history(trial.run_id, "val/loss")]

    with _trial(tracker) as trial:
        for step in (1, 2, 3):
            trial.log({"val/loss": 0.5}, step=step)
        assert steps() == [1]
        trial.tag({"note": "y"})
        assert steps() == [1, 2, 3]
        trial.log({"val/loss": 0.5}, step=4)
        monkeypatch.setattr("hpsearch.tracking.trial_run.BETWEEN_POINTS", 0.0)
    assert steps() == [1, 2, 3, 4]
    with _trial(tracker, fingerprint="f2") as trial:
        for step in (1, 2):
            trial.log({"val/loss": 0.5}, step=step)
        assert steps() == [1, 2]


def test_a_resumed_trial_continues_its_run_and_doubles_no_point(tracker: Tracker) -> None:
    _start(tracker)
    first = _trial(tracker)
    first.log({"val/accuracy": 0.5, "val/loss": 0.9}, step=1)
    first.log({"val/accuracy": 0.6, "val/loss": 0.8}, step=2)
    with pytest.raises(RuntimeError), first:
        raise RuntimeError("lost the machine")
    with _trial(tracker) as second:
        second.log({"val/accuracy": 0.61, "val/loss": 0.8}, step=2)
        second.log({"val/accuracy": 0.7, "val/loss": 0.7}, step=3)
        second.summary({"val/accuracy": 0.7})
        second.summary({"val/accuracy": 0.7})
    assert second.run_id == first.run_id
    client = _client(tracker)
    series = client.get_metric_history(first.run_id, "val/accuracy")
    assert [(m.step, m.value) for m in series] == [(1, 0.5), (2, 0.6), (3, 0.7)]
    assert len(client.get_metric_history(first.run_id, "best/val/accuracy")) == 1
    run = client.get_run(first.run_id)
    assert run.info.status == "FINISHED"
    assert "hpsearch.error" not in run.data.tags
    assert run.inputs is not None
    assert len(run.inputs.dataset_inputs) == 1
    assert len(tracker.read_study("s").runs) == 1


def test_a_finished_trial_opened_again_keeps_its_figures_and_its_end(tracker: Tracker) -> None:
    ends = []
    for _ in range(2):
        with _trial(tracker) as trial:
            trial.log({"val/loss": float("nan")}, step=1)
            trial.summary({"val/loss": float("nan")})
        ends.append(_client(tracker).get_run(trial.run_id).info.end_time)
        time.sleep(0.02)
    assert ends[0] == ends[1]
    assert len(_client(tracker).get_metric_history(trial.run_id, "best/val/loss")) == 1


def test_another_name_or_fingerprint_is_another_run(tracker: Tracker) -> None:
    ids = {
        _trial(tracker).run_id,
        _trial(tracker, name="other").run_id,
        _trial(tracker, fingerprint="f2").run_id,
        _trial(tracker, study="S").run_id,
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ValueError("no\n such thing"), "FAILED", "ValueError: no such thing"),
        (KeyboardInterrupt(), "KILLED", "KeyboardInterrupt"),
        (SystemExit(3), "KILLED", "SystemExit: 3"),
    ],
)
def test_an_exception_ends_the_run_with_its_text_and_goes_on(
    tracker: Tracker, error: BaseException, status: str, text: str
) -> None:
    with pytest.raises(type(error)), _trial(tracker) as trial:
        raise error
    row = tracker.read_study("s").runs.iloc[0]
    assert (row["run_id"], row["status"], row["error"]) == (trial.run_id, status, text)


def test_a_trial_that_was_given_up_is_read_as_pruned(tracker: Tracker) -> None:
    trial = _trial(tracker)
    trial.pruned(step=3)
    with pytest.raises(RuntimeError), trial:
        raise RuntimeError
    assert tracker.read_study("s").runs["status"].tolist() == ["PRUNED"]


def test_a_trial_whose_process_was_killed_can_be_closed_by_its_parent(tracker: Tracker) -> None:
    _start(tracker)
    _trial(tracker)
    with _trial(tracker, name="done"):
        pass
    tracker.end_trial(study="s", fingerprint="f1", status="FAILED", error="killed by signal 9")
    runs = tracker.read_study("s").runs.set_index("name")
    assert runs["status"].to_dict() == {"activation=relu": "FAILED", "done": "FINISHED"}
    assert runs.loc["activation=relu", "error"] == "killed by signal 9"


def test_the_parent_ends_with_the_best_trial_and_the_counts(tracker: Tracker) -> None:
    parent = _start(tracker)
    for fingerprint, accuracy in (("a", 0.8), ("b", 0.9)):
        point = {"head.activation": fingerprint}
        with _trial(tracker, name=fingerprint, fingerprint=fingerprint, params=point) as trial:
            trial.summary({"val/accuracy": accuracy, "val/loss": 1 - accuracy})
    with pytest.raises(ValueError), _trial(tracker, name="c", fingerprint="c"):
        raise ValueError
    tracker.end_study("s")
    run = _client(tracker).get_run(parent)
    assert run.info.status == "FINISHED"
    assert run.data.tags["hpsearch.best_run"] == trial.run_id
    figures = run.data.metrics
    assert (figures["best/val/accuracy"], figures["trials/finished"]) == (0.9, 2)
    assert (figures["trials/failed"], figures["trials/running"]) == (1, 0)


def test_a_study_is_read_with_its_base_keys_and_one_row_a_trial(tracker: Tracker) -> None:
    _start(tracker)
    with _trial(tracker) as trial:
        trial.log({"val/accuracy": 0.4}, step=1)
        trial.summary({"val/accuracy": 0.75, "val/loss": float("inf")})
    study = tracker.read_study("s")
    assert study.base == {"head.activation": "tanh", "head.dim": "768", "root": "."}
    assert study.keys == ["head.activation"]
    (row,) = study.runs.to_dict("records")
    assert row["params.head.activation"] == "relu"
    assert (row["metrics.val/accuracy"], row["metrics.best/val/accuracy"]) == (0.4, 0.75)
    assert row["metrics.best/val/loss"] == float("inf")
    assert (row["n_train"], row["folder"]) == ("2000", "outputs/f1")
    assert row["end"] >= row["start"]


def test_studies_are_listed_newest_first_and_a_run_alone_is_one(tracker: Tracker) -> None:
    _start(tracker)
    time.sleep(0.005)
    with _trial(tracker, study="alone"):
        pass
    assert tracker.studies() == ["alone", "s"]
    assert tracker.newest_study() == "alone"
    time.sleep(0.005)
    with _trial(tracker):
        pass
    assert tracker.newest_study() == "s"


def test_more_parameters_than_one_request_holds_and_very_long_values_are_kept(
    tracker: Tracker,
) -> None:
    params = {f"key{i}": i for i in range(250)} | {"long": "x" * 7000, "empty": ""}
    with _trial(tracker, params=params) as trial:
        pass
    with _trial(tracker, params=params):
        pass
    found = _client(tracker).get_run(trial.run_id).data.params
    assert len(found) == 252
    assert len(found["long"]) == 6000
    assert found["long"].endswith("x…")


@pytest.mark.parametrize("name", ["it's", 'say "x"', "50 %", "a/b", "back`tick", "ä ü"])
def test_a_study_may_have_any_ordinary_name(tracker: Tracker, name: str) -> None:
    with _trial(tracker, study=name) as trial:
        pass
    assert tracker.read_study(name).runs["run_id"].tolist() == [trial.run_id]


def test_nothing_is_written_but_the_database_and_the_artifacts(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from hpsearch.tracking import DataInfo, open_tracker\n"
        "t = open_tracker(Path('.')); t.prepare(); t.prepare()\n"
        "t.start_study('s', base={'a': 1}, keys=['a'], tags={})\n"
        "d = DataInfo('n', 'd', 's', 1, 1, ['x'])\n"
        "new = dict(study='s', name='n', fingerprint='f', params={}, tags={}, data=d)\n"
        "with t.start_trial(**new) as r:\n"
        "    r.text('x', path='config.yaml')\n"
        "t.end_study('s')\n"
        "import sys; assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    top = {p.name for p in tmp_path.iterdir()} - {"mlflow.db-wal", "mlflow.db-shm"}
    assert top == {"mlflow.db", "outputs"}
    assert [p.name for p in (tmp_path / "outputs").iterdir()] == ["mlflow-artifacts"]


def test_a_copy_of_the_one_file_is_complete_after_a_study(tracker: Tracker, tmp_path: Path) -> None:
    _start(tracker)
    with _trial(tracker):
        pass
    tracker.end_study("s")
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "mlflow.db", copy)
    assert open_tracker(copy).read_study("s").runs["status"].tolist() == ["FINISHED"]


@pytest.mark.slow
def test_a_preparation_killed_half_way_leaves_no_half_made_database(tmp_path: Path) -> None:
    code = "from hpsearch.tracking import Tracker; Tracker('sqlite:///mlflow.db').prepare()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)}
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "mlflow.db").exists()
    tracker = open_tracker(tmp_path)
    tracker.prepare()
    assert tracker.studies() == []


def test_a_tracker_travels_to_another_process_without_its_connection(tracker: Tracker) -> None:
    _start(tracker)
    again: Tracker = pickle.loads(pickle.dumps(tracker))
    assert "client" in vars(tracker._store)
    assert "client" not in vars(again._store)
    assert again.studies() == ["s"]


def test_a_file_that_is_no_mlflow_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database at all" * 100)
    with pytest.raises(TrackingError, match="cannot be read as a sqlite database"):
        Tracker(f"sqlite:///{tmp_path}/text.db").prepare()
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE trials (id INTEGER)")
    other.close()
    with pytest.raises(TrackingError, match="is no MLflow database"):
        Tracker(f"sqlite:///{tmp_path}/other.db").prepare()
    (tmp_path / "empty.db").touch()
    with pytest.raises(TrackingError, match="is empty"):
        Tracker(f"sqlite:///{tmp_path}/empty.db").prepare()
    assert {p.name for p in tmp_path.iterdir()} == {"text.db", "other.db", "empty.db"}


def test_a_server_that_does_not_answer_is_one_line_and_no_wait() -> None:
    started = time.monotonic()
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 does not answer"):
        Tracker("http://127.0.0.1:9").prepare()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.1, "0.1"),
        (768, "768"),
        ("tanh", "tanh"),
        ([3, "a", None], '[3, "a", null]'),
        ({"a": (1, 2)}, '{"a": [1, 2]}'),
        (Path("x/y"), "x/y"),
    ],
)
def test_values_are_kept_as_a_person_types_them(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_nested_configuration_becomes_dotted_keys() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [1]}, "e": None, "f": {}}) == {
        "a.b.c": "1",
        "a.d": "[1]",
        "e": "null",
    }


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ({"head.dropout": 0.5, "head.activation": "relu"}, "activation=relu dropout=0.5"),
        ({"head.activation": "relu", "head.dropout": 0.5}, "activation=relu dropout=0.5"),
        (
            {"head.dropout": 0.5, "backbone.dropout": 0.1, "seed": 1},
            "backbone.dropout=0.1 head.dropout=0.5 seed=1",
        ),
        ({"dropout": 0.5, "head.dropout": 0.1}, "dropout=0.5 head.dropout=0.1"),
        ({"a": "two\nlines"}, "a=two lines"),
        ({}, "base"),
    ],
)
def test_a_run_is_named_by_what_varies(point: dict[str, object], name: str) -> None:
    assert run_name(point) == name


def test_numbers_are_the_same_whatever_their_spelling() -> None:
    assert same_value("768.0", "768")
    assert same_value(".0", "0")
    assert same_value("1e-05", "0.00001")
    assert same_value("-0.0", "0")
    assert not same_value("0.1", "0.10001")
    assert not same_value("true", "1")

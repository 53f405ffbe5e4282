"""A server that is away: training goes on, and MLflow gets everything later, once."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.tracking import Tracker, TrialRun
from tests.tracking.conftest import Server, Wire, spooled, start, trial

NOBODY = "http://127.0.0.1:9"


def tracker(uri: str, root: Path, *, try_every: float = 30.0) -> Tracker:
    """Each root is an experiment of its own, for they share one server."""
    return Tracker(uri, experiment=root.parent.name + root.name, root=root, try_every=try_every)


def train(run: TrialRun, model: Path, *, epochs: int = 3) -> None:
    for epoch in range(1, epochs + 1):
        run.log({"val/accuracy": 0.5 + epoch / 10, "val/loss": 1.0 / epoch}, step=epoch)
    run.summary({"val/accuracy": 0.5 + epochs / 10})
    run.text("seed: 0\n", path="config.yaml")
    run.tag({"mood": "good"})
    run.artifacts(model, under="model")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs are told one by one, as where each takes a second."""
    monkeypatch.setattr("hpsearch.tracking.trial_run.BETWEEN_POINTS", 0.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "best"
    folder.mkdir()
    (folder / "weights").write_bytes(b"w" * 10_000)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def runs(server: Server, root: Path) -> list[dict[str, Any]]:
    """All that MLflow has of the experiment, but for what differs from run to run."""
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name(root.parent.name + root.name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], order_by=["start_time ASC"])
    names = {run.info.run_id: run.info.run_name for run in found}
    names |= {None: None}
    return [
        {
            "name": run.info.run_name,
            "status": run.info.status,
            "params": run.data.params,
            "tags": {
                k: names[v] if k in ("mlflow.parentRunId", "hpsearch.best_run") else v
                for k, v in run.data.tags.items()
            },
            "data": [d.dataset.to_dictionary() for d in run.inputs.dataset_inputs],
            "series": {
                key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            },
            "files": [f.path for f in client.list_artifacts(run.info.run_id)],
            "model": [f.path for f in client.list_artifacts(run.info.run_id, "model")],
        }
        for run in found
    ]


def moments(server: Server, root: Path) -> tuple[int, int, list[int]]:
    """Start and end of the only run, and of its accuracies."""
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name(root.parent.name + root.name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    series = client.get_metric_history(run.info.run_id, "val/accuracy")
    return run.info.start_time, run.info.end_time, [m.timestamp for m in series]


def study(one: Tracker, model: Path) -> None:
    """A study of a trial that ends well and one that fails."""
    start(one)
    with trial(one) as run:
        train(run, model)
    with suppress(ValueError), trial(one, "activation=gelu") as run:
        run.log({"val/accuracy": 0.4}, step=1)
        raise ValueError("no such thing")
    one.end_study("s")


def test_what_was_kept_looks_as_if_it_had_been_recorded_at_once(
    server: Server, wire: Wire, tmp_path: Path, root: Path, model: Path
) -> None:
    direct = tmp_path / "direct"
    study(tracker(server.uri, direct), model)
    away = tracker(wire.uri, root)
    study(away, model)
    assert len(spooled(root)) == 4
    wire.mend()
    sent = away.send_spooled()
    assert (sent.runs, sent.records) == (4, 14)
    assert runs(server, root) == runs(server, direct)
    assert not (root / "outputs" / "spool").exists()
    assert away.read_study("s").finished()["name"].tolist() == ["activation=relu"]


def test_the_moments_are_those_at_which_it_happened(
    server: Server, wire: Wire, root: Path, model: Path
) -> None:
    away, before = tracker(wire.uri, root), int(time.time() * 1000)
    with trial(away) as run:
        train(run, model)
    after = int(time.time() * 1000)
    wire.mend()
    time.sleep(0.05)
    away.send_spooled()
    began, ended, points = moments(server, root)
    assert before <= began <= points[0] <= points[1] <= points[2] <= ended <= after


def test_one_line_says_where_the_figures_are(
    root: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = tracker(NOBODY, root)
    with caplog.at_level(logging.WARNING):
        start(away)
        for name in ("activation=relu", "activation=gelu"):
            with trial(tracker(NOBODY, root), name) as run:
                train(run, model)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "MLflow at http://127.0.0.1:9 does not answer" in line
    assert f"the figures are kept in {spooled(root)[0].parent} and sent later" in line
    with pytest.raises(TrackerAwayError, match=r"19 records of 3 runs wait in /.*/outputs/spool/"):
        away.send_spooled()
    with pytest.raises(TrackingError, match="does not answer"):
        away.read_study("s")


def test_a_server_lost_in_the_middle_gets_the_rest_when_it_is_back(
    server: Server, wire: Wire, root: Path, model: Path
) -> None:
    wire.mend()
    one = tracker(wire.uri, root, try_every=0.0)
    with trial(one) as run:
        run.log({"val/accuracy": 0.1}, step=1)
        wire.cut()
        run.log({"val/accuracy": 0.2}, step=2)
        run.log({"val/accuracy": 0.3}, step=3)
        assert len(spooled(root)) == 1
        wire.mend()
        time.sleep(0.2)
        run.log({"val/accuracy": 0.4}, step=4)
        assert spooled(root) == []
        run.summary({"val/accuracy": 0.4})
    (found,) = runs(server, root)
    assert found["series"]["val/accuracy"] == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    assert found["status"] == "FINISHED"
    assert not (root / "outputs" / "spool").exists()


def test_it_is_not_tried_at_every_step(wire: Wire, root: Path) -> None:
    with trial(tracker(wire.uri, root)) as run:
        wire.mend()
        # However long the attempt in vain took: a moment ago for a step, long ago for the end.
        (mark,) = (root / "outputs" / "spool").rglob("away")
        os.utime(mark, (time.time() - 20,) * 2)
        run.log({"val/accuracy": 0.1}, step=1)
        assert len(spooled(root)) == 1
    assert spooled(root) == []  # the end tries again


@pytest.mark.slow
def test_sending_the_same_file_twice_doubles_nothing(
    server: Server, wire: Wire, tmp_path: Path, root: Path, model: Path
) -> None:
    """As after a death between the last record and the removal of the file."""
    away = tracker(wire.uri, root)
    study(away, model)
    copy = shutil.copytree(root / "outputs", tmp_path / "copy")
    wire.mend()
    away.send_spooled()
    once = runs(server, root)
    shutil.copytree(copy, root / "outputs", dirs_exist_ok=True)
    assert away.send_spooled().runs == 4
    assert runs(server, root) == once
    assert [run["name"] for run in once] == ["s", "activation=relu", "activation=gelu"]


@pytest.mark.slow
def test_a_sender_that_is_killed_doubles_nothing(
    server: Server, wire: Wire, root: Path, model: Path
) -> None:
    away = tracker(wire.uri, root)
    with trial(away) as run:
        train(run, model, epochs=300)
        for number in range(20):
            run.text("x", path=f"{number}.txt")
    wire.mend()
    code = (
        "import sys; from pathlib import Path; from hpsearch.tracking import Tracker\n"
        "Tracker(sys.argv[1], experiment=sys.argv[2], root=Path(sys.argv[3])).send_spooled()\n"
    )
    words = [wire.uri, root.parent.name + root.name, str(root)]
    with subprocess.Popen([sys.executable, "-c", code, *words]) as sender:
        client = MlflowClient(server.uri)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            experiment = client.get_experiment_by_name(words[1])
            if experiment and any(
                run.data.metrics for run in client.search_runs([experiment.experiment_id])
            ):
                break
            time.sleep(0.02)
        sender.kill()
    assert len(spooled(root)) == 1
    assert away.send_spooled().runs == 1
    (found,) = runs(server, root)
    assert [step for step, _ in found["series"]["val/accuracy"]] == list(range(1, 301))
    assert (found["status"], len(found["files"])) == ("FINISHED", 22)


def test_a_line_that_was_cut_short_is_passed_over(
    server: Server, wire: Wire, root: Path, model: Path
) -> None:
    with trial(tracker(wire.uri, root)) as run:
        train(run, model)
    (file,) = spooled(root)
    text = file.read_text()
    file.write_text(text[: text.rindex('"status"')])
    wire.mend()
    tracker(wire.uri, root).send_spooled()
    (found,) = runs(server, root)
    assert len(found["series"]["val/accuracy"]) == 3
    assert found["status"] == "RUNNING"  # its end was never told


def test_a_trial_that_still_runs_is_left_to_itself(
    server: Server, wire: Wire, root: Path, model: Path
) -> None:
    away = tracker(wire.uri, root)
    start(away)
    with trial(away) as run:
        train(run, model)
        wire.mend()
        assert tracker(wire.uri, root).send_spooled().runs == 1
        assert len(spooled(root)) == 1
    assert spooled(root) == []
    assert [found["name"] for found in runs(server, root)] == ["s", "activation=relu"]


def test_a_trial_recorded_before_its_study_becomes_its_child(
    server: Server, wire: Wire, root: Path
) -> None:
    wire.mend()
    one = tracker(wire.uri, root)
    for _ in range(2):
        with trial(one):
            pass
        start(one)
    child = next(run for run in runs(server, root) if run["name"] == "activation=relu")
    assert child["tags"]["mlflow.parentRunId"] == "s"
    assert "hpsearch.alone" not in child["tags"]


def test_what_the_store_refuses_later_stays_in_its_file(
    server: Server, wire: Wire, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(tracker(server.uri, root))
    away = tracker(wire.uri, root)
    away.start_study("s", base={"head": {"activation": "gelu"}}, keys=[], tags={})
    with trial(away):
        pass
    wire.mend()
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        assert away.send_spooled().runs == 0
    (line,) = [record.getMessage() for record in caplog.records]
    assert str(spooled(root)[0]) in line
    assert "was begun with head.activation=tanh" in line
    assert len(spooled(root)) == 2


def test_a_disk_that_takes_nothing_is_told_once_and_the_trial_goes_on(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "outputs").write_text("in the way")
    with caplog.at_level(logging.WARNING), trial(tracker(NOBODY, root)) as run:
        run.log({"val/accuracy": 0.1}, step=1)
        run.log({"val/accuracy": 0.2}, step=2)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("cannot be kept" in line for line in lines) == 1


def test_a_password_in_the_address_is_not_written(root: Path) -> None:
    with trial(tracker("http://me:geheim@127.0.0.1:9", root)):
        pass
    assert all(b"geheim" not in f.read_bytes() for f in root.rglob("*") if f.is_file())


@pytest.mark.slow
def test_a_server_that_hangs_holds_a_trial_for_seconds_and_a_killed_one_for_none(
    tmp_path: Path, root: Path, model: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    server = Server(folder)
    server.start()
    try:
        one = tracker(server.uri, root, try_every=0.0)
        with trial(one) as run:
            run.log({"val/accuracy": 0.0}, step=0)
            server.freeze()
            began = time.monotonic()
            train(run, model, epochs=50)
            hung = time.monotonic() - began
            server.thaw()
            server.kill()
            began = time.monotonic()
            with trial(tracker(server.uri, root), "activation=gelu") as second:
                train(second, model)
            killed = time.monotonic() - began
            server.start()
        assert tracker(server.uri, root).send_spooled().runs >= 1
        found = {run["name"]: run for run in runs(server, root)}
    finally:
        server.kill()
    print(f"a hanging server held the trial for {hung:.1f} s, a killed one for {killed:.2f} s")
    assert hung < 60
    assert killed < 20
    steps = [step for step, _ in found["activation=relu"]["series"]["val/accuracy"]]
    assert steps == list(range(51))
    assert len(found["activation=gelu"]["series"]["val/accuracy"]) == 3

"""The epochs of all trials, from a database and from a real server, in few questions."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from hpsearch.tracking import Tracker, histories
from tests.tracking.conftest import DATA, Server, start, trial

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

KEYS = ("epoch", "train/loss", "val/loss", "val/accuracy")


def _epochs(first: float, *, epochs: int = 3) -> list[tuple[int, dict[str, float]]]:
    return [(n, dict.fromkeys(KEYS, first + n)) for n in range(1, epochs + 1)]


def _search(tracker: Tracker, study: str = "s") -> None:
    """A finished, a pruned, a running trial, and one whose loss became infinite and then NaN."""
    with trial(tracker, "activation=tanh", study) as run:
        run.log_all(_epochs(0.0))
    given_up = trial(tracker, "activation=relu", study)
    given_up.log_all(_epochs(10.0, epochs=1))
    given_up.pruned(step=1)
    with pytest.raises(RuntimeError), given_up:
        raise RuntimeError("pruned")
    trial(tracker, "activation=gelu", study).log_all(_epochs(20.0, epochs=2))
    with trial(tracker, "activation=silu", study) as run:
        for step, loss in enumerate([math.inf, -math.inf, math.nan], start=1):
            run.log({"train/loss": loss}, step=step)


def _of(frame: pd.DataFrame, tracker: Tracker, name: str, metric: str) -> list[tuple[int, float]]:
    runs = tracker.read_study("s").runs
    run_id = runs.loc[runs["name"] == name, "run_id"].item()
    rows = frame[(frame["run_id"] == run_id) & (frame["metric"] == metric)]
    return list(zip(rows["step"], rows["value"], strict=True))


def test_every_trial_has_its_epochs_whatever_became_of_it(tracker: Tracker) -> None:
    start(tracker)
    _search(tracker)
    study = tracker.read_study("s")
    frame = tracker.read_histories(study)
    assert list(frame) == ["run_id", "metric", "step", "value"]
    assert _of(frame, tracker, "activation=tanh", "val/loss") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert _of(frame, tracker, "activation=relu", "epoch") == [(1, 11.0)]
    assert _of(frame, tracker, "activation=gelu", "val/accuracy") == [(1, 21.0), (2, 22.0)]
    silu = _of(frame, tracker, "activation=silu", "train/loss")
    assert silu[:2] == [(1, math.inf), (2, -math.inf)]
    assert math.isnan(silu[2][1])
    assert list(frame["run_id"].unique()) == study.runs["run_id"].tolist()
    assert list(frame["metric"].unique()) == list(KEYS)
    first = frame[frame["run_id"] == study.runs["run_id"].iloc[0]]
    assert first["step"].tolist() == [1, 2, 3] * 4


def test_of_several_values_at_one_step_the_last_written_counts(tracker: Tracker) -> None:
    start(tracker)
    with trial(tracker) as run:
        run.log({"val/loss": 0.5}, step=1)
    client = tracker._store.client
    # A larger value before it, a smaller one after it.
    client.log_metric(run.run_id, "val/loss", 0.9, timestamp=1, step=1)
    client.log_metric(run.run_id, "val/loss", 0.1, timestamp=2**42, step=1)
    frame = tracker.read_histories(tracker.read_study("s"), metrics=["val/loss"])
    assert frame["value"].tolist() == [0.1]


def test_a_study_without_trials_and_a_metric_that_no_one_wrote_have_no_rows(
    tracker: Tracker,
) -> None:
    start(tracker)
    nothing = tracker.read_histories(tracker.read_study("s"))
    assert list(nothing) == ["run_id", "metric", "step", "value"]
    assert nothing.empty
    _search(tracker)
    assert tracker.read_histories(tracker.read_study("s"), metrics=["no'such"]).empty


def test_more_trials_than_one_question_takes_are_all_there(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(tracker)
    _search(tracker)
    study = tracker.read_study("s")
    at_once = tracker.read_histories(study)
    monkeypatch.setattr(histories, "MOST_RUNS_AT_HOME", 3)
    pd.testing.assert_frame_equal(tracker.read_histories(study), at_once)


@pytest.fixture(scope="module")
def served(server: Server) -> tuple[Tracker, Tracker]:
    """The same store through a server and opened directly."""
    remote = Tracker(server.uri, root=server.folder)
    remote.prepare()
    start(remote)
    _search(remote)
    return remote, Tracker(f"sqlite:///{server.folder}/server.db", root=server.folder)


@pytest.mark.slow
def test_a_server_and_its_database_give_the_same_epochs(served: tuple[Tracker, Tracker]) -> None:
    remote, direct = (each.read_histories(each.read_study("s")) for each in served)
    assert len(remote) == 4 * 6 + 3
    pd.testing.assert_frame_equal(remote, direct)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [("MOST_VALUES", 2), ("MOST_RUNS", 3), ("BULK", "/ajax-api/2.0/mlflow/no/such/thing")],
)
def test_answers_that_are_cut_off_and_a_server_without_them_lose_nothing(
    served: tuple[Tracker, Tracker], monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    remote, direct = served
    expected = direct.read_histories(direct.read_study("s"))
    monkeypatch.setattr(histories, name, value)
    pd.testing.assert_frame_equal(remote.read_histories(remote.read_study("s")), expected)


@pytest.mark.slow
def test_as_many_trials_as_one_question_takes_fit_into_an_address(
    served: tuple[Tracker, Tracker],
) -> None:
    remote, _ = served
    for number in range(histories.MOST_RUNS + 1):
        with remote.start_trial(
            study="many", name=str(number), fingerprint=str(number), params={}, tags={}, data=DATA
        ) as run:
            run.log({"val/loss": float(number)}, step=1)
    frame = remote.read_histories(remote.read_study("many"), metrics=["val/loss"])
    assert frame["value"].tolist() == [float(n) for n in range(histories.MOST_RUNS + 1)]

"""Studies whose trials failed, were killed, pruned, retried, still run, or are one or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.errors import ReportError
from hpsearch.reporting import (
    best_fingerprint,
    full_table,
    markdown,
    study_document,
    write_report,
)
from hpsearch.tracking import DataInfo, Tracker, TrialRun

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"head.activation": "tanh", "seed": 0}
DATA = DataInfo("imdb", "0123abcd", "stanfordnlp/imdb", 20_000, 5_000, ["neg", "pos"])


def _begin(tracker: Tracker, activation: str, attempt: str = "") -> TrialRun:
    name = f"{activation}{attempt}"
    point = {"head.activation": activation, "seed": 0}
    run = tracker.start_trial(
        study="s", name=name, fingerprint=name, params=point, tags={}, data=DATA
    )
    run.log({"val/accuracy": 0.99, "val/loss": 0.01}, step=1)  # better than any finished one
    return run


def _end(run: TrialRun, error: BaseException, *, pruned: bool = False) -> None:
    if pruned:
        run.pruned(step=1)
    with pytest.raises(type(error)), run:
        raise error


def _start(tracker: Tracker) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})


def test_all_states_at_once_are_counted_once_each_and_only_finished_trials_have_rows(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    _start(tracker)
    log("s", BASE, 0.80)
    _end(_begin(tracker, "relu", "-first"), OSError("disk full"))
    log("s", {"head.activation": "relu", "seed": 0}, 0.85, name="relu-second")  # the retry
    _end(_begin(tracker, "gelu"), ValueError("loss is NaN"))
    _end(_begin(tracker, "silu"), KeyboardInterrupt())
    _end(_begin(tracker, "elu"), RuntimeError("given up"), pruned=True)
    _begin(tracker, "selu")
    study = tracker.read_study("s")
    assert sorted(study.runs["status"]) == [
        *("FAILED", "FAILED", "FINISHED", "FINISHED", "KILLED", "PRUNED", "RUNNING")
    ]
    text = markdown(study_document(study, tmp_path))
    assert full_table(study)["val. accuracy"].tolist() == [0.85, 0.80]
    assert "Trials: 2 finished" in text
    assert "- 1 failed: head.activation=gelu — ValueError: loss is NaN\n" in text
    assert "- 1 killed: head.activation=silu" in text
    assert "- 1 pruned\n- 1 running\n" in text
    assert "disk full" not in text  # its point was finished by the second attempt
    assert "0.99" not in text
    assert best_fingerprint(study) == "relu-second"
    histories = tracker.read_histories(study, metrics=["val/accuracy"])
    assert histories["run_id"].nunique() == 7


def test_one_trial_has_a_row_and_nothing_is_compared(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    _start(tracker)
    log("s", BASE, 0.80)
    report = write_report(tracker.read_study("s"), tmp_path)
    text = report.markdown.read_text()
    assert "Trials: 1 finished" in text
    assert "## Which differences are real" not in text
    assert "## What each setting does" not in text
    assert "One seed: over 5,000 validation examples" in text


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_study_whose_trials_all_failed_says_so_and_has_no_winner(
    tracker: Tracker, tmp_path: Path, error: BaseException
) -> None:
    _start(tracker)
    for activation in ("tanh", "relu", "gelu"):
        _end(_begin(tracker, activation), error)
    study = tracker.read_study("s")
    report = write_report(study, tmp_path)
    text = report.markdown.read_text()
    assert "No trial has finished yet." in text
    assert "Trials: 0 finished" in text
    assert f"- 3 {'failed' if isinstance(error, ValueError) else 'killed'}: " in text
    assert "## " not in text
    assert "0.99" not in text + report.csv.read_text() + report.latex.read_text()
    with pytest.raises(ReportError, match="no trial of it has finished yet"):
        best_fingerprint(study)


def test_trials_without_any_figure_are_no_winners_of_a_comparison(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    _start(tracker)
    for activation in ("tanh", "relu"):
        log("s", {"head.activation": activation, "seed": 0}, float("nan"), float("inf"))
    text = write_report(tracker.read_study("s"), tmp_path).markdown.read_text()
    assert "Trials: 2 finished" in text
    assert "nothing can be tested" in text
    assert "best one at the" not in text

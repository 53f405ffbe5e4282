"""What the report says of the trainings themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpsearch.reporting import markdown, study_document
from hpsearch.reporting.sections import learning
from hpsearch.reporting.sections.learning import learning_notes, learning_table
from hpsearch.tracking import DataInfo, Tracker

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"head.activation": "tanh", "head.dim": 768}
DATA = DataInfo("imdb", "0123abcd", "stanfordnlp/imdb", 20_000, 5_000, ["neg", "pos"])


def train(
    tracker: Tracker,
    *,
    train_loss: list[float],
    val_loss: list[float],
    prune: bool = False,
    **point: object,
) -> None:
    """A trial with one evaluation an epoch; the best is that of the lowest validation loss."""
    name = " ".join(f"{key}={value}" for key, value in point.items())
    params = BASE | {key.replace("_", "."): value for key, value in point.items()}
    history = [
        {
            "epoch": float(epoch),
            "train/loss": left,
            "val/loss": right,
            "val/accuracy": 1 - right,
            "system/examples_per_second": 100.0 * epoch,
            "system/memory_mib": 500.0 + epoch,
        }
        for epoch, (left, right) in enumerate(zip(train_loss, val_loss, strict=True), start=1)
    ]
    trial = tracker.start_trial(
        study="s", name=name, fingerprint=name, params=params, tags={}, data=DATA
    )

    def go() -> None:
        with trial as run:
            for epoch, metrics in enumerate(history, start=1):
                run.log(metrics, step=epoch)
            if prune:
                run.pruned(step=len(history))
                raise RuntimeError("given up")
            run.summary(min(history, key=lambda one: one["val/loss"]) | {"seconds": 1800.0})

    if prune:
        with pytest.raises(RuntimeError):
            go()
    else:
        go()


@pytest.fixture
def searched(tracker: Tracker) -> Tracker:
    tracker.start_study("s", base=BASE, keys=["head.activation", "head.dim"], tags={})
    falls, turns = [0.5, 0.3, 0.1, 0.05], [0.5, 0.2, 0.3, 0.4]
    train(tracker, head_activation="relu", train_loss=falls, val_loss=turns)
    train(tracker, head_activation="tanh", train_loss=[0.5, 0.4], val_loss=[0.5, 0.3])
    train(tracker, head_activation="gelu", train_loss=[0.5], val_loss=[0.9], prune=True)
    return tracker


def test_each_finished_trial_has_its_epochs_gap_time_speed_and_memory(searched: Tracker) -> None:
    table = learning_table(searched.read_study("s"))
    assert table.to_dict("records") == [
        {
            "head.activation": "relu",
            "best epoch": "2",
            "epochs": "4",
            "val. − train loss": "-0.1000",
            "seconds": "1,800.0",
            "examples/s": "200",
            "MiB": "504",
        },
        {
            "head.activation": "tanh",
            "best epoch": "2",
            "epochs": "2",
            "val. − train loss": "-0.1000",
            "seconds": "1,800.0",
            "examples/s": "200",
            "MiB": "502",
        },
    ]


def test_overfitting_pruning_and_the_cost_are_told(searched: Tracker, tmp_path: Path) -> None:
    overfitting, pruned, cost = learning_notes(searched.read_study("s"))
    assert overfitting == (
        "Of 2 finished trials 1 went on after their best epoch; in 1 the validation loss then rose "
        "while the training loss fell: overfitting, after epoch 2 (median)."
    )
    assert pruned == "Given up early: 1 of 3 trials, after 1 epochs (median)."
    assert cost == "The whole search took 1.0 hours, all trials added up."
    assert "## How the trainings went" in markdown(
        study_document(searched.read_study("s"), tmp_path)
    )


def test_a_loss_that_rises_on_both_sides_is_no_overfitting(tracker: Tracker) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    train(tracker, head_activation="relu", train_loss=[0.5, 0.6], val_loss=[0.5, 0.6])
    assert "in none of them" in learning_notes(tracker.read_study("s"))[0]


def test_a_study_without_trials_says_nothing(tracker: Tracker, tmp_path: Path) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    study = tracker.read_study("s")
    assert learning_table(study).empty
    assert learning_notes(study) == []
    assert "How the trainings went" not in markdown(study_document(study, tmp_path))


def test_of_many_trials_the_first_are_listed(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOST_ROWS", 2)
    tracker.start_study("s", base=BASE, keys=["head.dim"], tags={})
    for dim in range(4):
        train(tracker, head_dim=dim, train_loss=[0.5], val_loss=[0.5])
    study = tracker.read_study("s")
    assert len(learning_table(study)) == 2
    assert "The first 2 of 4 trials" in markdown(study_document(study, tmp_path))

"""The main job, end to end: a sweep, its table, its best model, and the same command again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from hpsearch.data import Examples
from hpsearch.predict import predict
from hpsearch.tracking import open_tracker
from tests.commands import Done, environment, run

SMALL = ("data.train_size=200", "data.val_size=50", "trainer.epochs=2", "backbone.max_length=64")
SWEEP = ("-m", "head.activation=tanh,relu", "head.dim=16", *SMALL)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A folder in which the default sweep, made small, has run."""
    folder = tmp_path_factory.mktemp("swept")
    return folder, run(folder, "train", *SWEEP)


def trials(folder: Path) -> list[dict[str, object]]:
    """What the trial store holds."""
    files = sorted((folder / "outputs" / "trials").glob("*/result.json"))
    return [json.loads(file.read_text()) for file in files]


def test_a_sweep_trains_each_point_and_says_which_is_best(swept: tuple[Path, Done]) -> None:
    folder, done = swept
    assert done.code == 0, done.err
    assert {t["config"]["head.activation"] for t in trials(folder)} == {"tanh", "relu"}  # type: ignore[index]
    best = max(t["best"]["val/accuracy"] for t in trials(folder))  # type: ignore[index]
    assert f"value {best:.6g}" in done.err.splitlines()[-1]


def test_nothing_is_written_anywhere_else(swept: tuple[Path, Done]) -> None:
    folder, _ = swept
    assert {entry.name for entry in folder.iterdir()} - {"reports"} == {
        "cache",
        "home",
        "mlflow.db",
        "outputs",
    }
    assert list((folder / "home").rglob("*")) == []


def test_the_same_command_again_trains_nothing_and_ends_the_same_with_its_report(
    swept: tuple[Path, Done],
) -> None:
    folder, first = swept
    assert "| head.activation" not in first.out  # it was told not to
    assert not (folder / "reports").exists()
    before = {f: f.stat().st_mtime_ns for f in (folder / "outputs" / "trials").rglob("*")}
    again = run(folder, "train", *SWEEP, "report.auto=true", "report.digits=2")
    assert again.code == 0, again.err
    assert "all 2 trials are finished" in again.err
    assert first.err.splitlines()[-1] in again.err.splitlines()  # the best and its value
    # Nor a test.json: that is for the last word.
    assert {f: f.stat().st_mtime_ns for f in (folder / "outputs" / "trials").rglob("*")} == before
    [page] = (folder / "reports").glob("*.html")
    assert f"reports/{page.name}" in again.out
    assert re.search(r"^\| (tanh|relu) +\| 0\.\d\d +\|", again.out, flags=re.MULTILINE)
    shutil.rmtree(folder / "reports")


@pytest.mark.slow
def test_a_sweep_whose_mlflow_is_away_ends_without_its_report(swept: tuple[Path, Done]) -> None:
    folder, _ = swept
    done = run(folder, "train", *SWEEP, "report.auto=true", "tracking.uri=http://127.0.0.1:9")
    assert done.code == 0, done.err
    assert done.err.rstrip().endswith("no report: MLflow is away; later: python -m hpsearch.report")
    shutil.rmtree(folder / "outputs" / "spool")


@pytest.mark.slow
def test_columns_that_are_not_there_cost_the_report_and_not_the_sweep(
    swept: tuple[Path, Done],
) -> None:
    folder, _ = swept
    done = run(folder, "train", *SWEEP, "report.columns=[val/acuracy]")
    assert done.code == 0
    assert "no report: columns=val/acuracy: known are" in done.err
    assert not (folder / "reports").exists()


def test_mlflow_holds_a_parent_and_its_children_with_every_epoch(swept: tuple[Path, Done]) -> None:
    folder, _ = swept
    tracker = open_tracker(folder)
    study = tracker.read_study(tracker.newest_study())
    assert study.name.startswith("cnn_reviews-")
    assert study.keys == ["head.activation"]
    assert sorted(study.runs["name"]) == ["activation=relu", "activation=tanh"]
    assert set(study.runs["status"]) == {"FINISHED"}
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    for run_id in study.runs["run_id"]:
        history = client.get_metric_history(run_id, "val/accuracy")
        assert [metric.step for metric in history] == [1, 2]
        names = {item.path for item in client.list_artifacts(run_id)}
        assert names == {"config.yaml", "model"}


def test_the_report_is_the_table_of_what_the_store_holds(swept: tuple[Path, Done]) -> None:
    folder, _ = swept
    done = run(folder, "report")
    assert done.code == 0, done.err
    frame = pd.read_csv(next((folder / "reports").glob("*.csv")))
    kept = {
        t["config"]["head.activation"]: (t["best"]["val/accuracy"], t["best"]["val/loss"])  # type: ignore[index]
        for t in trials(folder)
    }
    for row in frame.itertuples(index=False):
        assert row[1:3] == pytest.approx(kept[row[0]])
        assert f"{row[1]:.5f}" in done.out
    assert list((folder / "home").rglob("*")) == []  # no list of fonts, no model's cache
    assert frame["val. accuracy"].is_monotonic_decreasing


def test_the_loaded_model_gives_the_probabilities_of_its_training(
    swept: tuple[Path, Done],
) -> None:
    folder, _ = swept
    trial = next((folder / "outputs" / "trials").iterdir())
    stored = torch.from_numpy(np.load(trial / "val_probabilities.npy"))
    splits = _splits(folder)
    loaded, classes = predict(trial / "best", splits.texts)
    assert classes == ["negative", "positive"]
    assert torch.allclose(loaded, stored, atol=1e-6)


def _splits(folder: Path) -> Examples:
    """The validation examples of the sweep."""
    from hpsearch.data import load_splits

    return load_splits(
        name="reviews",
        path=None,
        columns=("text", "label"),
        classes=["negative", "positive"],
        train_size=200,
        val_size=50,
        seed=0,
        cache=folder / "cache",
    ).val


@pytest.mark.slow
def test_predict_names_the_class_and_evaluates_the_test_split(swept: tuple[Path, Done]) -> None:
    folder, _ = swept
    one = run(folder, "predict", "text=A film to remember: never dull, 'superb', {really}")
    assert one.code == 0, one.err
    label, *shares = one.out.split()
    assert label in ("negative", "positive")
    assert sum(float(share.split("=")[1]) for share in shares) == pytest.approx(1.0, abs=1e-5)
    for stored in folder.glob("outputs/trials/*/test.json"):
        stored.unlink()
    test = run(folder, "predict", "split=test")
    assert "test/examples 2000" in test.out
    assert "computed and stored" in test.out
    again = run(folder, "predict", "split=test")
    assert "stored before" in again.out
    assert again.out.splitlines()[1:] == test.out.splitlines()[1:]
    tracker = open_tracker(folder)
    runs = tracker.read_study(tracker.newest_study()).runs
    assert int(runs["metrics.test/accuracy"].notna().sum()) == 1


@pytest.mark.slow
def test_a_trial_of_another_study_is_answered_from_the_store(swept: tuple[Path, Done]) -> None:
    folder, _ = swept
    done = run(folder, "train", "head.activation=relu", "head.dim=16", *SMALL)
    assert "finished before: its result stands in" in done.err
    assert len(trials(folder)) == 2


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_loses_no_trial(tmp_path: Path) -> None:
    words = ("-m", "head.dim=0,4,8", *SMALL, "trainer.epochs=20")
    command = [sys.executable, "-m", "hpsearch.train", *words]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    ) as sweep:
        assert sweep.stderr is not None
        lines = iter(sweep.stderr)
        next(line for line in lines if line.startswith("trial 2/3") and "starts" in line)
        next(line for line in lines if line.startswith("epoch 1 "))
        os.kill(sweep.pid, signal.SIGKILL)  # with 19 epochs of the second trial to come
    finished = {t["fingerprint"] for t in trials(tmp_path)}
    assert len(finished) == 1
    done = run(tmp_path, "train", *words)
    assert done.code == 0, done.err
    assert len(trials(tmp_path)) == 3
    assert finished < {t["fingerprint"] for t in trials(tmp_path)}
    tracker = open_tracker(tmp_path)
    study = tracker.read_study(tracker.newest_study())
    assert len(study.finished()) == 3


@pytest.mark.slow
def test_one_batch_can_be_overfitted(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "debug=overfit", "data.train_size=64", "data.val_size=16")
    assert done.code == 0, done.err
    (trial,) = trials(tmp_path)
    assert trial["history"][-1]["train/loss"] < 0.01  # type: ignore[index]


@pytest.mark.slow
def test_a_training_that_diverges_is_one_line_and_leaves_no_checkpoints(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "debug=limit", "optimizer.lr=1e30", "checkpoint.every=1")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("error: train/loss became nan at step 2; try a")
    assert "Traceback" not in done.err
    (trial,) = (tmp_path / "outputs" / "trials").iterdir()
    assert [entry.name for entry in trial.iterdir()] == [".lease"]


@pytest.mark.slow
def test_files_of_ones_own_with_words_for_labels(tmp_path: Path, reviews_folder: Path) -> None:
    done = run(
        tmp_path,
        "train",
        "data=files",
        f"data.path={reviews_folder}",
        "trainer.epochs=8",
        "backbone.vocab_size=200",
        "root=elsewhere",
    )
    assert done.code == 0, done.err
    (trial,) = trials(tmp_path / "elsewhere")
    assert trial["best"]["val/accuracy"] == 1.0  # type: ignore[index]
    assert {entry.name for entry in tmp_path.iterdir()} == {"elsewhere", "home", "reviews"}


@pytest.mark.slow
def test_the_profile_prints_where_the_time_went(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "debug=profile", "trainer.max_steps=2", "data.train_size=64")
    assert done.code == 0, done.err
    assert "Self CPU" in done.out
    assert len(list(tmp_path.rglob("trace.json"))) == 1

"""The proof: a sweep killed again and again ends in the table of one that was left in peace.

    HPSEARCH_CHAOS_KILLS=100 HPSEARCH_CHAOS_SEED=7 python -m pytest -s tests/chaos

kills a hundred times, at the moments and the victims of that seed; without it the seed is drawn
anew and printed.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient

from hpsearch.reporting import best_fingerprint
from hpsearch.tracking import Study, open_tracker
from tests.chaos.monkey import Monkey
from tests.commands import run

KILLS = int(os.environ.get("HPSEARCH_CHAOS_KILLS", "25"))
SEED = int(os.environ.get("HPSEARCH_CHAOS_SEED", random.SystemRandom().randrange(10**6)))

# 12 trials of 3 epochs; 31 checkpoints each: every 5 of 47 steps and at each epoch's end.
COMMAND = (
    "-m",
    "data=reviews",
    "backbone=cnn",
    "head.dim=8,16,24",
    "head.activation=tanh,relu",
    "head.dropout=0.1,0.3",
    "trainer.epochs=3",
    "data.train_size=1500",
    "data.val_size=300",
    "optimizer.lr=0.01",
    "checkpoint.every=5",
    "tracking.log_model=false",
    "hydra.sweeper.n_jobs=2",
)
TRIALS, PER_TRIAL = 12, 31


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sweep_under_a_monkey_ends_as_one_in_peace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nHPSEARCH_CHAOS_KILLS={KILLS} HPSEARCH_CHAOS_SEED={SEED}", flush=True)
    peace, chaos = tmp_path / "peace", tmp_path / "chaos"
    peace.mkdir()
    chaos.mkdir()
    done = run(peace, "train", *COMMAND)
    assert done.code == 0, done.err
    began = time.monotonic()
    monkey = Monkey(
        chaos,
        COMMAND,
        kills=KILLS,
        work=TRIALS * PER_TRIAL,
        per_trial=PER_TRIAL,
        seed=SEED,
        complete=lambda: len(values(chaos)) == TRIALS,
    )
    monkey.run()
    with capsys.disabled():
        counts = {victim: monkey.killed.count(victim) for victim in sorted(set(monkey.killed))}
        print(f"killed {counts}, started {monkey.starts} times", end=", ")
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    assert len(monkey.killed) == KILLS
    assert table(chaos).equals(table(peace))
    assert len(values(peace)) == TRIALS
    assert values(chaos) == values(peace)
    assert curves(chaos) == curves(peace)
    assert winner(chaos) == winner(peace)


def study_of(folder: Path) -> Study:
    tracker = open_tracker(folder)
    (name,) = tracker.studies()
    return tracker.read_study(name)


def table(folder: Path) -> pd.DataFrame:
    """The report's table, with all its columns."""
    done = run(folder, "report")
    assert done.code == 0, done.err
    (file,) = (folder / "reports").glob("*.csv")
    found = pd.read_csv(file)
    assert len(found) == TRIALS
    return found


def values(folder: Path) -> list[tuple[str, float | None]]:
    """Point and value of each trial that has ended well, as Optuna keeps them."""
    storage = f"sqlite:///{folder}/outputs/optuna.db"
    trials = optuna.load_study(study_name=study_of(folder).name, storage=storage).trials
    assert {t.state.name for t in trials} <= {"COMPLETE", "FAIL"}
    complete = [t for t in trials if t.state.name == "COMPLETE"]
    return sorted((repr(sorted(t.params.items())), t.value) for t in complete)


def curves(folder: Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Trial → metric → its points in MLflow, without clocks and memory."""
    study, client = study_of(folder), MlflowClient(f"sqlite:///{folder}/mlflow.db")
    assert list(study.runs["status"]) == ["FINISHED"] * TRIALS
    found = {}
    for run_id, name in zip(study.runs["run_id"], study.runs["name"], strict=True):
        metrics = client.get_run(run_id).data.metrics
        found[str(name)] = {
            metric: [(p.step, p.value) for p in client.get_metric_history(run_id, metric)]
            for metric in metrics
            if "system/" not in metric and "seconds" not in metric
        }
    assert len(found) == TRIALS
    return found


def winner(folder: Path) -> dict[str, bytes]:
    """The files of the best trial's weights and predictions."""
    trial = folder / "outputs" / "trials" / best_fingerprint(study_of(folder))
    files = ("best/model.safetensors", "best/head.safetensors", "val_probabilities.npy")
    return {file: (trial / file).read_bytes() for file in files}

"""hpsearch's own command on a real Slurm: a sweep that is pruned and preempted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow import MlflowClient

from tests.cluster.conftest import SLURM, Cluster, command
from tests.commands import environment, run

pytestmark = pytest.mark.cluster

WORDS = (
    "data=files",
    "data.val_size=20",
    "backbone.max_length=32",
    "head.dim=16",
    "trainer.epochs=12",
    "trainer.batch_size=4",
    "trainer.device=cpu",
    "checkpoint.every=3",
)
GOOD, BAD = "optimizer.lr=1e-2", "optimizer.lr=1e-9"
PRUNED = (
    "hydra/sweeper/pruner=threshold",
    "hydra.sweeper.pruner.lower=0.6",
    "hydra.sweeper.pruner.n_warmup_steps=2",
)


def figures(folder: Path) -> dict[str, list[float]]:
    """Learning rate → the losses of each epoch of a trial that has finished."""
    found = {}
    for file in folder.glob("outputs/trials/*/result.json"):
        result: dict[str, Any] = json.loads(file.read_text())
        losses = [x[key] for x in result["history"] for key in ("train/loss", "val/loss")]
        found[str(result["config"]["optimizer.lr"])] = losses
    return found


def test_a_preempted_training_ends_as_an_undisturbed_one_and_a_bad_one_is_pruned(
    cluster: Cluster, tmp_path: Path, reviews_folder: Path
) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    given = (f"data.path={reviews_folder}", *WORDS)
    done = run(undisturbed, "train", GOOD, *given)
    assert done.code == 0, done.err
    sweep = [f"{GOOD},{BAD.partition('=')[2]}", *given, *PRUNED, *SLURM, "report.auto=false"]
    words = [sys.executable, "-m", "hpsearch.train", "-m", "hydra.sweeper.n_jobs=2", *sweep]
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        preempt(tmp_path)
        printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0, printed
    assert figures(tmp_path) == figures(undisturbed)
    assert "going on after step" in printed
    assert [x.state.name for x in study(tmp_path).trials] == ["COMPLETE", "PRUNED"]
    assert [x.number for x in study(tmp_path).trials] == [0, 1]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiments = [x.experiment_id for x in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert len(runs) == 3  # the study's own, and one a trial
    assert all(
        "env.SLURM_JOB_ID" in run.data.tags for run in runs if "mlflow.parentRunId" in run.data.tags
    )
    assert not cluster.jobs


def preempt(folder: Path) -> None:
    """Both processors are wanted by somebody of a better partition, once the first has trained."""
    end = time.monotonic() + 100
    while not list(folder.glob("outputs/trials/*/checkpoints/*.pt")):
        assert time.monotonic() < end
        time.sleep(0.05)
    script = ("--partition=urgent", "--ntasks=2", "--output=/dev/null", "--wrap=sleep 2")
    command("sbatch", *script)


def study(folder: Path) -> optuna.Study:
    url = f"sqlite:///{folder}/outputs/optuna.db"
    (name,) = optuna.get_all_study_names(url)
    return optuna.load_study(study_name=name, storage=url)

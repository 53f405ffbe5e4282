"""Synthetic studies of thousands of runs, as real as a report can see, written within seconds."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hydra import compose, initialize_config_dir

from hpsearch.config import flatten, register
from hpsearch.tracking import DataInfo, Tracker, open_tracker
from hpsearch.trials import LABELS, PREDICTIONS, TrialStore

__all__ = ["EPOCHS", "EXAMPLES", "STUDY", "make_study"]

STUDY = "scale"
EPOCHS = 20
EXAMPLES = 1000  # of the validation split
CONF = Path(__file__).parents[1] / "conf"
DATA = DataInfo("imdb", "0123abcd", "imdb", 20_000, EXAMPLES, ["negative", "positive"])
KEYS = ("head.activation", "head.dim", "head.dropout", "optimizer.lr")
# Beside accuracy and loss; a real trial has as many.
OTHERS = (
    *("step", "system/examples_per_second", "system/memory_mib", "system/tokens_per_second"),
    *("train/grad_norm", "train/loss_max", "train/loss_spikes", "train/lr", "val/f1"),
)
# Table → its column with the run's id.
TABLES = {
    "runs": "run_uuid",
    "params": "run_uuid",
    "tags": "run_uuid",
    "metrics": "run_uuid",
    "latest_metrics": "run_uuid",
    "inputs": "destination_id",
}


class Trial(NamedTuple):
    point: dict[str, str]
    fingerprint: str
    quality: float  # what its validation accuracy is less than the template's


def make_study(root: Path, *, runs: int, seed: int = 0) -> None:
    """A random search of finished trials, with their predictions, below an empty ``root``.

    The first run is written by the calls that a training uses; the others are its rows, copied
    by bulk inserts with their own parameters, figures and names: what reading finds is the same.
    """
    tracker = open_tracker(root)
    tracker.prepare()
    register()
    with initialize_config_dir(str(CONF), version_base=None):
        base = flatten(compose("config"))
    tracker.start_study(STUDY, base=base, keys=KEYS, tags={"hpsearch.monitor": "val/accuracy"})
    first, *others = _trials(runs, np.random.default_rng(seed))
    template = _log(tracker, first, base)
    tracker.settle()
    with closing(sqlite3.connect(root / "mlflow.db")) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        _copy(connection, template, others)
    for trial in [first, *others]:
        _predict(TrialStore(root), trial, np.random.default_rng(int(trial.fingerprint, 16)))


def _trials(runs: int, random: np.random.Generator) -> Iterator[Trial]:
    for number in range(runs):
        point = {
            "head.activation": str(random.choice(["tanh", "relu", "gelu"])),
            "head.dim": str(random.choice([50, 250, 768])),
            "head.dropout": f"{random.uniform(0.0, 0.5):.4f}",
            "optimizer.lr": f"{10 ** random.uniform(-5, -2):.6g}",
        }
        worse = abs(np.log10(float(point["optimizer.lr"])) + 3.5) / 20
        yield Trial(point, f"{number + 1:016x}", worse + abs(float(random.normal(0, 0.005))))


def _log(tracker: Tracker, trial: Trial, base: dict[str, str]) -> str:
    with tracker.start_trial(
        study=STUDY,
        name="template",
        fingerprint=trial.fingerprint,
        params={**base, **trial.point},
        tags={"hpsearch.folder": "outputs/trials", "hpsearch.command": "head.dim=50"},
        data=DATA,
    ) as run:
        history = [(n, _metrics(n)) for n in range(1, EPOCHS + 1)]
        run.log_all(history)
        run.summary({**history[-3][1], "seconds": 60.0})
    return str(run.run_id)


def _metrics(epoch: int) -> dict[str, float]:
    accuracy = 0.9 - 0.3 / epoch
    known = {"epoch": epoch, "train/loss": 0.7 / epoch, "val/loss": 0.3 + 0.4 / epoch}
    return {**known, "val/accuracy": accuracy, **dict.fromkeys(OTHERS, float(epoch))}


def _copy(connection: sqlite3.Connection, template: str, trials: list[Trial]) -> None:
    for table, column in TABLES.items():
        found = connection.execute(f"SELECT * FROM {table} WHERE {column} = ?", [template])
        names = [each[0] for each in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found]
        marks = ", ".join("?" * len(names))
        made = (
            tuple(_changed(row, table, column, trial).values()) for trial in trials for row in rows
        )
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", made)


def _changed(row: dict[str, object], table: str, column: str, trial: Trial) -> dict[str, object]:
    new = {**row, column: trial.fingerprint.zfill(32)}
    if table == "inputs":
        new["input_uuid"] = uuid.uuid4().hex
    elif table == "runs":
        new["name"] = " ".join(f"{key}={value}" for key, value in trial.point.items())
    elif table == "params":
        new["value"] = trial.point.get(str(row["key"]), row["value"])
    elif table == "tags" and row["key"] == "hpsearch.fingerprint":
        new["value"] = trial.fingerprint
    elif str(row["key"]).endswith("val/accuracy"):
        new["value"] = float(str(row["value"])) - trial.quality
    return new


def _predict(store: TrialStore, trial: Trial, random: np.random.Generator) -> None:
    labels = np.arange(EXAMPLES) % 2
    right = random.random(EXAMPLES) < 0.9 - trial.quality
    sure = np.where(right, 0.9, 0.1).astype(np.float32)
    probabilities = np.stack([np.where(labels == c, sure, 1 - sure) for c in (0, 1)], axis=1)
    folder = store.open(trial.fingerprint).path
    np.save(folder / PREDICTIONS, probabilities)
    np.save(folder / LABELS, labels)

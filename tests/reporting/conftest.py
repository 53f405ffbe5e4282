"""Studies written to a real MLflow store, by the same calls that a training uses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hpsearch.tracking import DataInfo, Tracker, open_tracker, run_name
from hpsearch.tracking.database import make

DATA = DataInfo("imdb", "0123abcd", "stanfordnlp/imdb", 20_000, 5_000, ["neg", "pos"])

Log = Callable[..., None]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's migrations take a second; every test copies their result."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    make(file)
    return file


@pytest.fixture
def tracker(empty_store: Path, tmp_path: Path) -> Tracker:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    tracker = open_tracker(tmp_path)
    tracker.prepare()
    return tracker


@pytest.fixture
def log(tracker: Tracker) -> Log:
    """Log one finished trial: its parameters, its accuracy and loss."""

    def log_trial(
        study: str,
        params: Mapping[str, object],
        accuracy: float,
        loss: float = 0.5,
        *,
        tags: Mapping[str, str] | None = None,
        name: str | None = None,
        fingerprint: str | None = None,
    ) -> None:
        name = name or run_name(params)
        with tracker.start_trial(
            study=study,
            name=name,
            fingerprint=fingerprint or name,
            params=params,
            tags=tags or {},
            data=DATA,
        ) as run:
            run.log({"val/accuracy": accuracy - 0.25, "val/loss": loss + 1.0}, step=1)
            run.log({"val/accuracy": accuracy, "val/loss": loss}, step=2)
            run.log({"val/accuracy": accuracy - 0.5, "val/loss": loss + 2.0}, step=3)
            run.summary({"val/accuracy": accuracy, "val/loss": loss})

    return log_trial

"""Shared by all tests: nothing reaches the network, and small real data and models."""

from __future__ import annotations

import gc
import logging
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis  # noqa: F401  it finds no referrer any more of what is frozen below
import numpy as np
import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from hpsearch.config import CONF_DIR, register
from hpsearch.data import Tokens
from hpsearch.tracking import Tracker, open_tracker
from hpsearch.tracking.database import make
from tests.cluster.postgresql import new_database

register()
# Two workers of pytest share two cores: threads of theirs would wait for each other, busily, and
# a test of half a second takes half a minute.
torch.set_num_threads(1)

Compose = Callable[..., DictConfig]


def pytest_collection_finish() -> None:
    """Else each of the many collections of garbage looks through all that was imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's migrations take a second; every test copies their result."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    make(file)
    return file


@pytest.fixture
def tracker(empty_store: Path, tmp_path: Path) -> Tracker:
    """On an empty sqlite store in a root of its own."""
    return fresh(empty_store, tmp_path)


def fresh(empty_store: Path, root: Path) -> Tracker:
    shutil.copy(empty_store, root / "mlflow.db")
    tracker = open_tracker(root)
    tracker.prepare()
    return tracker


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty PostgreSQL database, for tests that are marked `cluster`."""
    with new_database() as url:
        yield url


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    torch.manual_seed(0)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Hydra, run in this process, leaves handlers that write to streams which a test has closed."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Compose]:
    """Composes the configuration as the command line would, below a temporary root."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        yield lambda *words: compose(
            "config", overrides=[f"root={tmp_path}", *words], return_hydra_config=True
        )


@pytest.fixture
def tokens() -> Tokens:
    """Six texts of 3, 1, 4, 2, 5 and 3 tokens; the class is the parity of the first."""
    rows = [[1, 2, 3], [4], [5, 6, 7, 8], [2, 9], [3, 1, 4, 1, 5], [6, 2, 6]]
    return ragged(rows, labels=[row[0] % 2 for row in rows])


def ragged(rows: list[list[int]], *, labels: list[int]) -> Tokens:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return Tokens(np.concatenate(rows).astype(np.int32), offsets, np.array(labels))


@pytest.fixture
def reviews_folder(tmp_path: Path) -> Path:
    """A folder with train.csv (60 rows) and test.csv (20): the word decides the label."""
    folder = tmp_path / "reviews"
    folder.mkdir()
    words = {"good": ["good", "fine", "great"], "bad": ["bad", "poor", "awful"]}
    for split, count in (("train", 60), ("test", 20)):
        rows = [
            (f"{split} film number {i} is {words[label][i % 3]} in every way", label)
            for i in range(count)
            for label in [("good", "bad")[i % 2]]
        ]
        pd.DataFrame(rows, columns=["text", "label"]).to_csv(folder / f"{split}.csv", index=False)
    return folder

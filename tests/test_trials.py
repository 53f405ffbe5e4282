"""The trial store answers only for trials that are there whole."""

import shutil
from pathlib import Path

import numpy as np

from hpsearch.trials import Result, TrialFolder, TrialStore

RESULT = Result("abc", {"val/accuracy": 0.5}, [], False, 1.0, {"head.dim": 3}, {"digest": "d"})


def finished(root: Path) -> TrialFolder:
    folder = TrialStore(root).open("abc")
    folder.best.mkdir()
    (folder.best / "config.yaml").write_text("name: x")
    folder.finish(RESULT, np.array([[0.25, 0.75]], dtype=np.float32))
    return folder


def test_a_finished_trial_is_read_back(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    assert folder.result() == RESULT
    assert folder.probabilities().tolist() == [[0.25, 0.75]]


def test_a_trial_without_a_result_or_without_its_model_is_not_finished(tmp_path: Path) -> None:
    assert TrialStore(tmp_path).open("new").result() is None
    folder = finished(tmp_path)
    shutil.rmtree(folder.best)
    assert folder.result() is None

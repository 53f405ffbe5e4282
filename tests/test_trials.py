"""The trial store answers only for trials that are there whole."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.trials import Result, TrialFolder, TrialStore

RESULT = Result("abc", {"val/accuracy": 0.5}, [], False, 1.0, {"head.dim": 3}, {"digest": "d"})


def best_model(folder: TrialFolder, step: int) -> Path:
    return folder.checkpoints / f"best-{step}"


def finished(root: Path) -> TrialFolder:
    folder = TrialStore(root).open("abc")
    model = best_model(folder, 7)
    model.mkdir(parents=True)
    (model / "config.yaml").write_text("name: x")
    (model / "metrics.json").write_text('{"step": 7.0}')
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
    folder.finish(RESULT, probabilities, np.array([1, 1]), model=model)
    return folder


def test_a_finished_trial_is_read_back(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    assert folder.result() == RESULT
    assert folder.probabilities().tolist() == [[0.25, 0.75], [0.5, 0.5]]
    judged = folder.judged()
    assert judged is not None
    right, labels = judged
    assert right.tolist() == [True, False]
    assert labels.tolist() == [1, 1]


def test_predictions_that_are_not_kept_or_damaged_judge_nothing(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    (folder.path / "val_labels.npy").write_bytes(b"no array")
    assert folder.judged() is None
    (folder.path / "val_labels.npy").unlink()
    assert folder.judged() is None
    assert TrialStore(tmp_path).look("none").judged() is None
    assert not (tmp_path / "outputs" / "trials" / "none").exists()


def test_a_trial_without_a_result_or_without_its_model_is_not_finished(tmp_path: Path) -> None:
    assert TrialStore(tmp_path).open("new").result() is None
    folder = finished(tmp_path)
    shutil.rmtree(folder.best)
    assert folder.result() is None


def test_a_finished_trial_keeps_no_checkpoints(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    assert {entry.name for entry in folder.path.iterdir()} == {
        "best",
        "result.json",
        "val_labels.npy",
        "val_probabilities.npy",
    }


def test_a_finish_that_was_killed_half_way_is_undone(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    (folder.path / "result.json").unlink()
    folder.reopen(lambda step: best_model(folder, step))
    assert not folder.best.exists()
    assert (best_model(folder, 7) / "config.yaml").read_text() == "name: x"
    folder.reopen(lambda step: best_model(folder, step))


@pytest.mark.parametrize("content", ["", '{"fingerprint": "ab', '{"unknown": 1}', "[]"])
def test_a_damaged_result_is_none_and_is_said(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = finished(tmp_path)
    (folder.path / "result.json").write_text(content)
    assert folder.result() is None
    assert "result.json is damaged" in caplog.text


def test_what_a_killed_process_left_half_written_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    (folder.path / ".result.json.123.tmp").write_text("{")
    (folder.checkpoints / ".best-000001.123.tmp").mkdir(parents=True)
    with folder.held():
        assert not list(folder.path.rglob(".*.tmp"))


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from hpsearch.trials import TrialStore\n"
        "with TrialStore(Path(sys.argv[1])).open('abc').held():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        folder = TrialStore(tmp_path).open("abc")
        assert folder.is_held()
        os.kill(holder.pid, signal.SIGKILL)
    assert not folder.is_held()

"""From short runs to long ones, as a user types it in a checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import hpsearch
from hpsearch.config import CONF_DIR
from hpsearch.tracking import open_tracker
from tests.commands import Done, run

SMALL = ("data.train_size=100", "data.val_size=40", "trainer.epochs=1", "backbone.max_length=32")
CHECKOUT = Path(hpsearch.__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_promoted_search_trains_its_points_longer_on_the_same_data(tmp_path: Path) -> None:
    more = {"PYTHONPATH": f"{tmp_path / 'src'}:{tmp_path / 'sweeper'}"}
    for part in ("src", "sweeper"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / part, tmp_path / part, ignore=leave)
    shutil.copytree(CONF_DIR, tmp_path / "conf")

    def typed(module: str, *words: str) -> Done:
        done = run(tmp_path, module, *words, more=more)
        assert done.code == 0, done.err
        return done

    typed("train", "-m", "head.activation=tanh,relu", "head.dim=8,16", *SMALL)
    tracker = open_tracker(tmp_path)
    short = tracker.read_study(tracker.newest_study())
    told = typed("report", "promote=2", "epochs=3", "seeds=2")
    name = f"{short.name}_promoted"
    assert f"python -m hpsearch.train -m search={name}" in told.out
    assert (tmp_path / "conf" / "search" / f"{name}.yaml").is_file()

    typed("train", "-m", f"search={name}")
    long = tracker.read_study(tracker.newest_study())
    assert long.name != short.name
    assert list(long.runs["status"]) == ["FINISHED"] * 4
    keys = ["params.head.activation", "params.head.dim"]
    best = short.finished()[keys].head(2)
    assert set(map(tuple, long.runs[keys].to_numpy())) == set(map(tuple, best.to_numpy()))
    assert set(long.runs["params.seed"]) == {"0", "1"}
    assert set(long.runs["params.trainer.epochs"]) == {"3"}
    assert set(long.runs["digest"]) == set(short.runs["digest"])

    typed("report")
    [file] = (tmp_path / "outputs" / "trials").glob("*/test.json")
    tested = json.loads(file.read_text())
    runs = tracker.read_study(long.name).runs
    assert runs["metrics.test/accuracy"].dropna().tolist() == [tested["accuracy"]]

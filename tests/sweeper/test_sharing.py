"""Several sweepers on one study: its n_trials is their common total."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.sweeper.conftest import EXAMPLE, SOURCES


def start(bench, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(EXAMPLE / "sphere.py"), "-m", *words, "hydra.sweep.dir=sweep"],
        cwd=bench.folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_together(bench, count: int, *words: str) -> str:
    stored = (f"hydra.sweeper.storage={bench.url}", "hydra.sweeper.study_name=test")
    sweeps = [start(bench, *words, *stored) for _ in range(count)]
    printed = "".join(sweep.communicate(timeout=240)[0] for sweep in sweeps)
    assert [sweep.returncode for sweep in sweeps] == [0] * count, printed
    assert "locked" not in printed
    assert "Traceback" not in printed
    return printed


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [True, False])
def test_four_sweepers_share_200_trials_without_one_too_many(bench, fresh: bool) -> None:
    if fresh:
        (bench.folder / "db" / "studies.db").unlink()
    run_together(bench, 4, "x=interval(0,9)", "y=range(0,50)", "hydra.sweeper.n_trials=200",
                 "hydra/sweeper/sampler=random", "quiet=true")  # fmt: skip
    trials = bench.study("test").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 200
    assert len({trial.user_attrs["worker"] for trial in trials}) == 4


@pytest.mark.slow
def test_four_sweepers_run_no_point_of_a_grid_twice(bench) -> None:
    run_together(bench, 4, "x=range(0,8)", "y=range(0,5)", "hydra/sweeper/sampler=grid")
    trials = bench.study("test").trials
    points = [(trial.params["x"], trial.params["y"]) for trial in trials]
    assert len(points) == len(set(points)) == 40
    assert {trial.state.name for trial in trials} == {"COMPLETE"}


@pytest.mark.slow
def test_a_sweeper_that_has_nothing_to_do_waits_for_the_others(bench) -> None:
    printed = run_together(bench, 2, "x=1", "wait=2")
    assert printed.count("best of 1 trials (0 failed): value 2") == 2
    assert "waiting for 1 trial(s) of other sweepers" in printed
    assert len(bench.study("test").trials) == 1

"""Many sweepers, one study on a PostgreSQL server: what they share, and what befalls the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.study import outages, storage

from tests.cluster.postgresql import new_server
from tests.sweeper.conftest import EXAMPLE, SOURCES, Bench
from tests.sweeper.conftest import bench as bench
from tests.sweeper.conftest import empty_database as empty_database

pytestmark = pytest.mark.cluster

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A sweeper of one of the example programs, on the study `test` of a database."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, url: str, *words: str) -> subprocess.Popen[str]:
        (tmp_path / "out").mkdir(exist_ok=True)
        given = [f"hydra.sweeper.storage='{url}'", "hydra.sweeper.study_name=test"]
        given += ["hydra.sweep.dir=sweep", f"out={tmp_path}/out"]
        started.append(
            subprocess.Popen(
                [sys.executable, str(EXAMPLE / program), "-m", *given, *words],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield start
    for sweep in started:
        if sweep.poll() is None:
            sweep.kill()
            sweep.communicate()


def ended(*sweeps: subprocess.Popen[str]) -> str:
    """What they printed, once all have ended well."""
    printed = "".join(sweep.communicate(timeout=240)[0] for sweep in sweeps)
    assert [sweep.returncode for sweep in sweeps] == [0] * len(sweeps), printed
    assert "Traceback" not in printed
    return printed


def trials_of(url: str) -> list[optuna.trial.FrozenTrial]:
    opened: Any = storage.open_storage(url, existing=True)
    try:
        return optuna.load_study(study_name="test", storage=opened).trials
    finally:
        opened.engine.dispose()


def wait_for_trials(url: str, count: int) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    for _ in range(600):
        with suppress(sqlalchemy.exc.ProgrammingError), engine.connect() as connection:
            begun = connection.exec_driver_sql("SELECT count(*) FROM trials").scalar()
            if begun >= count:  # before there are tables it is an error
                return
        time.sleep(0.1)
    raise AssertionError(f"{count} trials did not begin")


def test_four_sweepers_share_200_trials_without_one_too_many(start: Start, database: str) -> None:
    words = ("x=interval(0,9)", "y=range(0,50)", "hydra/sweeper/sampler=random", "quiet=true")
    sweeps = [start("sphere.py", database, *words, "hydra.sweeper.n_trials=200") for _ in range(4)]
    ended(*sweeps)
    trials = trials_of(database)
    assert [trial.number for trial in trials] == list(range(200))
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert len({trial.user_attrs["worker"] for trial in trials}) == 4


def test_two_sweepers_prune_and_run_no_point_of_a_grid_twice(start: Start, database: str) -> None:
    words = ("x=range(1,13)", "hydra/sweeper/sampler=grid", "hydra/sweeper/pruner=median")
    ended(*(start("reporting.py", database, *words, "hydra.sweeper.n_jobs=2") for _ in range(2)))
    trials = trials_of(database)
    assert sorted(trial.params["x"] for trial in trials) == list(range(1, 13))
    trials.sort(key=lambda trial: trial.datetime_complete or datetime.max)  # as they ended
    states = [trial.state.name for trial in trials]
    assert {"COMPLETE", "PRUNED"} == set(states)
    assert states[:5] == ["COMPLETE"] * 5  # the median of fewer prunes nothing


def test_another_sweeper_takes_over_what_a_killed_one_ran(start: Start, database: str) -> None:
    words = ("x=1,2,3,4", "hydra/sweeper/sampler=grid", "hydra.sweeper.n_jobs=2", "wait=0.5")
    killed = start("reporting.py", database, *words)
    wait_for_trials(database, 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    ended(start("reporting.py", database, *words))
    trials = trials_of(database)
    done = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert sorted(trial.params["x"] for trial in done) == [1, 2, 3, 4]
    assert [x.user_attrs.get("requeued") for x in trials if x not in done] == [True, True]
    assert [x.user_attrs["retry_of"] for x in done if "retry_of" in x.user_attrs] == [0, 1]


def test_a_study_resumes_with_what_is_missing(start: Start, database: str) -> None:
    words = ("x=interval(0,9)", "hydra/sweeper/sampler=tpe")
    ended(start("sphere.py", database, *words, "hydra.sweeper.n_trials=3"))
    ended(start("sphere.py", database, *words, "hydra.sweeper.n_trials=5"))
    printed = ended(start("sphere.py", database, *words, "hydra.sweeper.n_trials=5"))
    assert "all 5 trials are finished" in printed
    assert [trial.state.name for trial in trials_of(database)] == ["COMPLETE"] * 5


def test_sweepers_outlive_a_restart_of_their_database(start: Start) -> None:
    with new_server() as server:
        words = ("x=interval(0,9)", "hydra/sweeper/sampler=random", "hydra.sweeper.n_trials=120")
        sweeps = [start("sphere.py", server.url, *words) for _ in range(2)]
        wait_for_trials(server.url, 10)
        server.stop()
        time.sleep(2)
        server.start()
        printed = ended(*sweeps)
        trials = trials_of(server.url)
    assert "the database does not answer, it is asked again" in printed
    counted = [trial for trial in trials if "requeued" not in trial.user_attrs]
    assert [trial.state.name for trial in counted] == ["COMPLETE"] * 120


def test_a_database_that_stays_away_ends_the_sweep_in_one_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.ask(str)  # Hydra's plugin scanner executes all modules again
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 1.0)
    with new_server() as server:
        stored = (f"hydra.sweeper.storage='{server.url}'", "hydra.sweeper.study_name=test")

        def stop(config: Any) -> float:
            if config.x == 2:
                server.stop()
            return 0.0

        with pytest.raises(errors.StudyError) as caught:
            bench.sweep(*stored, "x=1,2,3", task=stop)
        assert "the same command goes on from here" in str(caught.value)
        assert "hpsearch:hpsearch" not in str(caught.value)
        assert "\n" not in str(caught.value)
        server.start()
        bench.sweep(*stored, "x=1,2,3")
        assert bench.column("x") == [2, 3]


def test_no_job_of_a_proxy_is_told_the_password(
    start: Start, database: str, tmp_path: Path
) -> None:
    ended(start("reporting.py", database, "x=1,2", "hydra.sweeper.proxy=127.0.0.1:0"))
    assert [trial.intermediate_values[2] for trial in trials_of(database)] == [1.0, 2.0]
    seen = [json.loads(path.read_text()) for path in (tmp_path / "out").iterdir()]
    assert [key for one in seen for key, x in one.items() if "hpsearch:hpsearch" in x] == []
    files = [path for path in (tmp_path / "sweep").rglob("*") if path.is_file()]
    assert [path for path in files if b"hpsearch:hpsearch" in path.read_bytes()] == []

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper.study import heartbeat, storage, workers

HERE = workers.this_worker().partition("/")[0]
ELSEWHERE = "another-host/17/1"

BEAT = """
import sys, time
from hydra_plugins.hpsearch_sweeper.study import heartbeat, storage
opened = storage.open_storage(sys.argv[1], existing=True)
study_id = opened.get_study_id_from_name("test")
with heartbeat.Heartbeat(opened, study_id, sys.argv[2], interval=0.1):
    print("beating", flush=True)
    sys.stdin.readline()
"""

NAME = """
from hydra_plugins.hpsearch_sweeper.study import workers
print(workers.this_worker(), flush=True)
input()
"""


def start(code: str, *arguments: object) -> tuple[subprocess.Popen[str], str]:
    """A process that has printed its first line, and that line."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def eventually(question: Callable[[], bool], *, within: float) -> bool:
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        if question():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def study(tmp_path: Path, empty_database: Path) -> optuna.Study:
    shutil.copy(empty_database, tmp_path / "a.db")
    return optuna.create_study(
        storage=storage.open_storage(f"sqlite:///{tmp_path}/a.db"), study_name="test"
    )


def watch(study: optuna.Study, *, patience: float) -> heartbeat.Watch:
    return heartbeat.Watch(study._storage, study._study_id, patience=patience)


def beat(study: optuna.Study, worker: str, value: object) -> None:
    study.set_user_attr(f"heartbeat:{worker}", value)


def test_the_first_beat_is_there_at_once_and_others_follow(study: optuna.Study) -> None:
    key = f"heartbeat:{ELSEWHERE}"
    with heartbeat.Heartbeat(study._storage, study._study_id, ELSEWHERE, interval=0.05):
        assert study.user_attrs[key] == 1
        assert eventually(lambda: study.user_attrs[key] >= 4, within=10)
    assert study.user_attrs[key] == "gone"


def test_trials_and_beats_of_one_storage_do_not_disturb_each_other(study: optuna.Study) -> None:
    with heartbeat.Heartbeat(study._storage, study._study_id, ELSEWHERE, interval=0.001):
        for _ in range(30):
            trial = study.ask()
            trial.suggest_float("x", 0, 1)
            study.tell(trial, 1.0)
    assert [x.state.name for x in study.trials] == ["COMPLETE"] * 30


@pytest.mark.slow
def test_a_worker_elsewhere_lives_as_long_as_it_beats_and_is_dead_when_killed(
    study: optuna.Study, tmp_path: Path
) -> None:
    other, _ = start(BEAT, f"sqlite:///{tmp_path}/a.db", ELSEWHERE)
    watching = watch(study, patience=3.0)
    assert not eventually(lambda: watching.is_dead(ELSEWHERE), within=5.0)
    other.kill()
    other.communicate()
    killed = time.monotonic()
    assert eventually(lambda: watching.is_dead(ELSEWHERE), within=30)
    assert time.monotonic() - killed > 2.0


def test_a_worker_elsewhere_that_left_is_dead_at_once(study: optuna.Study, tmp_path: Path) -> None:
    other, _ = start(BEAT, f"sqlite:///{tmp_path}/a.db", ELSEWHERE)
    assert not watch(study, patience=60).is_dead(ELSEWHERE)
    other.communicate("stop\n")
    assert watch(study, patience=60).is_dead(ELSEWHERE)


def test_a_worker_without_a_beat_counts_from_when_it_was_first_seen(study: optuna.Study) -> None:
    watching = watch(study, patience=0.2)
    time.sleep(0.3)
    assert not watching.is_dead(ELSEWHERE)
    assert eventually(lambda: watching.is_dead(ELSEWHERE), within=5)


def test_a_worker_that_beats_again_is_alive_again(study: optuna.Study) -> None:
    watching = watch(study, patience=0.1)
    beat(study, ELSEWHERE, 1)
    assert eventually(lambda: watching.is_dead(ELSEWHERE), within=5)
    beat(study, ELSEWHERE, 2)
    assert not watching.is_dead(ELSEWHERE)


def test_a_clock_that_is_set_back_kills_nobody(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = watch(study, patience=60)
    beat(study, ELSEWHERE, 5)
    assert not watching.is_dead(ELSEWHERE)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    beat(study, ELSEWHERE, 4)
    assert not watching.is_dead(ELSEWHERE)


def test_a_storage_that_fails_is_tried_again_and_named_once(
    study: optuna.Study, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"heartbeat:{ELSEWHERE}"
    opened = study._storage._backend  # type: ignore[attr-defined]
    beating = heartbeat.Heartbeat(opened, study._study_id, ELSEWHERE, interval=0.02)
    with beating, opened.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE study_user_attributes RENAME TO elsewhere")
        connection.commit()
        assert eventually(lambda: len(caplog.messages) > 0, within=10)
        time.sleep(0.2)
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO study_user_attributes")
        connection.commit()
        last = study.user_attrs[key]
        assert eventually(lambda: study.user_attrs[key] > last, within=10)
    assert len(caplog.messages) == 1
    assert "no such table" in caplog.messages[0]


def test_many_workers_are_judged_at_once(study: optuna.Study) -> None:
    beat(study, ELSEWHERE, "gone")
    others = [workers.this_worker(), f"{HERE}/999999999/1", ELSEWHERE, "third-host/1/1", None]
    found = watch(study, patience=60).dead(of=others)
    assert found == {f"{HERE}/999999999/1", ELSEWHERE, None}


def test_a_process_of_this_host_is_alive_until_it_ends() -> None:
    process, worker = start(NAME)
    assert worker.startswith(f"{HERE}/{process.pid}/")
    assert workers.status(worker) == "alive"
    process.kill()
    # Not waited for yet: a zombie is dead too.
    assert eventually(lambda: workers.status(worker) == "dead", within=10)
    process.communicate()
    assert workers.status(worker) == "dead"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="start times are Linux's")
def test_another_process_with_the_number_of_a_dead_one_is_not_taken_for_it() -> None:
    machine, _, start_time = workers.this_worker().rpartition("/")[2].rpartition("-")
    earlier = f"{HERE}/{os.getpid()}/{machine}-{int(start_time) - 1}"
    assert workers.status(workers.this_worker()) == "alive"
    assert workers.status(earlier) == "dead"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="boots are Linux's")
def test_a_host_of_the_same_name_is_not_taken_for_this_one() -> None:
    ticks = workers.this_worker().rpartition("-")[2]
    assert workers.status(f"{HERE}/999999999/00000000-f0000000-{ticks}") == "unknown"


def test_what_cannot_be_known_here_is_unknown_and_not_dead() -> None:
    assert workers.status(ELSEWHERE) == "unknown"
    assert workers.status(f"{HERE}/{os.getppid()}") == "unknown"
    assert not workers.is_dead(ELSEWHERE)


def test_a_sweep_that_begins_finds_only_left_over_trials_under_its_own_name() -> None:
    assert workers.status(workers.this_worker()) == "alive"
    assert workers.is_dead(workers.this_worker())
    assert workers.is_dead(None)


def test_after_an_outage_the_others_have_time_to_give_a_sign_again(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watching = watch(study, patience=60)
    beat(study, ELSEWHERE, 1)
    assert not watching.is_dead(ELSEWHERE)
    now[0] += 61
    watching.interrupt()
    assert not watching.is_dead(ELSEWHERE)
    now[0] += 61
    assert watching.is_dead(ELSEWHERE)


def test_a_beat_that_fails_says_that_nobody_can_be_heard(study: optuna.Study) -> None:
    told: list[bool] = []
    broken = heartbeat.Heartbeat(
        study._storage, 17, ELSEWHERE, interval=60, interrupted=lambda: told.append(True)
    )
    with broken:
        assert told == [True]

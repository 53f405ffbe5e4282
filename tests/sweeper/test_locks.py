from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.study import locks, workers

# Adds one to the number in a file, slowly: without a lock two of these lose some.
COUNT = """
import sys, time
from pathlib import Path
from hydra_plugins.hpsearch_sweeper.study import locks
lock, file = locks.study_lock(sys.argv[1], "test"), Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    with lock:
        number = int(file.read_text())
        time.sleep(0.002)
        file.write_text(str(number + 1))
"""

HOLD = """
import sys, time
from hydra_plugins.hpsearch_sweeper.study import locks
with locks.study_lock(sys.argv[1], sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.cluster)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/db/a.db"
    return str(request.getfixturevalue("database"))


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def held(address: str, name: str = "test") -> subprocess.Popen[str]:
    holder = start(HOLD, address, name)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def stop(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_processes_take_turns(address: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    counting = [start(COUNT, address, counter, 30) for _ in range(3)]
    assert [process.communicate(timeout=60) and process.returncode for process in counting] == [
        0
    ] * 3
    assert counter.read_text() == "90"


def test_a_killed_holder_frees_the_lock(address: str) -> None:
    holder = held(address)
    threading.Timer(0.5, holder.kill).start()
    began = time.monotonic()
    with locks.study_lock(address, "test"):
        assert 0.2 < time.monotonic() - began < 10
    holder.communicate()


def test_waiting_too_long_names_the_holder_and_the_lock(address: str) -> None:
    holder = held(address)
    with (
        pytest.raises(errors.StudyError) as caught,
        locks.study_lock(address, "test", patience=0.3),
    ):
        pass
    stop(holder)
    message = str(caught.value)
    assert "was not free for 0.3 s" in message
    assert f"{workers.this_worker().partition('/')[0]}/{holder.pid}/" in message
    assert "\n" not in message


def test_a_lock_serves_many_times_and_within_itself(address: str) -> None:
    lock = locks.study_lock(address, "test")
    for _ in range(3):
        with lock, lock:
            pass
    with locks.study_lock(address, "test", patience=1):
        pass


def test_a_lock_is_free_again_after_an_error_within_it(address: str) -> None:
    lock = locks.study_lock(address, "test")
    with pytest.raises(ZeroDivisionError), lock, lock:
        _ = 1 / 0
    with locks.study_lock(address, "test", patience=1):
        pass


@pytest.mark.parametrize("given", [None, "sqlite://", {"_target_": "some.Journal"}, "file"])
def test_threads_take_turns_whatever_the_storage(given: object, tmp_path: Path) -> None:
    lock = locks.study_lock(f"sqlite:///{tmp_path}/a.db" if given == "file" else given, "test")
    seen: list[int] = []

    def add() -> None:
        for _ in range(20):
            with lock:
                seen.append(len(seen))
                time.sleep(0.0005)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == list(range(80))


def test_another_thread_is_named_too() -> None:
    lock = locks.study_lock(None, "test", patience=0.1)
    with lock:
        found: list[str] = []

        def enter() -> None:
            try:
                lock.__enter__()
            except errors.StudyError as error:
                found.append(str(error))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert "the lock of the study test was not free for 0.1 s, held by another thread" in found[0]


def test_a_config_of_an_rdb_storage_has_the_lock_of_its_address(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with locks.study_lock({"_target_": "optuna.storages.RDBStorage", "url": url}, "test"):
        assert (tmp_path / "a.db.lock").read_text() == workers.this_worker()


def test_a_lock_in_a_file_in_place_of_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(errors.StudyError, match=r"a.db.lock cannot be taken \(.*file"),
        locks.study_lock(f"sqlite:///{tmp_path}/file/a.db", "test"),
    ):
        pass


@pytest.mark.cluster
def test_two_studies_on_one_server_do_not_wait_for_each_other(address: str) -> None:
    if address.startswith("sqlite"):
        pytest.skip("a sqlite file has one lock for all its studies")
    holder = held(address, "other")
    with locks.study_lock(address, "test", patience=1):
        pass
    stop(holder)


@pytest.mark.cluster
def test_a_connection_that_the_server_cut_is_made_anew(address: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    if address.startswith("sqlite"):
        pytest.skip("a file has no connections")
    lock = locks.study_lock(address, "test", patience=1)
    with lock:
        pass
    engine = sqlalchemy.create_engine(address)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    engine.dispose()
    with lock:
        pass

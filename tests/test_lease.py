"""A lease holds between processes and hosts, and outlives the death of any holder."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra_plugins.hpsearch_sweeper.study import workers

from hpsearch.errors import LeaseLostError
from hpsearch.lease import Lease, Mark, is_held, pulse, watch
from tests.hosts import SOON, require_hosts, start

OTHER = "elsewhere"

# Takes the lease, then does what it is told on stdin.
HOLDER = f"""{SOON}
import sys
from pathlib import Path
from hpsearch.errors import LeaseLostError
held = Lease(Path(sys.argv[1]))
held.take()
print("held", flush=True)
for word in map(str.strip, sys.stdin):
    try:
        getattr(held, word)()
        print("done", flush=True)
    except LeaseLostError as error:
        print(error, flush=True)
"""

# Counts up in a file, as nobody may who is not alone; where told it dies while it holds the lease.
COUNTER = f"""{SOON}
import os, signal, sys, time
from pathlib import Path
path, rounds, dies = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "dies"
count = path.with_name("count")
for number in range(rounds):
    held = Lease(path)
    held.take()
    now = int(count.read_text())
    time.sleep(0.001)
    count.write_text(str(now + 1))
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    held.give()
"""


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is silent elsewhere is dead in two seconds."""
    monkeypatch.setattr(pulse, "BEAT", 0.1)
    monkeypatch.setattr(watch, "MISSED", 20)


def holder(path: Path, host: str | None = None) -> subprocess.Popen[str]:
    process = start(HOLDER, str(path), host=host)
    assert line(process) == "held"
    return process


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return line(process)


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_a_lease_is_held_by_one_at_a_time_and_given_on(tmp_path: Path) -> None:
    one, other = Lease(tmp_path / "x"), Lease(tmp_path / "x")
    assert one.take(0)
    one.check()
    assert is_held(tmp_path / "x")
    assert not other.take(0.05)
    one.give()
    assert not is_held(tmp_path / "x")
    assert other.take(0)
    with pytest.raises(LeaseLostError, match="x was taken over by another process"):
        one.check()
    one.give()
    other.check()
    other.give()
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_who_waits_may_be_told_to_stop(tmp_path: Path) -> None:
    held = Lease(tmp_path / "x")
    held.take()
    assert not Lease(tmp_path / "x").take(stop_requested=lambda: True)
    held.give()


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    count = [0]

    def work() -> None:
        for _ in range(10):
            held = Lease(tmp_path / "x")
            held.take()
            now = count[0]
            time.sleep(0.0005)
            count[0] = now + 1
            held.give()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [40]


@pytest.mark.parametrize("hosts", [[None], [None, OTHER]])
def test_of_many_processes_one_is_alone(tmp_path: Path, hosts: list[str | None]) -> None:
    if len(hosts) > 1:
        require_hosts()
    (tmp_path / "count").write_text("0")
    words = (str(tmp_path / "x"), "15", "lives")
    processes = [start(COUNTER, *words, host=hosts[n % len(hosts)]) for n in range(4)]
    assert [process.communicate(timeout=60)[0] for process in processes] == [""] * 4
    assert (tmp_path / "count").read_text() == "60"


@pytest.mark.slow
def test_the_dead_ones_lease_goes_to_one_of_all_who_wait(tmp_path: Path) -> None:
    """Each takes it over from one that was killed, here or elsewhere."""
    require_hosts()
    (tmp_path / "count").write_text("0")
    words = (str(tmp_path / "x"), "1", "dies")
    processes = [start(COUNTER, *words, host=[None, OTHER][n % 2]) for n in range(8)]
    assert [process.communicate(timeout=120)[0] for process in processes] == [""] * 8
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 8
    assert (tmp_path / "count").read_text() == "8"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("x")] == ["x"]


def test_what_a_process_of_this_host_held_is_free_when_it_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path / "x") as process:
        assert is_held(tmp_path / "x")
        process.kill()
    assert not is_held(tmp_path / "x")
    assert seconds(Lease(tmp_path / "x").take) < 5


def test_a_process_of_this_host_that_sleeps_still_holds_it(tmp_path: Path, soon: None) -> None:
    with holder(tmp_path / "x") as process:
        process.send_signal(signal.SIGSTOP)
        assert not Lease(tmp_path / "x").take(3)
        process.kill()


@pytest.mark.slow
def test_the_lease_of_another_host_ends_when_it_has_been_silent_for_some_beats(
    tmp_path: Path, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_hosts()
    monkeypatch.setattr(watch, "MISSED", 40)  # a busy machine may keep it silent for two seconds
    with holder(tmp_path / "x", OTHER) as process:
        assert not Lease(tmp_path / "x").take(6), "it lives"
        process.kill()
    assert is_held(tmp_path / "x"), "nobody can know yet"
    assert 3.9 < seconds(Lease(tmp_path / "x").take) < 60


@pytest.mark.slow
def test_a_sleeper_notices_that_it_lost_its_lease_and_takes_nothing_away(
    tmp_path: Path, soon: None
) -> None:
    require_hosts()
    with holder(tmp_path / "x", OTHER) as sleeper:
        assert tell(sleeper, "check") == "done"
        sleeper.send_signal(signal.SIGSTOP)
        mine = Lease(tmp_path / "x")
        assert mine.take(30)
        sleeper.send_signal(signal.SIGCONT)
        assert "was taken over by another process" in tell(sleeper, "check")
        assert tell(sleeper, "give") == "done"
        mine.check()
        assert not Lease(tmp_path / "x").take(0)
        mine.give()
        sleeper.kill()


def test_a_file_server_that_hangs_makes_nobody_dead(
    tmp_path: Path, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher hangs as well: its one long look is one look."""
    (tmp_path / "x").write_text("0123\nelsewhere/1/2\n")
    watcher = Lease(tmp_path / "x")
    assert not watcher.take(0)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 300)
    assert not watcher.take(0)


def test_who_cannot_wait_goes_by_the_file_servers_clock(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("0123\nelsewhere/1/2\n")
    assert is_held(path)
    os.utime(path, (time.time() - 700,) * 2)
    assert not is_held(path)
    assert Lease(path).take(0)


def test_what_a_taker_left_that_was_killed_between_its_moves_is_in_nobodys_way(
    tmp_path: Path,
) -> None:
    with holder(tmp_path / "x") as process:
        process.kill()
    content = (tmp_path / "x").read_text()
    (tmp_path / f"x.{content.splitlines()[0]}").write_text(content)
    assert Lease(tmp_path / "x").take(1)
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    "content",
    ["0123", *(pytest.param(x, marks=pytest.mark.slow) for x in ("", "../x\n\n", "\0" * 5))],
    ids=repr,
)
def test_an_unreadable_lease_is_that_of_an_unknown_process(
    tmp_path: Path, soon: None, content: str
) -> None:
    (tmp_path / "x").write_text(content)
    assert not Lease(tmp_path / "x").take(0.5)
    assert Lease(tmp_path / "x").take(15)


def test_a_fork_gives_no_sign_of_life_for_its_parent(tmp_path: Path) -> None:
    parent = Lease(tmp_path / "x")
    parent.take()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # later versions of Python warn of threads
        child = os.fork()
    if child == 0:
        os._exit(len(pulse._pulse._files))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    parent.give()


def test_marks_count_as_long_as_their_processes_live(tmp_path: Path) -> None:
    assert not Mark.any(tmp_path / "uses")
    one, other = Mark(tmp_path / "uses"), Mark(tmp_path / "uses")
    one.remove()
    assert Mark.any(tmp_path / "uses")
    other.remove()
    dead = f"0123\n{workers.this_worker()}9\n"
    (tmp_path / "uses" / "0123").write_text(dead)
    assert not Mark.any(tmp_path / "uses")
    assert list((tmp_path / "uses").iterdir()) == []

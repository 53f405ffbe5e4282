"""A trial in a fresh Python beside a guardian, as on a cluster's node; no cluster is needed."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra_plugins.hpsearch_sweeper.jobs import fresh, orders, runner
from hydra_plugins.hpsearch_sweeper.jobs.slurm import process
from omegaconf import DictConfig, open_dict

from tests.sweeper.conftest import EXAMPLE, assert_gone

Task = Callable[[DictConfig], Any]
Begin = Callable[..., process.TrialProcess]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Starts a trial of a function; its folder is `0`."""
    begun: list[process.TrialProcess] = []
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def begin(task: Task, *words: str, **environment: str) -> process.TrialProcess:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(EXAMPLE / "conf"), version_base="1.3"):
            given = [f"hydra.sweep.dir={tmp_path}", "hydra.mode=MULTIRUN", *words]
            config = compose("config", overrides=given, return_hydra_config=True)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = 0
            config.hydra.sweep.subdir = "0"
        job = runner.Job(0, (), config, tmp_path / "0")
        made = orders.Orders(task, objectives=1, wants_returns=False)
        begun.append(process.TrialProcess(fresh.pack_work(made.of(job, environment=environment))))
        return begun[-1]

    yield begin
    for trial in begun:
        trial.kill()


def ended(trial: process.TrialProcess) -> runner.Outcome:
    while trial.runs(0.1):
        pass
    outcome: runner.Outcome = pickle.loads(trial.answer()).outcome
    return outcome


def appears(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not appear"
        time.sleep(0.02)


def test_a_value_comes_back_and_what_is_printed_lies_in_the_folder(
    begin: Begin, tmp_path: Path
) -> None:
    def task(config: DictConfig) -> float:
        print("x is", config.x, flush=True)
        return float(config.x) * 2

    assert ended(begin(task, "x=2.5")) == runner.Outcome(values=(5.0,))
    assert (tmp_path / "0" / "output.txt").read_text() == "x is 2.5\n"


@pytest.mark.parametrize(
    ("end", "error", "retriable"),
    [
        (lambda: ctypes.string_at(0), "SIGSEGV (signal 11)", True),
        (lambda: os._exit(137), "exit code 137 (killed, perhaps out of memory)", True),
        (lambda: os._exit(3), "exit code 3", False),
        (lambda: [][0], "IndexError: list index out of range", False),
    ],
)
def test_every_way_to_die_has_its_cause_and_the_last_lines(
    begin: Begin, end: Callable[[], object], error: str, retriable: bool
) -> None:
    def task(config: DictConfig) -> float:
        print("before the end", flush=True)
        end()
        return 1.0

    outcome = ended(begin(task))
    assert (outcome.error, outcome.retriable) == (error, retriable)
    assert "before the end" in outcome.details or "in task" in outcome.details


def test_a_signal_for_the_guardian_is_ignored_from_the_first_instruction(begin: Begin) -> None:
    def task(config: DictConfig) -> float:
        os.kill(os.getpid(), signal.SIGUSR2)
        return 1.0

    trial = begin(task)
    while trial.runs(0.005):
        trial._process.send_signal(signal.SIGUSR2)
    assert ended(trial).values == (1.0,)


def test_a_trial_that_is_told_to_end_may_write_its_checkpoint(begin: Begin, tmp_path: Path) -> None:
    def task(config: DictConfig) -> float:
        def write(*_: object) -> None:
            time.sleep(0.3)
            Path(config.out, "checkpoint").touch()
            raise KeyError("cut short")

        signal.signal(signal.SIGTERM, write)
        Path(config.out, "ready").touch()
        time.sleep(60)
        return 1.0

    trial = begin(task, f"out={tmp_path}")
    appears(tmp_path / "ready")
    trial.end(within=20)
    assert (tmp_path / "checkpoint").exists()
    assert ended(trial).error == "KeyError: 'cut short'"


def test_one_that_does_not_end_in_time_is_killed_with_what_it_has_started(
    begin: Begin, tmp_path: Path
) -> None:
    def task(config: DictConfig) -> float:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "60"])
        Path(config.out, "making").write_text(str(child.pid))
        Path(config.out, "making").rename(Path(config.out, "pid"))
        child.wait()
        return 1.0

    trial = begin(task, f"out={tmp_path}")
    appears(tmp_path / "pid")
    trial.end(within=0.5)
    assert "SIGKILL" in (ended(trial).error or "")
    assert_gone(int((tmp_path / "pid").read_text()))


def test_its_threads_are_those_of_the_processors_that_slurm_gives(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def task(config: DictConfig) -> float:
        return float(os.environ["OMP_NUM_THREADS"]) + 10 * float(os.environ["MARK"])

    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "3")
    assert ended(begin(task, MARK="2")).values == (23.0,)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert ended(begin(task, MARK="2")).values == (21.0,)


def test_it_ends_with_its_guardian(tmp_path: Path) -> None:
    """One that is killed can tell nobody; the kernel does."""
    program = (
        "import subprocess, sys, time; from hydra_plugins.hpsearch_sweeper.jobs import child\n"
        "body = 'from hydra_plugins.hpsearch_sweeper.jobs import child; import time, os;"
        "child.die_with_parent(); print(os.getpid(), flush=True); time.sleep(60)'\n"
        "subprocess.run([sys.executable, '-c', body])"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as guardian:
        assert guardian.stdout is not None
        trial = int(guardian.stdout.readline())
        guardian.kill()
    assert_gone(trial)

"""Every way in which a job can end, for real: processes are started, killed and left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from hydra_plugins.hpsearch_sweeper import errors, slots
from hydra_plugins.hpsearch_sweeper.jobs import choosing, inline, processes, runner, threads
from omegaconf import DictConfig, OmegaConf, open_dict

EXAMPLE = Path(__file__).parent / "example"
SOURCES = Path(__file__).parents[2] / "sweeper"
LONG = 30.0

Task = Callable[[DictConfig], Any]


@dataclass
class Workshop:
    """Composes jobs of the example program and runs them."""

    hydra: Hydra
    master: DictConfig
    folder: Path
    runners: list[Any] = field(default_factory=list)

    def job(self, number: int = 0, *overrides: str) -> runner.Job:
        given = [f"hydra.sweep.dir={self.folder}", *overrides]
        config = self.hydra.config_loader.load_sweep_config(self.master, given)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return runner.Job(number, tuple(given), config, self.folder / str(number))

    def processes(self, task: Task, **given: Any) -> processes.ProcessRunner:
        made = processes.ProcessRunner(task, **{"slots": 2, "objectives": 1, **given})
        self.runners.append(made)
        return made

    def inline(self, task: Task) -> inline.InlineRunner:
        context = HydraContext(self.hydra.config_loader, _no_callbacks())
        return inline.InlineRunner(task, context, config=self.master, objectives=1)

    def run(self, task: Task, *overrides: str, **given: Any) -> runner.Outcome:
        """One job in a process."""
        used = self.processes(task, **given)
        used.start(self.job(0, *overrides))
        [(_, outcome)] = used.wait(LONG)
        return outcome

    def all_of(self, used: runner.Runner, count: int) -> dict[int, runner.Outcome]:
        found: dict[int, runner.Outcome] = {}
        while len(found) < count:
            found.update(used.wait(LONG))
        return found

    def text(self, name: str, number: int = 0) -> str:
        return (self.folder / str(number) / name).read_text()


def _no_callbacks() -> Any:
    from hydra._internal.callbacks import Callbacks

    return Callbacks()


@pytest.fixture(scope="module")
def composed() -> Iterator[tuple[Hydra, DictConfig]]:
    GlobalHydra.instance().clear()
    version.setbase("1.3")
    path = create_config_search_path(str(EXAMPLE / "conf"))
    hydra = Hydra.create_main_hydra2(task_name="sphere", config_search_path=path)
    yield hydra, hydra.compose_config("config", [], RunMode.MULTIRUN)
    GlobalHydra.instance().clear()


@pytest.fixture
def shop(composed: tuple[Hydra, DictConfig], tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(*composed, tmp_path)
    yield shop
    for used in shop.runners:
        used.close()


def gone(pid: int, *, within: float = 3.0) -> bool:
    """A zombie counts as gone: in a container nobody may collect it."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def appears(path: Path, *, within: float = 20.0) -> str:
    end = time.monotonic() + within
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"{path.name} did not appear"
        time.sleep(0.05)
    return path.read_text()


def program(folder: Path, text: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(textwrap.dedent(text))
    arguments = ["-m", "hydra/launcher=local", "hydra/sweeper=basic", "hydra.sweep.dir=sweep"]
    return [sys.executable, str(path), *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES)}


# --- endings ---------------------------------------------------------------------------------


def test_a_value_comes_back(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        return float(config.x) * 2

    assert shop.run(task, "x=2.5") == runner.Outcome(values=(5.0,))
    assert OmegaConf.load(shop.folder / "0" / ".hydra" / "config.yaml").x == 2.5


def test_several_objectives_come_back(shop: Workshop) -> None:
    assert shop.run(lambda config: (1, 2), objectives=2).values == (1.0, 2.0)


def test_an_exception_fails_the_job_and_its_trace_is_kept(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        raise ValueError("told to\nfail")

    outcome = shop.run(task)
    assert outcome.error == "ValueError: told to"
    assert not outcome.retriable
    assert "in task" in outcome.details
    assert shop.text("error.txt") == outcome.details


def test_the_trace_of_an_earlier_attempt_is_removed(shop: Workshop) -> None:
    job = shop.job()
    job.folder.mkdir()
    (job.folder / "error.txt").write_text("old")
    used = shop.processes(lambda config: 1)
    used.start(job)
    assert used.wait(LONG)[0][1].values == (1.0,)
    assert not (job.folder / "error.txt").exists()


@pytest.mark.parametrize("code", [0, 3])
def test_sys_exit_fails_the_job(shop: Workshop, code: int) -> None:
    def task(config: DictConfig) -> float:
        sys.exit(code)

    outcome = shop.run(task)
    assert (outcome.error, outcome.retriable) == (f"SystemExit: {code}", False)


@pytest.mark.parametrize(
    ("code", "error", "retriable"),
    [
        (137, "exit code 137 (killed, perhaps out of memory)", True),
        (143, "exit code 143 (SIGTERM)", True),
        (3, "exit code 3", False),
        (0, "exit code 0", False),
    ],
)
def test_leaving_by_os_exit_fails_the_job(
    shop: Workshop, code: int, error: str, retriable: bool
) -> None:
    def task(config: DictConfig) -> float:
        os._exit(code)

    outcome = shop.run(task)
    assert (outcome.error, outcome.retriable) == (error, retriable)


def test_a_segfault_fails_the_job_and_shows_where(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        import ctypes

        ctypes.string_at(0)
        return 1.0

    outcome = shop.run(task)
    assert outcome.error == "SIGSEGV (signal 11)"
    assert outcome.retriable
    assert "in task" in outcome.details


def test_a_killed_job_tells_its_last_lines_and_spares_its_sibling(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        if config.x == 0:
            print("\n".join(f"line {i}" for i in range(50)))
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.5)
        return float(config.x)

    used = shop.processes(task)
    used.start(shop.job(0, "x=0"))
    used.start(shop.job(1, "x=7"))
    [(first, killed)] = used.wait(LONG)
    assert first == 0
    assert killed.error == "SIGKILL (signal 9; perhaps the kernel was out of memory)"
    assert killed.retriable
    assert killed.details.splitlines() == [f"line {i}" for i in range(30, 50)]
    assert used.wait(LONG) == [(1, runner.Outcome(values=(7.0,)))]


def test_a_pruned_job_is_pruned(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        import optuna

        raise optuna.TrialPruned

    assert shop.run(task) == runner.Outcome(pruned=True)


@pytest.mark.parametrize("value", [float("nan"), None, "much"])
def test_what_is_no_finite_number_fails_the_job(shop: Workshop, value: Any) -> None:
    assert "the job returned" in (shop.run(lambda config: value).error or "")


def test_a_config_that_cannot_be_sent_fails_its_job_only(shop: Workshop) -> None:
    job = shop.job()
    with open_dict(job.config):
        job.config._set_flag("allow_objects", True)
        job.config.extra = sys._getframe()
    used = shop.processes(lambda config: 1)
    used.start(job)
    [(_, outcome)] = used.wait(LONG)
    assert (outcome.error or "").startswith("TypeError: cannot pickle")


# --- stopping --------------------------------------------------------------------------------


def test_stopping_a_job_kills_what_it_has_started(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        child = subprocess.Popen(["sleep", "60"])
        Path(config.out).write_text(str(child.pid))
        child.wait()
        return 1.0

    used, mark = shop.processes(task), shop.folder / "pid"
    used.start(shop.job(0, f"out={mark}"))
    grandchild = int(appears(mark))
    outcome = runner.Outcome(error="took too long", retriable=True)
    assert used.stop(0, outcome)
    assert used.wait(LONG) == [(0, outcome)]
    assert gone(grandchild)
    assert not used.stop(0, outcome)


def test_a_job_that_has_ended_keeps_its_value_when_it_is_stopped(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:

        threading.Thread(target=time.sleep, args=(60,)).start()
        threading.Timer(0.5, Path(config.out).touch).start()  # well after the value is sent
        return 1.0

    used, mark = shop.processes(task), shop.folder / "ended"
    used.start(shop.job(0, f"out={mark}"))
    while not mark.exists():
        time.sleep(0.05)
    assert used.stop(0, runner.Outcome(error="too late"))
    assert used.wait(LONG) == [(0, runner.Outcome(values=(1.0,)))]


def test_closing_kills_what_still_runs(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        Path(config.out).write_text(str(os.getpid()))
        time.sleep(60)
        return 1.0

    used, mark = shop.processes(task), shop.folder / "pid"
    used.start(shop.job(0, f"out={mark}"))
    pid = int(appears(mark))
    used.close()
    assert gone(pid)


def test_a_thread_left_behind_does_not_hold_the_result_for_ever(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hydra_plugins.hpsearch_sweeper.jobs import running

    def task(config: DictConfig) -> float:

        threading.Thread(target=time.sleep, args=(60,)).start()
        return 1.0

    monkeypatch.setattr(running, "GRACE", 0.5)
    assert shop.run(task) == runner.Outcome(values=(1.0,))


def test_ctrl_c_spares_the_jobs(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        assert os.getpgrp() == os.getpid()
        os.kill(os.getpid(), signal.SIGINT)
        return 1.0

    assert shop.run(task).values == (1.0,)


def test_killing_the_server_costs_the_running_jobs_only(shop: Workshop) -> None:
    from multiprocessing import forkserver

    def task(config: DictConfig) -> float:
        Path(config.out).write_text(str(os.getpid()))
        time.sleep(60 if config.x == 0 else 0)
        return 1.0

    used, mark = shop.processes(task), shop.folder / "pid"
    used.start(shop.job(0, "x=0", f"out={mark}"))
    pid = int(appears(mark))
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
    assert used.wait(LONG)[0][1].retriable
    assert gone(pid)
    used.start(shop.job(1, "x=1", f"out={mark}"))
    assert used.wait(LONG)[0][1].values == (1.0,)


SAYS_SO = """
import os, pathlib, time
(pathlib.Path(__file__).parent / f"import-{os.getpid()}").touch()
"""


@pytest.fixture
def slow_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a module for the server to import; what it does once it has said that it is there."""

    def make(then: str) -> str:
        name = f"slow_import_of_{tmp_path.name}"  # no server of another test knows it
        (tmp_path / f"{name}.py").write_text(SAYS_SO + then)
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return make


def test_a_server_that_is_killed_while_it_imports_costs_nothing(
    shop: Workshop, slow_import: Callable[[str], str], tmp_path: Path
) -> None:
    def kill_the_first() -> None:
        while not (begun := list(tmp_path.glob("import-*"))):
            time.sleep(0.01)
        os.kill(int(begun[0].name.removeprefix("import-")), signal.SIGKILL)

    used = shop.processes(lambda config: 1.0, preload=[slow_import("time.sleep(1)")])
    killer = threading.Thread(target=kill_the_first)
    killer.start()
    used.start(shop.job(0))  # waits for the server
    killer.join()
    assert used.wait(LONG)[0][1].values == (1.0,)
    assert len(list(tmp_path.glob("import-*"))) == 2


@pytest.mark.slow
def test_a_server_that_always_dies_of_its_imports_ends_the_sweep_in_one_line(
    shop: Workshop, slow_import: Callable[[str], str], tmp_path: Path
) -> None:
    used = shop.processes(lambda config: 1.0, preload=[slow_import("os.kill(os.getpid(), 11)")])
    with pytest.raises(errors.SweepError, match=r"ended 3 times .*slow_import"):
        used.start(shop.job(0))
    assert len(list(tmp_path.glob("import-*"))) >= 3


def test_a_job_that_is_killed_before_it_begins_is_tried_again(shop: Workshop) -> None:
    used = shop.processes(lambda config: 1.0)
    used.start(shop.job(0))
    os.kill(used._running[0]._process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    [(_, outcome)] = used.wait(LONG)
    # A young process has hardly opened its output; should it have ended already, that is fine too.
    assert outcome.retriable or outcome.values == (1.0,), outcome


KILLED = """
    import os, subprocess, hydra
    from pathlib import Path

    @hydra.main(version_base="1.3", config_path=None)
    def main(config):
        child = subprocess.Popen(["sleep", "60"])
        Path("pids").write_text(f"{os.getpid()} {child.pid}")
        sum(range(10**12))  # C code that never lets the interpreter go

    if __name__ == "__main__":
        main()
"""


def test_killing_the_sweeper_leaves_no_process(tmp_path: Path) -> None:
    command = program(tmp_path, KILLED)
    sweeper = subprocess.Popen(command, cwd=tmp_path, env=environment())
    job, grandchild = map(int, appears(tmp_path / "pids").split())
    sweeper.kill()
    sweeper.wait()
    assert gone(job, within=1.5)
    assert gone(grandchild, within=1.5)


# --- slots and output ------------------------------------------------------------------------


def test_two_jobs_run_at_the_same_time(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        mine, other = Path(config.out) / str(config.x), Path(config.out) / str(1 - config.x)
        mine.touch()
        end = time.monotonic() + 10
        while not other.exists() and time.monotonic() < end:
            time.sleep(0.01)
        return float(other.exists())

    used = shop.processes(task)
    for number in (0, 1):
        used.start(shop.job(number, f"x={number}.0", f"out={shop.folder}"))
    ended = runner.Outcome(values=(1.0,))
    assert shop.all_of(used, 2) == {0: ended, 1: ended}


def test_lines_are_relayed_while_the_job_runs_and_kept(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        print("first")
        os.system("echo from a shell; echo to stderr >&2")
        print("0%\r50%\r100%")
        end = time.monotonic() + 10
        while not Path(config.out).exists() and time.monotonic() < end:
            time.sleep(0.01)
        print("without a break", end="")
        return 1.0

    lines: list[tuple[int, str]] = []
    used, mark = shop.processes(task), shop.folder / "go"
    used.output = lambda number, line: lines.append((number, line))
    used.start(shop.job(0, f"out={mark}"))
    while (0, "100%") not in lines:
        assert used.wait(0.3) == []
    mark.touch()
    assert used.wait(LONG)[0][1].values == (1.0,)
    texts = ["first", "from a shell", "to stderr", "100%", "without a break"]
    assert lines == [(0, text) for text in texts]
    assert shop.text("output.txt").splitlines()[0] == "first"


def test_waiting_ends_in_time(shop: Workshop) -> None:
    used = shop.processes(lambda config: time.sleep(60))
    used.start(shop.job())
    began = time.monotonic()
    assert used.wait(0.3) == []
    assert 0.25 < time.monotonic() - began < 20


# --- surroundings ----------------------------------------------------------------------------


def test_a_job_gets_the_sweepers_environment_and_folder_of_now(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = shop.processes(lambda config: os.environ["NEW"] + os.getcwd() + os.environ["MORE"])
    elsewhere = shop.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("NEW", "new")
    used.start(shop.job(0, "+hydra.job.env_set.MORE=more"))
    assert f"'new{elsewhere}more'" in (used.wait(LONG)[0][1].error or "")


def test_multiprocessing_is_in_a_job_what_it_is_in_the_program(shop: Workshop) -> None:
    import multiprocessing

    wanted = multiprocessing.get_start_method()

    def task(config: DictConfig) -> float:
        return float(multiprocessing.get_start_method() == wanted)

    assert shop.run(task).values == (1.0,)


def test_what_the_job_left_for_its_exit_is_done(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        import atexit

        atexit.register(print, "done at exit")
        return 1.0

    assert shop.run(task).values == (1.0,)
    assert shop.text("output.txt") == "done at exit\n"


def test_an_outcome_is_told_while_the_process_still_ends(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        import atexit

        atexit.register(time.sleep, 60)
        return 1.0

    told: list[tuple[int, runner.Outcome]] = []
    used = shop.processes(task)
    used.told = lambda number, outcome: told.append((number, outcome))
    used.start(shop.job())
    while not told:
        assert used.wait(1) == []
    used.stop(0, runner.Outcome(error="it hangs"))
    assert used.wait(LONG) == [(0, told[0][1])]
    assert told[0][1].values == (1.0,)


def test_the_outcome_of_a_job_that_was_stopped_is_not_told(shop: Workshop) -> None:
    told: list[int] = []
    used = shop.processes(lambda config: time.sleep(60))
    used.told = lambda number, outcome: told.append(number)
    used.start(shop.job())
    used.wait(0.3)
    used.stop(0, runner.Outcome(error="late"))
    assert used.wait(LONG)[0][1].error == "late"
    assert told == []


def test_each_slot_gets_its_share_of_the_cores(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = len(os.sched_getaffinity(0))

    def share(config: DictConfig) -> tuple[float, float]:
        return float(os.environ.get("OMP_NUM_THREADS", 0)), float(slots())

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert shop.run(share, objectives=2).values == (float(max(1, cores // 2)), 2.0)
    assert "OMP_NUM_THREADS" not in os.environ
    assert shop.run(share, slots=1, objectives=2).values == (0.0, 1.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # the user divides the cores
    assert shop.run(share, objectives=2).values == (3.0, 1.0)


def test_a_job_begins_with_the_environment_of_the_launcher(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """glibc reads its settings when a program starts, which for the jobs is their server."""

    def settings(config: DictConfig) -> tuple[float, ...]:
        # a fork has the words that its server was started with
        at_start = Path("/proc/self/environ").read_bytes().split(b"\0")
        given = {b"MALLOC_TOP_PAD_=67108864", b"MALLOC_TRIM_THRESHOLD_=7"} & set(at_start)
        now = (os.environ["MALLOC_TOP_PAD_"], os.environ["MALLOC_TRIM_THRESHOLD_"])
        return (float(len(given)), *map(float, now))

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")
    env = {"MALLOC_TOP_PAD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "8"}
    assert shop.run(settings, env=env, objectives=3).values == (2.0, 67108864.0, 7.0)
    assert "MALLOC_TOP_PAD_" not in os.environ


@pytest.mark.parametrize(("env", "same"), [({"AHEAD": "1"}, True), ({"AHEAD": "2"}, False)])
def test_a_server_that_was_started_ahead_serves_the_runner_in_the_same_environment(
    shop: Workshop, env: dict[str, str], same: bool
) -> None:
    def server(config: DictConfig) -> float:
        return float(os.getppid())

    server.__module__ = "__main__"  # as in the program that a user starts
    processes.warm_up(slots=2, preload=["colorsys"], env={"AHEAD": "1"})
    ahead = float(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]
    outcome = shop.run(server, preload=["colorsys"], env=env)
    assert (outcome.values == (ahead,)) is same
    assert outcome.error is None


def test_a_module_that_cannot_be_preloaded_is_named(shop: Workshop) -> None:
    with pytest.raises(errors.ConfigError, match=r"hydra\.launcher\.preload names no\.such,"):
        shop.processes(lambda config: 1, preload=["no.such"])


def test_torch_computes_in_a_job_whose_server_has_imported_it(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        import torch

        return float((torch.ones(300, 300) @ torch.ones(300, 300)).sum())

    used = shop.processes(task, preload=["torch"])
    for number in (0, 1):
        used.start(shop.job(number))
    ended = runner.Outcome(values=(300.0**3,))
    assert shop.all_of(used, 2) == {0: ended, 1: ended}


# --- in this process, and through somebody's launcher ----------------------------------------


def test_inline_the_job_runs_while_waited_for(shop: Workshop) -> None:
    pids = []
    used = shop.inline(lambda config: pids.append(os.getpid()) or config.x)
    used.start(shop.job(0, "x=3"))
    assert pids == []
    assert used.wait(0.0) == [(0, runner.Outcome(values=(3.0,)))]
    assert pids == [os.getpid()]
    assert used.wait(0.0) == []


def test_inline_failures_end_the_job_only(shop: Workshop) -> None:
    used = shop.inline(lambda config: sys.exit(3) if config.x else 1 / 0)
    used.start(shop.job(0, "x=1"))
    assert used.wait(0.0)[0][1].error == "SystemExit: 3"
    used.start(shop.job(1, "x=0"))
    assert used.wait(0.0)[0][1].error == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in shop.text("error.txt", 1)
    assert not used.stop(1, runner.Outcome())


def test_inline_ctrl_c_passes(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        raise KeyboardInterrupt

    used = shop.inline(task)
    used.start(shop.job())
    with pytest.raises(KeyboardInterrupt):
        used.wait(0.0)


class TerminatedWorkerError(Exception):
    """Named as joblib's is."""


class SomeLauncher(Launcher):
    """Composes each job in the calling thread, as the ray launcher does."""

    def setup(self, **given: Any) -> None:
        self.hydra, self.master = given["hydra"], given["master"]

    def launch(self, job_overrides: Any, initial_job_idx: int) -> Any:
        from hydra.core.utils import JobReturn, JobStatus

        [overrides] = job_overrides
        config = self.hydra.config_loader.load_sweep_config(self.master, overrides)
        if config.z == "kill":
            raise TerminatedWorkerError("a worker is gone")
        returned = JobReturn(status=JobStatus.COMPLETED)
        returned.return_value = config.x + initial_job_idx
        return [returned]


@pytest.fixture
def some_launcher(shop: Workshop) -> SomeLauncher:
    launcher = SomeLauncher()
    launcher.setup(hydra=shop.hydra, master=shop.master)
    return launcher


@pytest.mark.slow
def test_a_launcher_of_somebody_else_runs_jobs_in_threads(
    shop: Workshop, some_launcher: SomeLauncher
) -> None:
    used = threads.ThreadRunner(some_launcher, slots=4, objectives=1)
    jobs = [shop.job(number, f"x={number / 4}") for number in range(12)]
    for job in jobs:
        used.start(job)
    found = shop.all_of(used, 12)
    assert found == {i: runner.Outcome(values=(1.25 * i,)) for i in range(12)}
    assert used.wait(0.05) == []
    used.close()


def test_a_launchers_killed_worker_can_be_tried_again(
    shop: Workshop, some_launcher: SomeLauncher
) -> None:
    used = threads.ThreadRunner(some_launcher, slots=1, objectives=1)
    used.start(shop.job(0, "z=kill"))
    [(_, outcome)] = used.wait(LONG)
    assert outcome.error == "TerminatedWorkerError: a worker is gone"
    assert outcome.retriable
    used.start(replace(shop.job(1), overrides=("not_there=1",)))
    assert not used.wait(LONG)[0][1].retriable
    used.close()


def test_the_launcher_decides_which_runner_it_gets(
    shop: Workshop, some_launcher: SomeLauncher, caplog: pytest.LogCaptureFixture
) -> None:
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher
    from hydra_plugins.hpsearch_sweeper.local_launcher import LocalLauncher

    def chosen(launcher: Launcher, slots: int) -> runner.Runner:
        used = choosing.build_runner(
            launcher,
            hydra_context=HydraContext(shop.hydra.config_loader, _no_callbacks()),
            task_function=lambda config: 1,
            config=shop.master,
            slots=slots,
            objectives=1,
        )
        shop.runners.append(used)
        return used

    local = LocalLauncher()
    local.setup(
        hydra_context=HydraContext(shop.hydra.config_loader, _no_callbacks()),
        task_function=lambda config: 1,
        config=shop.master,
    )
    assert isinstance(chosen(local, 2), processes.ProcessRunner)
    assert isinstance(chosen(some_launcher, 2), threads.ThreadRunner)
    assert isinstance(chosen(BasicLauncher(), 1), inline.InlineRunner)
    assert not caplog.messages
    assert chosen(BasicLauncher(), 3).slots == 1
    assert "hydra.sweeper.n_jobs=3 needs hydra/launcher=local" in caplog.text

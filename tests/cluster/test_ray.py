"""`hydra/launcher=ray` on a real cluster: how trials end, are ended, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest

from tests.cluster.ray_nodes import OPEN, descendants, head, node, require_ray
from tests.sweeper.conftest import EXAMPLE, SOURCES, assert_gone
from tests.sweeper.test_runners import gone

pytestmark = pytest.mark.cluster

SECONDS = 90
QUICK = ("hydra.launcher.grace=2",)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two processors, to which all programs here connect."""
    require_ray()
    with head("--num-cpus=2") as address:
        yield address


@dataclass
class Sweeps:
    """The example program `troubles.py` on Ray."""

    folder: Path
    address: str

    def start(self, *words: str, address: str | None = None) -> subprocess.Popen[str]:
        given = ("hydra/launcher=ray", f"hydra.launcher.address={address or self.address}", *QUICK)
        return subprocess.Popen(
            [
                sys.executable,
                str(EXAMPLE / "troubles.py"),
                "-m",
                f"out={self.begun}",
                *given,
                *words,
            ],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is for this group
        )

    def run(self, *words: str, code: int = 0, address: str | None = None) -> str:
        with self.start(*words, address=address) as sweep:
            printed, _ = sweep.communicate(timeout=SECONDS)
        assert sweep.returncode == code, printed
        assert "Traceback" not in printed
        assert "raylet" not in printed  # of Ray's own words
        return printed

    @property
    def environment(self) -> dict[str, str]:
        own = {"PYTHONPATH": str(SOURCES), "HOME": str(self.folder), **OPEN}
        return {**os.environ, **own}

    @property
    def begun(self) -> Path:
        return self.folder / "begun"

    def pids(self, count: int = 1) -> list[int]:
        """Of the first trials' own processes, as soon as so many have begun."""
        end = time.monotonic() + 40
        while time.monotonic() < end:
            texts = [path.read_text().split() for path in sorted(self.begun.iterdir())]
            if len(found := [int(words[1]) for words in texts if len(words) > 1]) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{count} trials did not begin")

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        url = f"sqlite:///{self.folder}/studies.db"
        return optuna.load_study(study_name="test", storage=url).trials

    @property
    def states(self) -> list[str]:
        return [trial.state.name for trial in self.trials]


@pytest.fixture
def sweeps(tmp_path: Path, cluster: str) -> Sweeps:
    (tmp_path / "begun").mkdir()
    return Sweeps(tmp_path, cluster)


CAUSES = {
    "raise": "ValueError: told to fail",
    "sys.exit": "SystemExit: 3",
    "os._exit": "exit code 137",
    "segfault": "SIGSEGV",
    "kill": "SIGKILL",
    "memory": "MemoryError",
}


def test_every_way_to_die_is_one_failing_trial_with_its_cause(sweeps: Sweeps) -> None:
    printed = sweeps.run(
        f"how={','.join(CAUSES)},fine", "hydra.sweeper.n_jobs=2", "hydra.sweeper.retries=0"
    )
    ended = {trial.params["how"]: trial for trial in sweeps.trials}
    assert ended["fine"].value == 0.0
    for how, cause in CAUSES.items():
        assert ended[how].state.name == "FAIL"
        assert cause in ended[how].user_attrs["error"]
        assert cause in printed
    assert "in end" in ended["raise"].user_attrs["details"]
    assert "how=kill" in ended["kill"].user_attrs["details"]
    assert "job 3 | how=segfault" in printed
    assert "how=segfault" in (sweeps.folder / "sweep" / "3" / "output.txt").read_text()


def test_a_trial_whose_ray_worker_is_killed_is_tried_again(sweeps: Sweeps) -> None:
    with sweeps.start("how=hang-once") as sweep:
        [pid] = sweeps.pids()
        os.kill(worker_of(pid), signal.SIGKILL)
        printed, _ = sweep.communicate(timeout=SECONDS)
    assert sweep.returncode == 0, printed
    assert_gone(pid)
    assert "runs again: its Ray worker was killed" in printed
    assert sweeps.states == ["FAIL", "COMPLETE"]


def worker_of(trial: int) -> int:
    """Above the trial is the server that forked it, and above that Ray's worker."""
    for _ in range(2):
        trial = int(Path(f"/proc/{trial}/stat").read_text().rpartition(")")[2].split()[1])
    return trial


def test_a_trial_that_is_late_is_ended_and_tried_again(sweeps: Sweeps) -> None:
    ways = ("hang", "hang-stopped", "hang-in-c")
    printed = sweeps.run(
        f"how={','.join(f'{way}-once' for way in ways)}",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.trial_timeout=10",
        "hydra.sweeper.retries=1",
    )
    assert printed.count("runs again: hydra.sweeper.trial_timeout=10 s is over") == 3
    assert sorted(sweeps.states) == ["COMPLETE"] * 3 + ["FAIL"] * 3


def test_the_wait_for_a_processor_does_not_count_as_the_trials_time(sweeps: Sweeps) -> None:
    printed = sweeps.run(
        "seconds=7,7.1,7.2", "hydra.sweeper.n_jobs=3", "hydra.sweeper.trial_timeout=12"
    )
    assert "n_jobs=3: the Ray cluster has room for 2 trials at once (CPU=1 each)" in printed
    assert sweeps.states == ["COMPLETE"] * 3


def test_trials_that_take_a_fraction_of_a_processor_share_it(sweeps: Sweeps) -> None:
    sweeps.run("seconds=5,5.1,5.2,5.3", "hydra.sweeper.n_jobs=4", "hydra.launcher.num_cpus=0.5")
    logs = [path.read_text().split() for path in sweeps.begun.iterdir()]
    first_end = min(float(words[-1]) for words in logs)
    assert sum(float(words[0]) < first_end for words in logs) == 4


def test_ctrl_c_once_lets_what_runs_end_and_twice_ends_it(sweeps: Sweeps) -> None:
    with sweeps.start("how=fine,hang", "seconds=2", "hydra.sweeper.n_jobs=4") as sweep:
        pids = sweeps.pids(2)
        os.killpg(sweep.pid, signal.SIGINT)
        while "COMPLETE" not in sweeps.states:
            time.sleep(0.1)
        os.killpg(sweep.pid, signal.SIGINT)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, printed
    assert "Traceback" not in printed
    for pid in pids:
        assert_gone(pid)
    assert sweeps.states == ["COMPLETE", "FAIL"]
    assert sweeps.trials[1].user_attrs["requeued"]


def test_no_trial_outlives_a_sweeper_that_was_killed_and_the_same_command_goes_on(
    sweeps: Sweeps,
) -> None:
    words = ("how=fine,hang-once", "hydra.sweeper.n_jobs=2", "hydra.sweeper.heartbeat=1")
    with sweeps.start(*words) as sweep:
        pids = sweeps.pids(2)
        while "COMPLETE" not in sweeps.states:
            time.sleep(0.1)
        sweep.kill()
        sweep.wait()
    for pid in pids:
        assert_gone(pid)
    sweeps.run(*words)
    assert sorted(sweeps.states) == ["COMPLETE", "COMPLETE", "FAIL"]


def test_a_trial_on_a_node_that_goes_away_is_tried_again_elsewhere(sweeps: Sweeps) -> None:
    wanted = ("hydra.launcher.num_cpus=0", "+hydra.launcher.resources.other=1")
    other = ("--num-cpus=1", '--resources={"other": 1}')
    with ExitStack() as stack:
        first = stack.enter_context(node(sweeps.address, *other))
        sweep = stack.enter_context(sweeps.start("how=hang-once", *wanted))
        [pid] = sweeps.pids()
        for process in [first.pid, *descendants(first.pid)]:
            os.kill(process, signal.SIGKILL)
        stack.enter_context(node(sweeps.address, *other))
        printed, _ = sweep.communicate(timeout=SECONDS)
    assert sweep.returncode == 0, printed
    assert "hydra.sweeper.storage=sqlite:///studies.db is a file" in printed
    assert "runs again: its Ray" in printed
    assert sweeps.states == ["FAIL", "COMPLETE"]
    assert_gone(pid)


def test_a_cluster_of_its_own_ends_with_the_sweep(sweeps: Sweeps) -> None:
    own = ("+hydra.launcher.init.num_cpus=2", "hydra.launcher.num_cpus=2")
    with sweeps.start("how=hang-once", *own, address="null") as sweep:
        [pid] = sweeps.pids()
        started = descendants(sweep.pid)
        sweep.kill()
        sweep.wait()
    # the workers notice after two seconds that their node is gone
    assert all(gone(process, within=15) for process in [pid, *filter(is_core, started)])
    sweeps.run("how=hang-once", *own, address="null")
    assert sorted(sweeps.states) == ["COMPLETE", "FAIL"]


def is_core(pid: int) -> bool:
    """What does work for the cluster; two agents take a minute to notice that it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"gcs_server" in words or b"raylet/raylet" in words or b"Agent" not in words


def test_a_host_that_is_no_cluster_is_one_line_and_soon(sweeps: Sweeps) -> None:
    began = time.monotonic()
    printed = sweeps.run(address="127.0.0.1:1", code=1)
    assert time.monotonic() - began < 20
    assert "hydra.launcher.address=127.0.0.1:1: no Ray cluster answers there" in printed


PROGRAM = """
    import hydra, ray

    def helper(x):
        return 10 * x

    @hydra.main(version_base="1.3", config_path=None)
    def main(config):
        print("computes", helper(config.x))
        return helper(config.x)

    if __name__ == "__main__":
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        node = ray.get_runtime_context().get_node_id()
        main()
        assert ray.get_runtime_context().get_node_id() == node
"""


def test_under_another_sweeper_a_program_keeps_the_cluster_that_it_has(sweeps: Sweeps) -> None:
    program = sweeps.folder / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    chosen = ("hydra/launcher=ray", "hydra/sweeper=basic", "hydra.launcher.n_jobs=2")
    done = subprocess.run(
        [sys.executable, str(program), "-m", "+x=1,2", "hydra.sweep.dir=sweep", *chosen],
        cwd=sweeps.folder,
        env=sweeps.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Launching 2 jobs, 2 at once, on Ray" in done.stdout
    assert (sweeps.folder / "sweep/1/output.txt").read_text() == "computes 20\n"

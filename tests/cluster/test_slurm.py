"""`hydra/launcher=slurm` on a real Slurm, with programs that need nothing but Hydra."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.conftest import SLURM, SOURCES, Cluster, Swept, until
from tests.cluster.example.counting import following

pytestmark = pytest.mark.cluster

TWO = "hydra.sweeper.n_jobs=2"


def counted(x: int, steps: int) -> float:
    """What the counting program returns where nothing disturbs it."""
    value = float(x)
    for _ in range(steps):
        value = following(value)
    return value


def spans(log: list[list[str]]) -> list[tuple[float, float]]:
    """Begin and end of each time that the program has run."""
    begun = [float(words[0]) for words in log if words[2] == "begins"]
    ended = [float(words[0]) for words in log if words[2] == "ends"]
    return list(zip(begun, ended, strict=True))


# --- jobs in the queue --------------------------------------------------------------------------


def test_a_slot_takes_the_next_trial_when_a_job_ends_whatever_it_ends_of(
    troubles: Swept, cluster: Cluster
) -> None:
    printed = troubles.run(
        "how=hang-once,raise,segfault,kill-once,fine", TWO, "hydra.sweeper.trial_timeout=20"
    )
    ended = {(x.params["how"], x.state.name): x for x in troubles.trials}
    errors = {x.params["how"]: x.user_attrs["error"] for x in troubles.trials if not x.values}
    assert {how for how, state in ended if state == "COMPLETE"} == {
        "hang-once",
        "kill-once",
        "fine",
    }
    assert errors["raise"] == "ValueError: told to fail"
    assert "SIGSEGV" in errors["segfault"]
    assert "SIGKILL" in errors["kill-once"]
    assert errors["hang-once"] == "hydra.sweeper.trial_timeout=20 s is over"
    # While the first job hung, the other slot ran one after another.
    order = [words[1] for words in sorted(_begins(troubles))]
    assert sorted(order[:2]) == ["0", "1"]  # these two at once
    assert order[2:4] == ["2", "3"]
    assert "how=fine" in printed  # what the jobs print is shown as with other launchers
    assert "warn" not in printed.lower()
    assert not cluster.jobs
    left = [path.name for path in (troubles.folder / "sweep" / ".submitit").iterdir()]
    assert len([name for name in left if name.isdigit()]) == 5  # the logs of those that failed


def _begins(troubles: Swept) -> list[list[str]]:
    return [path.name.split("-", 1) for path in troubles.out.iterdir()]


def test_a_job_that_is_cancelled_is_tried_again(counting: Swept, cluster: Cluster) -> None:
    with counting.start("x=1", "steps=25") as sweep:
        counting.log(1)
        time.sleep(1)
        cluster.cancel(*cluster.running())
        printed = counting.ended(sweep)
    assert [x.state.name for x in counting.trials] == ["FAIL", "COMPLETE"]
    first, second = counting.trials
    assert "cancelled, by scancel" in first.user_attrs["error"]
    assert second.value == counted(1, 25)
    assert "runs again" in printed
    assert int(counting.log(1)[-2][5]) > 0  # it went on from where the first was told to end


def test_a_job_that_is_preempted_goes_on_as_the_same_trial(
    counting: Swept, cluster: Cluster
) -> None:
    with counting.start("x=1", "steps=40", "hydra.sweeper.retries=0") as sweep:
        counting.log(1)
        time.sleep(1)
        cluster.interrupt(*cluster.running())
        printed = counting.ended(sweep)
    (trial,) = counting.trials
    assert trial.value == counted(1, 40)
    assert len(trial.intermediate_values) == 40
    log = counting.log(1, begun=2)
    begun = [words[3:] for words in log if words[2] == "begins"]
    assert [words[0] for words in begun] == ["0", "0"]  # the trial's number
    assert begun[0][1] == begun[1][1]  # Slurm's
    assert 0 < int(begun[1][2]) < 40
    assert printed.count("starts as job") == 1


def test_after_so_many_requeues_it_counts_as_killed(counting: Swept, cluster: Cluster) -> None:
    words = ("x=1", "steps=40", "hydra.sweeper.retries=1", "hydra.launcher.max_requeues=0")
    with counting.start(*words) as sweep:
        counting.log(1)
        time.sleep(1)
        cluster.interrupt(*cluster.running())
        counting.ended(sweep)
    first, second = counting.trials
    assert "hydra.launcher.max_requeues=0" in first.user_attrs["error"]
    assert second.value == counted(1, 40)


# --- the sweeper ends ---------------------------------------------------------------------------


def test_ctrl_c_takes_back_what_waits_and_the_second_one_what_runs(
    counting: Swept, cluster: Cluster
) -> None:
    words = ("x=1,2,3", "steps=300", "hydra.sweeper.n_jobs=3")
    with counting.start(*words) as sweep:
        cluster.running(2)
        counting.log(2)
        os.killpg(sweep.pid, signal.SIGINT)  # as a terminal does it
        until(lambda: [[]] * (len(cluster.jobs) == 2), 1)
        assert {x.state for x in cluster.jobs} == {"RUNNING"}
        os.killpg(sweep.pid, signal.SIGINT)
        printed = counting.ended(sweep, code=130)
    assert "the same command goes on from here" in printed
    cluster.wait_for_none()
    assert all(x.user_attrs["requeued"] for x in counting.trials)


def test_after_a_sweeper_that_was_killed_the_same_command_trains_nothing_twice_at_once(
    counting: Swept, cluster: Cluster
) -> None:
    words = ("x=1", "steps=60", "reports=false", "hydra.sweeper.retries=0")
    with counting.start(*words) as killed:
        counting.log(1)
        time.sleep(1)
        killed.kill()
    (left,) = cluster.running()
    counting.run(*words)
    (_, first_end), (second_begin, _) = spans(counting.log(1))
    assert first_end <= second_begin
    assert left not in cluster.jobs
    assert [(x.state.name, x.value) for x in counting.trials] == [
        ("FAIL", None),
        ("COMPLETE", counted(1, 60)),
    ]


def test_of_two_sweepers_one_that_is_killed_costs_the_other_no_job(
    counting: Swept, cluster: Cluster
) -> None:
    words = ("x=1,2", "steps=50", "reports=false", "hydra.sweeper.retries=0")
    with counting.start(*words) as killed:
        counting.log(1)
        with counting.start(*words) as other:
            counting.log(2)
            killed.kill()
            counting.ended(other)
    logs = {x: counting.log(x) for x in (1, 2)}
    for (_, end), (begin, _) in zip(spans(logs[1]), spans(logs[1])[1:], strict=False):
        assert end <= begin
    assert len(spans(logs[2])) == 1  # it was left alone
    ended = {x.params["x"]: x.value for x in counting.trials if x.state.name == "COMPLETE"}
    assert ended == {1: counted(1, 50), 2: counted(2, 50)}
    assert not cluster.jobs


# --- what is refused ----------------------------------------------------------------------------


def test_an_unknown_partition_is_one_line_with_those_there_are(troubles: Swept) -> None:
    printed = troubles.run("how=fine", "hydra.launcher.partition=nowhere", code=1)
    (line,) = [line for line in printed.splitlines() if "partition" in line]
    assert "invalid partition specified: nowhere" in line
    assert "partitions are main, urgent" in line
    assert "partition=nowhere" in line


def test_a_program_without_a_guard_is_told_so(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import hydra\n@hydra.main(version_base='1.3', config_path=None)\n"
        "def main(config): return 1.0\nmain()\n"
    )
    done = other(file, tmp_path, "+x=1")
    assert done.returncode == 1
    assert 'under `if __name__ == "__main__":`' in done.stderr


# --- other sweepers -----------------------------------------------------------------------------


def test_it_runs_the_jobs_of_other_sweepers_and_a_secret_lies_on_no_disk(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPSEARCH_STORAGE", "a password")  # as a sweep of ours sets it
    file = tmp_path / "program.py"
    file.write_text(
        "import os, hydra\n@hydra.main(version_base='1.3', config_path=None)\n"
        "def main(config):\n    print(len(os.environ['HPSEARCH_STORAGE']), flush=True)\n"
        "    return config.x if config.x < 2 else os.kill(os.getpid(), 9)\n"
        "if __name__ == '__main__': main()\n"
    )
    done = other(file, tmp_path, "+x=1,2")
    assert done.returncode == 1
    assert "RuntimeError: SIGKILL (signal 9" in done.stderr
    assert "Launching 2 jobs, 2 at once, as jobs of Slurm" in done.stdout
    assert (tmp_path / "sweep" / "0" / ".hydra" / "config.yaml").exists()
    assert (tmp_path / "sweep" / "0" / "output.txt").read_text() == "10\n"
    written = [x.read_bytes() for x in tmp_path.rglob("*") if x.is_file()]
    assert not any(b"a password" in text for text in written)


# A sweep may itself be a job of Slurm, whose variables are not those of its trials.
def other(file: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    given = ["-m", *SLURM, "hydra.sweep.dir=sweep", "hydra.launcher.n_jobs=2", *words]
    return subprocess.run(
        ["srun", "--ntasks=1", sys.executable, "-W", "error", str(file), *given],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

"""A real Slurm, and programs that are swept on it; see `.ci/slurm`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import optuna
import pytest

from tests.cluster.services import missing

SOURCES = Path(__file__).parents[2] / "sweeper"
EXAMPLES = {
    "counting": Path(__file__).parent / "example" / "counting.py",
    "troubles": Path(__file__).parents[1] / "sweeper" / "example" / "troubles.py",
}
SLURM = ("hydra/launcher=slurm", "hydra.launcher.poll_interval=1", "hydra.launcher.timeout_min=30")


class Entry(NamedTuple):
    """A job of Slurm."""

    job_id: str
    state: str
    name: str


@dataclass
class Cluster:
    """The jobs that were submitted from one folder."""

    folder: Path

    @property
    def jobs(self) -> list[Entry]:
        """Those that have not ended."""
        listed = command("squeue", "--me", "--noheader", "--format=%i|%T|%j|%Z")
        found = [line.split("|") for line in listed.splitlines()]
        return [Entry(*words[:3]) for words in found if words[3] == str(self.folder)]

    def running(self, count: int = 1) -> list[Entry]:
        """Waits for so many jobs to run."""
        return until(lambda: [x for x in self.jobs if x.state == "RUNNING"], count)

    def interrupt(self, entry: Entry) -> None:
        """As Slurm does it some time before a job is out of time, or is preempted."""
        command("scancel", "--signal=USR2", entry.job_id)

    def cancel(self, *entries: Entry) -> None:
        command("scancel", *(entry.job_id for entry in entries))

    def wait_for_none(self, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while left := self.jobs:
            assert time.monotonic() < end, left
            time.sleep(0.3)


@dataclass
class Swept:
    """One of the example programs, swept on Slurm in a folder of its own."""

    name: str
    folder: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(EXAMPLES[self.name]), "-m", f"out={self.out}", *SLURM, *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        with self.start(*words) as sweep:
            return self.ended(sweep, code=code)

    def ended(self, sweep: subprocess.Popen[str], *, code: int = 0) -> str:
        printed, _ = sweep.communicate(timeout=150)
        assert sweep.returncode == code, printed
        assert "Traceback" not in printed
        return printed

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        url = f"sqlite:///{self.folder}/studies.db"
        return optuna.load_study(study_name="test", storage=url).trials

    def log(self, x: int, *, begun: int = 1) -> list[list[str]]:
        """What the counting job of x has noted, once it has begun so often."""

        def words() -> list[list[str]]:
            file = self.out / f"{x}.log"
            return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

        until(lambda: [line for line in words() if line[2] == "begins"], begun)
        return words()


def until(look: Callable[[], Sequence[Entry]], count: int, seconds: float = 60) -> list:  # type: ignore[type-arg]
    end = time.monotonic() + seconds
    while len(found := look()) < count:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return list(found)


def command(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="session")
def slurm() -> None:
    """Skips, or fails where CI runs, without one."""
    if shutil.which("sinfo") is None:
        missing("Slurm", "sinfo is not installed; .ci/slurm starts one")
    said = subprocess.run(["sinfo", "-h"], capture_output=True, text=True, check=False, timeout=60)
    if said.returncode:
        missing("Slurm", said.stderr.strip())


@pytest.fixture
def cluster(slurm: None, tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    if left := found.jobs:
        found.cancel(*left)
        found.wait_for_none()


@pytest.fixture
def counting(cluster: Cluster, tmp_path: Path) -> Swept:
    (tmp_path / "out").mkdir()
    return Swept("counting", tmp_path)


@pytest.fixture
def troubles(cluster: Cluster, tmp_path: Path) -> Swept:
    (tmp_path / "out").mkdir()
    return Swept("troubles", tmp_path)

"""Somebody sets the clock, by hand or by NTP, while a sweep runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sweeper.conftest import EXAMPLE, Program, assert_gone

HOUR = 3600


@dataclass
class Clock:
    """The wall clock of the processes that are started with `preload`."""

    file: Path
    library: Path

    def set(self, seconds: int) -> None:
        """So much later than it is, or earlier."""
        temporary = self.file.with_suffix(".new")
        temporary.write_text(str(seconds))
        temporary.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "SHIFTED_CLOCK": str(self.file)}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not sys.platform.startswith("linux") or shutil.which("gcc") is None:
        pytest.skip("gcc on Linux compiles what sets the clock of a process")
    made = tmp_path_factory.mktemp("clock") / "clock.so"
    source = EXAMPLE / "clock.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", made, source], check=True)
    return made


@pytest.fixture
def clock(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """For all processes that the test starts, but not for the test."""
    clock = Clock(tmp_path / "clock", library)
    clock.set(0)
    for key, value in clock.environment.items():
        monkeypatch.setenv(key, value)
    return clock


def test_the_clock_of_a_process_can_be_set(clock: Clock) -> None:
    clock.set(-HOUR)
    code = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    told = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert all(abs(time.time() - HOUR - float(x)) < 60 for x in told)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_a_clock_that_is_set_amid_a_sweep_changes_nothing(
    program: Program, clock: Clock, shift: int
) -> None:
    lengths = "seconds=2.0,2.1,2.2,2.3"
    limits = ("hydra.sweeper.trial_timeout=60", "hydra.sweeper.timeout=600")
    words = (lengths, "reports=2", *limits, "hydra.sweeper.heartbeat=0.2")
    with program.start(*words) as one, program.start(*words) as other:
        program.wait_for_jobs(2)
        clock.set(shift)
        printed = one.communicate(timeout=60)[0] + other.communicate(timeout=60)[0]
    assert [one.returncode, other.returncode] == [0, 0], printed
    # Nobody was taken for dead: each point ran once.
    assert sorted(trial.value for trial in program.trials) == [2.0, 2.1, 2.2, 2.3]
    assert len(list(program.begun.iterdir())) == 4
    took = [float(x) for x in re.findall(r"value 2[.\d]*  \((-?[\d.]+) s\)", printed)]
    assert len(took) == 4
    assert all(1.9 < seconds < 30 for seconds in took)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_the_trials_of_a_dead_sweeper_are_taken_up_whatever_the_clock_says(
    program: Program, clock: Clock, shift: int
) -> None:
    words = ("seconds=0.1,3", "hydra.sweeper.n_jobs=2", "hydra.sweeper.trial_timeout=30")
    with program.start(*words) as first, program.start(*words) as second:
        logs = program.wait_for_jobs(2)
        clock.set(shift)
        time.sleep(0.5)
        owner = next(x for x in program.trials if x.params["seconds"] == 3).user_attrs["worker"]
        killed, left = (first, second) if f"/{first.pid}/" in owner else (second, first)
        killed.kill()
        killed.communicate()
        printed, _ = left.communicate(timeout=60)
    assert left.returncode == 0, printed
    assert_gone(int(logs[-1].read_text().split()[1]))
    ended = [(x.params["seconds"], x.state.name) for x in program.trials]
    assert ended == [(0.1, "COMPLETE"), (3, "FAIL"), (3, "COMPLETE")]

"""Which GPU each slot has. There need be none: trials tell what they are let see."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.jobs import gpus

from tests.sweeper.conftest import EXAMPLE, SOURCES

VISIBLE = "CUDA_VISIBLE_DEVICES"
UUID = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
PART = "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0"


def seen(given: Any = None, *, slots: int, slots_per_gpu: Any = 1) -> list[str | None]:
    """What a job in each slot sees; None: what the sweeper sees."""
    assignment = gpus.assign(given, slots=slots, slots_per_gpu=slots_per_gpu)
    return [assignment.environment(number).get(VISIBLE) for number in range(slots)]


@pytest.mark.parametrize(
    ("visible", "slots", "slots_per_gpu", "expected"),
    [
        ("0,1", 1, 1, ["0"]),
        ("0,1", 2, 1, ["0", "1"]),
        ("2, 3", 2, 1, ["2", "3"]),
        ("0,1", 3, 2, ["0", "1", "0"]),  # spread before packed
        ("0,1", 4, 2, ["0", "1", "0", "1"]),
        (f"{UUID},{PART}", 2, 1, [UUID, PART]),
        ("1,0,-1,2", 2, 1, ["1", "0"]),  # CUDA reads no further
        ("5", 1, 1, [None]),
        ("", 2, 1, [None, None]),
        ("NoDevFiles", 2, 1, [None, None]),  # as Slurm has it
    ],
)
def test_the_slots_are_spread_over_the_gpus_that_the_sweeper_sees(
    visible: str,
    slots: int,
    slots_per_gpu: int,
    expected: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VISIBLE, visible)
    assert seen(slots=slots, slots_per_gpu=slots_per_gpu) == expected


@pytest.mark.parametrize(
    ("installed", "expected"), [(0, [None, None]), (1, [None, None]), (3, ["0", "1"])]
)
def test_without_a_word_the_driver_is_asked(
    installed: int, expected: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(gpus, "_installed", lambda: installed)
    assert seen(slots=2) == expected


def test_the_driver_is_asked_in_vain_where_there_is_none() -> None:
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("there is one")
    assert gpus._installed() == 0


def test_the_drivers_library_tells_of_the_gpus_that_may_be_used(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc compiles what stands for the library")
    library = tmp_path / "libnvidia-ml.so.1"
    source = EXAMPLE / "nvml.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    code = "from hydra_plugins.hpsearch_sweeper.jobs import gpus; print(gpus._installed())"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "2\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([2], ["2", "2"]),
        ([2, UUID], ["2", UUID]),
        ([], ["", ""]),
        ("all", [None, None]),
    ],
)
def test_what_the_user_names_counts(
    given: Any, expected: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "0,1")
    assert seen(given, slots=2, slots_per_gpu=2) == expected


def test_a_slot_keeps_its_gpu_from_job_to_job() -> None:
    assignment = gpus.assign([4, 5], slots=2, slots_per_gpu=1)
    assert [assignment.environment(number) for number in (0, 1)] == [{VISIBLE: "4"}, {VISIBLE: "5"}]
    assignment.release(1)
    assert assignment.environment(2) == {VISIBLE: "5"}
    assert assignment.place(2) == "GPU 5"


def test_a_single_gpu_goes_without_saying() -> None:
    assignment = gpus.assign([4], slots=2, slots_per_gpu=2)
    assignment.environment(0)
    assert assignment.place(0) == ""


def test_more_slots_than_the_gpus_hold_are_refused() -> None:
    with pytest.raises(errors.ConfigError, match=r"n_jobs=5 is more than the GPUs 0,1 hold"):
        seen([0, 1], slots=5, slots_per_gpu=2)


def test_slots_that_share_the_only_gpu_are_told_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VISIBLE, "0")
    seen(slots=2, slots_per_gpu=2)
    assert not caplog.messages
    seen(slots=2)
    assert "so many trials share one GPU" in caplog.text


@pytest.mark.parametrize("given", ["0,1", 1, [0, 0], [-1], [True], ["cuda:0"], {"a": 1}])
def test_what_names_no_gpus_is_refused(given: Any) -> None:
    with pytest.raises(errors.ConfigError, match=r"hydra\.launcher\.gpus=.* is not possible"):
        seen(given, slots=1)


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "two", None])
def test_what_is_no_number_of_slots_is_refused(given: Any) -> None:
    with pytest.raises(errors.ConfigError, match=r"hydra\.launcher\.slots_per_gpu="):
        seen(slots=1, slots_per_gpu=given)


PROGRAM = """
    import os, time, hydra

    @hydra.main(version_base="1.3", config_path=None)
    def main(config):
        print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"))
        time.sleep(0.1 * (config.x % 2))  # so that one slot runs more of them
        return config.x

    if __name__ == "__main__":
        main()
"""


def sweep(folder: Path, *words: str, visible: str) -> subprocess.CompletedProcess[str]:
    program = folder / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    chosen = ("hydra/launcher=local", "hydra/sweeper=hpsearch", "hydra.sweep.dir=sweep")
    return subprocess.run(
        [sys.executable, str(program), "-m", "+x=range(6)", *chosen, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES), VISIBLE: visible},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_trials_see_the_gpu_of_their_slot_alone_and_say_so(tmp_path: Path) -> None:
    done = sweep(tmp_path, "hydra.sweeper.n_jobs=2", visible="3,7")
    assert done.returncode == 0, done.stderr
    for number in range(6):
        place, sees = (tmp_path / f"sweep/{number}/output.txt").read_text().splitlines()
        assert sees in ("sees 3", "sees 7")
        assert place == f"on GPU {sees.removeprefix('sees ')}"
        assert f"job {number} | {place}" in done.stderr
    first = [(tmp_path / f"sweep/{number}/output.txt").read_text() for number in (0, 1)]
    assert first == ["on GPU 3\nsees 3\n", "on GPU 7\nsees 7\n"]


@pytest.mark.slow
def test_a_sweep_of_more_slots_than_gpus_ends_in_one_line(tmp_path: Path) -> None:
    done = sweep(tmp_path, "hydra.sweeper.n_jobs=3", visible="3,7")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "n_jobs=3 is more than the GPUs 3,7 hold" in done.stderr
    done = sweep(
        tmp_path, "hydra.sweeper.n_jobs=3", "hydra.launcher.slots_per_gpu=2", visible="3,7"
    )
    assert done.returncode == 0, done.stderr

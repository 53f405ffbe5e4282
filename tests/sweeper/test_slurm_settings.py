"""`hydra/launcher=slurm` without a Slurm: what is composed, checked, and told to sbatch."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra_plugins.hpsearch_sweeper import errors, slurm_launcher
from hydra_plugins.hpsearch_sweeper.jobs.slurm import queue, settings, submitting
from omegaconf import OmegaConf

from tests.sweeper.conftest import EXAMPLE


def given(*words: str) -> dict[str, Any]:
    """`hydra.launcher` as a program gets it."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(EXAMPLE / "conf"), version_base="1.3"):
        words = ("hydra/launcher=slurm", "hydra.sweep.dir=sweep", *words)
        config = compose("config", overrides=list(words), return_hydra_config=True)
    found: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    del found["_target_"]
    return found  # type: ignore[no-any-return]


def read(*words: str) -> settings.Settings:
    return settings.read(given(*words), name="sphere")


def script(tmp_path: Path, read: settings.Settings) -> list[str]:
    """The options in the script that submitit writes for sbatch."""
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(tmp_path / "%j", cluster="slurm")
    executor.update_parameters(**read.parameters, name="sphere-3")
    text = executor._executor._make_submission_file_text("command", "uid")
    return ["srun " + text.partition("\nsrun ")[2].strip()] + [
        line.removeprefix("#SBATCH --") for line in text.splitlines() if "#SBATCH" in line
    ]


@pytest.fixture
def with_srun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """submitit asks for the program alone."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "srun").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")


@pytest.mark.usefixtures("with_srun")
def test_what_is_set_reaches_sbatch_under_its_own_names(tmp_path: Path) -> None:
    found = script(
        tmp_path,
        read(
            "hydra.launcher.partition=gpu",
            "hydra.launcher.account=thesis",
            "hydra.launcher.qos=short",
            "hydra.launcher.gres='gpu:a100:1'",
            "hydra.launcher.constraint=nvme",
            "hydra.launcher.exclude=bad01",
            "hydra.launcher.timeout_min=90",
            "hydra.launcher.cpus_per_task=4",
            "hydra.launcher.mem_gb=7.5",
            "hydra.launcher.gpus_per_node=1",
            "hydra.launcher.srun_args=['--cpu-bind=none']",
            "hydra.launcher.signal_delay_s=200",
            "hydra.launcher.additional_parameters={nice: 100, mail_type: FAIL}",
        ),
    )
    wanted = {
        *("partition=gpu", "account=thesis", "qos=short", "gres=gpu:a100:1", "constraint=nvme"),
        *("exclude=bad01", "time=90", "cpus-per-task=4", "mem=7680MB", "gpus-per-node=1"),
        *("signal=USR2@200", "nice=100", "mail-type=FAIL", "requeue", "job-name=sphere-3"),
    }
    assert wanted <= set(found)
    assert "--cpus-per-task=4 --cpu-bind=none command" in found[0]


@pytest.mark.usefixtures("with_srun")
def test_what_is_not_set_is_left_to_the_cluster(tmp_path: Path) -> None:
    names = {line.partition("=")[0] for line in script(tmp_path, read())[1:]}
    assert names == {"error", "job-name", "nodes", "open-mode", "output", "requeue", "signal"} | {
        *("time", "wckey")
    }


@pytest.mark.usefixtures("with_srun")
def test_who_wants_no_requeue_gets_none(tmp_path: Path) -> None:
    words = script(tmp_path, read("hydra.launcher.additional_parameters={requeue: false}"))
    assert "no-requeue" in words
    assert "requeue" not in words


def test_the_variables_of_the_user_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "1")
    found = read("hydra.launcher.env={MINE: 2, NEW: 3, NONE: null}")
    assert found.env == {"NEW": "3"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("timeout_min=0", "hydra.launcher.timeout_min=0: allowed is a number from 1 on"),
        ("max_requeues=-1", "hydra.launcher.max_requeues=-1: allowed is a number from 0 on"),
        ("poll_interval=0", "hydra.launcher.poll_interval=0.0: allowed is a number from 0.1 on"),
        ("signal_delay_s=3600", "signal_delay_s=3600: allowed is less than timeout_min=60 minutes"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_key(override: str, message: str) -> None:
    with pytest.raises(errors.ConfigError, match=message):
        read(f"hydra.launcher.{override}")


def test_without_submitit_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(errors.ConfigError, match=r"pip install 'hpsearch\[slurm\]'"):
        submitting.require()


def test_without_slurm_the_line_says_where_to_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.ConfigError, match="sbatch is not there; start the sweep on a"):
        submitting.require()


def test_a_sweep_that_is_a_job_itself_hands_on_nothing_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_CPUS_PER_TASK", "SLURM_CONF", "MINE"):
        monkeypatch.setenv(name, "1")
    before = dict(os.environ)
    with submitting._environment():
        assert {"SLURM_CONF", "MINE", "PYTHONPATH"} <= set(os.environ)
        assert not {"SLURM_JOB_ID", "SLURM_CPUS_PER_TASK"} & set(os.environ)
    assert dict(os.environ) == before


def test_two_sweepers_never_name_a_job_alike() -> None:
    one, other = (queue.job_name("train", 3, worker=worker) for worker in ("a/1/5", "b/1/5"))
    assert one != other
    assert one.startswith("train-3-")
    assert one == queue.job_name("train", 3, worker="a/1/5")


@pytest.mark.parametrize(
    ("storage", "is_file"),
    [("sqlite:///x.db", True), (None, True), ("postgresql://host/x", False), ({"a": 1}, False)],
)
def test_only_a_file_is_warned_of(storage: Any, is_file: bool) -> None:
    assert slurm_launcher._is_file(storage) == is_file

"""A password in hydra.sweeper.storage stays out of what a sweep of any program writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import hiding, trial
from omegaconf import DictConfig, OmegaConf

SECRET = "sEcr3t"
# sqlite ignores what it does not know of an address of this kind, so this one opens.
STORAGE = f"sqlite:///file:study.db?uri=true&password={SECRET}"
TARGET = f"{{_target_: optuna.storages.RDBStorage, url: '{STORAGE}'}}"


@pytest.mark.parametrize("launcher", ["local", pytest.param("basic", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "given",
    [pytest.param(f"'{STORAGE}'", marks=pytest.mark.slow), TARGET],
    ids=["url", "target"],
)
def test_the_jobs_report_to_a_storage_whose_password_is_nowhere_on_disk(
    command, tmp_path: Path, launcher: str, given: str
) -> None:
    words = ["x=1,2", "hydra.sweeper.study_name=test", "hydra.sweep.dir=sweep"]
    words += [f"hydra/launcher={launcher}", f"hydra.sweeper.storage={given}"]
    done = command("-m", *words)
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(study_name="test", storage=f"sqlite:///{tmp_path}/study.db")
    assert [x.intermediate_values for x in study.trials] == [{1: 2.0}, {1: 5.0}]
    assert SECRET not in done.stdout + done.stderr
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"multirun.yaml", "hydra.yaml", "overrides.yaml"} <= {file.name for file in files}
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []


def test_a_password_that_a_config_file_names_stays_out_too(command, tmp_path: Path) -> None:
    conf = tmp_path / "mine" / "hydra" / "sweeper"
    conf.mkdir(parents=True)
    (conf / "shared.yaml").write_text(
        f"defaults: [hpsearch, _self_]\nstudy_name: test\nstorage: {STORAGE}\n"
    )
    done = command("--config-dir=mine", "-m", "x=1,2", "hydra/sweeper=shared", "hydra.sweep.dir=s")
    assert done.returncode == 0, done.stderr
    written = [file for file in (tmp_path / "s").rglob("*") if file.is_file()]
    assert [file for file in written if SECRET.encode() in file.read_bytes()] == []
    study = optuna.load_study(study_name="test", storage=f"sqlite:///{tmp_path}/study.db")
    assert [x.value for x in study.trials] == [2.0, 5.0]


def test_the_error_of_a_job_tells_no_password(bench) -> None:
    def fail(config: DictConfig) -> float:
        if config.x == 1:
            raise ValueError(f"postgresql://me:{SECRET}@host is away")
        return 0.0

    bench.stored("x=1,2", task=fail)
    told = (bench.folder / "sweep" / "0" / "error.txt").read_text()
    assert "me:***@host is away" in told
    assert "me:***@host" in bench.results.failures[0].error
    assert SECRET not in told + OmegaConf.to_yaml(bench.results)


def test_what_the_jobs_get_differs_only_in_the_password(bench) -> None:
    environment = "+hydra.job.env_set.PGPASSWORD=theirs"
    plain = ["x=1,2", environment]
    config = bench.ask(hiding.for_jobs, *plain, f"hydra.sweeper.storage='{STORAGE}'")
    assert SECRET not in OmegaConf.to_yaml(config)
    assert environment in config.hydra.overrides.hydra, "it is for the job, which needs it"
    named = "hydra.sweeper.storage='postgresql://me:${oc.env:PGPASSWORD}@h/db'"
    same = bench.ask(lambda given: hiding.for_jobs(given) is given, *plain, named)
    assert same, "the name of a variable is no password"


def test_the_storage_is_forgotten_with_the_sweep(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(trial.STORAGE_KEY, raising=False)
    trial.announce("test", optuna.storages.InMemoryStorage(), given=STORAGE)
    assert json.loads(os.environ[trial.STORAGE_KEY]) == STORAGE
    trial.forget("test")
    assert trial.STORAGE_KEY not in os.environ

"""MLflow is told nothing of the environment but what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from omegaconf import OmegaConf

from hpsearch.recording import _loggable, summarise
from hpsearch.tracking import environment, open_tracker
from hpsearch.tracking.environment import withheld
from hpsearch.trials import Result, TrialFolder
from tests.conftest import Compose
from tests.tracking.conftest import DATA, start, trial

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "geheim-aws-1",
    "DATABASE_URL": "postgresql://me:geheim-pg-2@host/db",
    "HF_TOKEN": "hf_geheim3",
    "MLFLOW_TRACKING_TOKEN": "geheim-token-4",
    "MY_API_KEY": "geheim-5",
    "LOGNAME": "geheim-user-6",
    "USER": "geheim-user-6",
}

RESULT = Result("f", {"val/accuracy": 0.5}, [], False, 1.0, {}, {})
EXPECTED = "data:\n  path: ${oc.env:MY_API_KEY}\nseed: 0\n"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Set after pytest has named its folders by the user."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return [value.encode() for value in SECRETS.values()] + [b"geheim"]


def test_the_allowed_variables_that_are_set_become_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.ALLOWED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert environment.tags() == {"env.SLURM_JOB_ID": "123"}


def test_no_other_variable_reaches_the_store_or_the_artifacts(
    secrets: list[bytes], tmp_path: Path
) -> None:
    tracker = open_tracker(tmp_path)
    tracker.prepare()
    start(tracker)
    with trial(tracker) as run:
        run.log({"val/accuracy": 0.5}, step=1)
        run.text("seed: 0\n", path="config.yaml")
        run.tag(environment.tags())
    tracker.end_study("s")
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"mlflow.db", "config.yaml"} <= {file.name for file in written}
    found = [(file, s) for file in written for s in secrets if s in file.read_bytes()]
    assert found == []
    tags = MlflowClient(tracker.uri).get_run(str(run.run_id)).data.tags
    assert not any(tag.startswith(("mlflow.user", "mlflow.source.name")) for tag in tags)


def test_a_value_from_the_environment_is_logged_as_it_is_typed(
    secrets: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    config = OmegaConf.create(
        {
            "direct": "${oc.env:MY_API_KEY}",
            "part": "http://${oc.env:HF_TOKEN}@host",
            "by_way": "${direct}",
            "group": {"near": "${.inner}", "inner": "${oc.env:DATABASE_URL}"},
            "listed": [1, "${oc.env:MY_API_KEY}"],
            "default": "${oc.env:NOT_SET_AT_ALL,5}",
            "decoded": "${oc.decode:${oc.env:MY_API_KEY}}",
            "allowed": "${oc.env:SLURM_JOB_ID}",
            "plain": 1,
        }
    )
    keys = [*(str(key) for key in config if key != "group"), "group.near", "group.inner"]
    assert withheld(config, keys) == {
        "direct": "${oc.env:MY_API_KEY}",
        "part": "http://${oc.env:HF_TOKEN}@host",
        "by_way": "${direct}",
        "group.near": "${.inner}",
        "group.inner": "${oc.env:DATABASE_URL}",
        "listed": [1, "${oc.env:MY_API_KEY}"],
        "default": "${oc.env:NOT_SET_AT_ALL,5}",
        "decoded": "${oc.decode:${oc.env:MY_API_KEY}}",
    }
    assert config.direct == "geheim-5"  # the resolver is as it was


def test_the_parameters_of_a_trial_hold_no_password_and_no_secret(
    secrets: list[bytes], config: Compose
) -> None:
    words = ["tracking.uri=http://me:geheim@host:5000", "data.path='${oc.env:DATABASE_URL}'"]
    values = _loggable(config(*words))
    assert values["tracking.uri"] == "http://me:***@host:5000"
    assert values["data.path"] == "${oc.env:DATABASE_URL}"
    assert not any("geheim" in str(value) for value in values.values())


def test_the_model_in_the_store_names_the_variable_and_the_one_on_disk_its_value(
    secrets: list[bytes], tmp_path: Path
) -> None:
    tracker = open_tracker(tmp_path)
    folder = TrialFolder(tmp_path / "trial")
    (folder.best / "deep").mkdir(parents=True)
    (folder.best / "config.yaml").write_text("data:\n  path: geheim-5\nseed: 0\n")
    (folder.best / "deep" / "weights").write_bytes(b"w")
    params = {"data": {"path": "${oc.env:MY_API_KEY}"}, "seed": 0}
    words = {"study": "s", "name": "a", "fingerprint": "f"}
    with tracker.start_trial(**words, params=params, tags={}, data=DATA) as run:
        summarise(run, RESULT, folder, log_model=True)
    stored = tmp_path / "outputs" / "mlflow-artifacts"
    (text, copy) = sorted(stored.rglob("config.yaml"), key=lambda file: len(file.parts))
    assert text.read_text() == copy.read_text() == EXPECTED
    assert [file.read_bytes() for file in stored.rglob("weights")] == [b"w"]
    assert [file.name for file in (tmp_path / "outputs").iterdir()] == ["mlflow-artifacts"]
    assert b"geheim" not in (tmp_path / "mlflow.db").read_bytes()

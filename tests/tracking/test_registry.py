"""The winner of a study in MLflow's registry. No model is loaded here: see ``test_serving.py``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from hpsearch.tracking import DataInfo, Registered, Tracker
from hpsearch.tracking.names import file_name
from tests.tracking.conftest import Server, start

CARD = """---
library_name: hpsearch
---

# a cnn

```
python -m hpsearch.predict model=FOLDER text="A film to remember"
```
"""


def best_folder(root: Path, name: str) -> Path:
    """What a trial keeps of its best model."""
    folder = root / "outputs" / "trials" / name / "best"
    folder.mkdir(parents=True)
    (folder / "head.safetensors").write_bytes(name.encode())
    (folder / "config.yaml").write_text("password: typed\n")
    (folder / "README.md").write_text(CARD)
    return folder


def finish(tracker: Tracker, root: Path, name: str, *, accuracy: float, log: bool = True) -> Path:
    """A finished trial of the study ``s``, and its model's folder."""
    folder = best_folder(root, name)
    with tracker.start_trial(
        study="s",
        name=name,
        fingerprint=name,
        params={"head": {"activation": name}},
        tags={"hpsearch.command": f"head.activation={name}"},
        data=DataInfo("reviews", "d", "synthetic", 2, 1, ["bad", "good"]),
    ) as run:
        run.summary({"val/accuracy": accuracy})
        run.text("password: ${oc.env:PASSWORD}\n", path="config.yaml")
        if log:
            run.artifacts(folder, under="model")
    return folder


def register(tracker: Tracker, name: str, folder: Path) -> Registered | None:
    return tracker.register_winner(tracker.read_study("s"), name, folder=folder)


def client(tracker: Tracker) -> MlflowClient:
    return MlflowClient(tracker.uri, tracker.uri)


def champion(tracker: Tracker) -> ModelVersion:
    return client(tracker).get_model_version_by_alias("s", "champion")


def fetched(tracker: Tracker, to: Path) -> Path:
    """The champion's folder as MLflow would load it."""
    from mlflow.artifacts import download_artifacts

    to.mkdir()
    run_id = champion(tracker).run_id
    path = f"runs:/{run_id}/model"
    return Path(download_artifacts(artifact_uri=path, dst_path=str(to), tracking_uri=tracker.uri))


def test_the_winner_becomes_a_version_with_its_card_and_figures(
    local: Tracker, tmp_path: Path
) -> None:
    start(local)
    folder = finish(local, tmp_path, "relu", accuracy=0.75)
    done = register(local, "relu", folder)
    assert done == Registered("s", "1", is_new=True)
    assert done.uri == "models:/s@champion"
    version = champion(local)
    assert version.tags == {
        "hpsearch.fingerprint": "relu",
        "hpsearch.study": "s",
        "hpsearch.command": "head.activation=relu",
        "val/accuracy": "0.75000",
    }
    assert str(version.description).startswith("# a cnn")
    assert 'study=s text="A film' in str(version.description)
    assert "models:/s@champion" in str(client(local).get_registered_model("s").description)


def test_the_same_winner_makes_no_second_version(local: Tracker, tmp_path: Path) -> None:
    start(local)
    folder = finish(local, tmp_path, "relu", accuracy=0.75)
    register(local, "relu", folder)
    assert register(local, "relu", folder) == Registered("s", "1", is_new=False)
    assert len(client(local).search_model_versions("name='s'")) == 1


def test_another_winner_takes_the_alias_and_may_lose_it_again(
    local: Tracker, tmp_path: Path
) -> None:
    start(local)
    folders = {name: finish(local, tmp_path, name, accuracy=0.5) for name in ("relu", "tanh")}
    for name, version in (("relu", "1"), ("tanh", "2"), ("relu", "1")):
        done = register(local, name, folders[name])
        assert done is not None
        assert done.version == version == str(champion(local).version)
        assert champion(local).tags["hpsearch.fingerprint"] == name


def test_the_source_is_the_runs_own_model_with_what_mlflow_needs_to_load_it(
    local: Tracker, tmp_path: Path
) -> None:
    start(local)
    register(local, "relu", finish(local, tmp_path, "relu", accuracy=0.75))
    run = client(local).get_run(str(champion(local).run_id))
    assert champion(local).source == f"{run.info.artifact_uri}/model"
    model = fetched(local, tmp_path / "to")
    described = yaml.safe_load((model / "MLmodel").read_text())
    assert described["flavors"]["python_function"]["loader_module"] == "hpsearch.serving"
    assert "probability_good" in described["signature"]["outputs"]
    assert "hpsearch==" in (model / "requirements.txt").read_text()
    assert "+" not in (model / "requirements.txt").read_text()
    assert (model / "head.safetensors").read_bytes() == b"relu"


def test_the_table_of_runs_shows_which_one_won(local: Tracker, tmp_path: Path) -> None:
    start(local)
    register(local, "relu", finish(local, tmp_path, "relu", accuracy=0.75))
    run = client(local).get_run(str(champion(local).run_id))
    (model,) = json.loads(run.data.tags["mlflow.log-model.history"])
    assert (model["artifact_path"], model["run_id"]) == ("model", run.info.run_id)


def test_the_trials_own_folder_stays_as_it_was(local: Tracker, tmp_path: Path) -> None:
    start(local)
    folder = finish(local, tmp_path, "relu", accuracy=0.75)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    register(local, "relu", folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_model_that_is_not_in_mlflow_is_put_there_without_its_secrets(
    local: Tracker, tmp_path: Path
) -> None:
    start(local)
    folder = finish(local, tmp_path, "relu", accuracy=0.75, log=False)
    assert register(local, "relu", folder) is not None
    model = fetched(local, tmp_path / "to")
    assert (model / "head.safetensors").read_bytes() == b"relu"
    assert (model / "config.yaml").read_text() == "password: ${oc.env:PASSWORD}\n"


def test_a_model_that_is_nowhere_is_told_and_fails_no_report(
    local: Tracker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(local)
    finish(local, tmp_path, "relu", accuracy=0.75, log=False)
    assert register(local, "relu", tmp_path / "nowhere") is None
    assert "there is no model in" in caplog.text
    assert client(local).search_registered_models() == []


def test_a_trial_that_has_not_finished_is_not_registered(
    local: Tracker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(local)
    finish(local, tmp_path, "relu", accuracy=0.75)
    assert register(local, "tanh", tmp_path) is None
    assert "no trial tanh has finished" in caplog.text


@pytest.mark.parametrize("study", ["a/b:c", 'what\'s "it" | <b>', "..", "é" * 300, "%s {0}"])
def test_any_studys_name_makes_a_models_name(local: Tracker, study: str) -> None:
    name = file_name(study)
    client(local).create_registered_model(name)
    assert client(local).search_registered_models(f"name='{name}'")
    assert file_name(study + "x") != name


@pytest.mark.slow
def test_over_a_server_the_same_is_made(server: Server, tmp_path: Path) -> None:
    tracker = Tracker(server.uri, experiment=tmp_path.name, root=tmp_path)
    start(tracker)
    folder = finish(tracker, tmp_path, "relu", accuracy=0.75)
    assert register(tracker, "relu", folder) == Registered("s", "1", is_new=True)
    assert register(tracker, "relu", folder) == Registered("s", "1", is_new=False)
    assert (fetched(tracker, tmp_path / "to") / "MLmodel").is_file()

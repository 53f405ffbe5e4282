"""The best model of a study as a version in MLflow's registry, with its card, ready to be served.

Its source is the ``model`` folder among the winning run's artifacts, so nothing is copied; the few
files that MLflow needs to load it are put beside the weights.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.errors import TrackingError
from hpsearch.redaction import redact
from hpsearch.tracking import names
from hpsearch.tracking.away import mlflow_errors, patient
from hpsearch.tracking.found import plain
from hpsearch.tracking.places import check_place, local_folder
from hpsearch.tracking.pyfunc import write_pyfunc
from hpsearch.tracking.records import now
from hpsearch.tracking.store import Store
from hpsearch.tracking.stored_run import StoredRun
from hpsearch.tracking.study import Study

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["CHAMPION", "Registered", "register"]

CHAMPION = "champion"  # the alias of the version that won last, MLflow's own word for it
MODEL = "model"  # the artifacts' folder, as a trial writes it
WEIGHTS = "head.safetensors"  # every model of ours has it
NO_MODEL = "there is no model in {}, nor among the run's artifacts"
ACCURACY = "val/accuracy"
LONGEST_CARD = 5000  # what MLflow's databases hold


@dataclass(frozen=True)
class Registered:
    """A study's winner in the registry."""

    name: str
    version: str
    is_new: bool  # made by this call

    @property
    def uri(self) -> str:
        return f"models:/{self.name}@{CHAMPION}"


def register(store: Store, study: Study, fingerprint: str, *, folder: Path) -> Registered:
    """Make a version of this trial's model where there is none, and give it the alias.

    ``folder`` is the trial's model, for a run that does not keep it among its artifacts.
    Raises :class:`TrackingError` where neither has it.
    """
    with patient(), mlflow_errors(f"registering the best model of {study.name}"):
        name = names.file_name(study.name)
        versions = store.versions(name, tag=(names.FINGERPRINT, fingerprint))
        champion = next((v for v, aliases in (versions or {}).items() if CHAMPION in aliases), None)
        if champion is not None:
            return Registered(name, champion, is_new=False)
        if versions == {}:  # and not where it is not known
            _check_model(store, study, fingerprint, folder)
        known = _version(store, name, fingerprint)
        version = known or _new_version(store, study, fingerprint, folder=folder)
        _crown(store, version)
    return Registered(name, str(version.version), known is None)


def _check_model(store: Store, study: Study, fingerprint: str, folder: Path) -> None:
    """Before MLflow is loaded for nothing."""
    run_id = _run_id(study, fingerprint)
    found = store.found({names.STUDY: study.name, names.FINGERPRINT: fingerprint})
    places = [local_folder(run.artifacts) for run in found if run.run_id == run_id]
    known = [folder, *(place / MODEL for place in places if place)]
    if None not in places and not any((place / WEIGHTS).is_file() for place in known):
        raise TrackingError(NO_MODEL.format(folder))


def _version(store: Store, name: str, fingerprint: str) -> ModelVersion | None:
    found = store.client.search_model_versions(f"name='{name}'")
    return next((one for one in found if one.tags.get(names.FINGERPRINT) == fingerprint), None)


def _crown(store: Store, version: ModelVersion) -> None:
    aliases = store.client.get_registered_model(version.name).aliases
    if str(aliases.get(CHAMPION)) != str(version.version):
        store.client.set_registered_model_alias(version.name, CHAMPION, str(version.version))


def _new_version(store: Store, study: Study, fingerprint: str, *, folder: Path) -> ModelVersion:
    run = store.client.get_run(_run_id(study, fingerprint))
    check_place(store, run.info.artifact_uri)
    _complete(store, run, folder)
    name = names.file_name(study.name)
    _make_model(store, name, study)
    return store.client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{MODEL}",
        run_id=run.info.run_id,
        tags=_tags(run, study, fingerprint),
        description=_card(store, run, name),
    )


def _run_id(study: Study, fingerprint: str) -> str:
    runs = study.runs
    found = runs[(runs["fingerprint"] == fingerprint) & (runs["status"] == "FINISHED")]
    if found.empty:
        raise TrackingError(f"study={study.name}: no trial {fingerprint} has finished")
    return str(found["run_id"].iloc[-1])


def _complete(store: Store, run: Run, folder: Path) -> None:
    """Let the run's artifacts hold the model, with what MLflow needs to load it."""
    had = {Path(each.path).name for each in store.client.list_artifacts(run.info.run_id, MODEL)}
    writer = StoredRun(store, plain(run), continued=True)
    if WEIGHTS not in had:
        if not (folder / WEIGHTS).is_file():
            raise TrackingError(NO_MODEL.format(folder))
        instead = {"config.yaml": _text(store, run, "config.yaml")}
        writer.write(_artifacts(folder, instead))
    if "MLmodel" not in had:
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary, MODEL)
            classes = json.loads(run.data.tags[names.CLASSES])
            tags = write_pyfunc(made, classes, run_id=run.info.run_id)
            writer.write(_artifacts(made, {}))
            store.write(run.info.run_id, tags=tags)


def _artifacts(folder: Path, instead: dict[str, str]) -> dict[str, object]:
    words = {"folder": str(folder.absolute()), "under": MODEL, "instead": instead}
    return {"op": "artifacts", "at": now(), **words}


def _make_model(store: Store, name: str, study: Study) -> None:
    if store.client.search_registered_models(f"name='{name}'"):
        return
    text = (
        f"The best models of the study `{study.name}`; `{CHAMPION}` is the best one of its last "
        f"report.\n\n```\nmlflow models serve -m models:/{name}@{CHAMPION} --env-manager local\n```"
    )
    store.client.create_registered_model(name, tags={names.STUDY: study.name}, description=text)


def _tags(run: Run, study: Study, fingerprint: str) -> dict[str, str]:
    accuracy = run.data.metrics.get(f"{names.BEST}{ACCURACY}")
    tags = {
        names.FINGERPRINT: fingerprint,
        names.STUDY: study.name,
        names.COMMAND: run.data.tags.get(names.COMMAND, ""),
        ACCURACY: "" if accuracy is None else f"{accuracy:.5f}",
    }
    return {key: value for key, value in tags.items() if value}


def _card(store: Store, run: Run, name: str) -> str:
    """The model card, without the front matter that the hub alone reads."""
    text = _text(store, run, f"{MODEL}/README.md")
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2].lstrip()
    card = redact(text.replace("model=FOLDER", f"study={name}"))
    return names.cut(card, LONGEST_CARD)


def _text(store: Store, run: Run, path: str) -> str:
    with tempfile.TemporaryDirectory() as temporary:
        found = store.client.download_artifacts(run.info.run_id, path, temporary)
        return Path(found).read_text(encoding="utf-8")

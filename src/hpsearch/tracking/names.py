"""The names under which things are kept in MLflow: tags, metrics, values and run names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["BEST", "as_text", "cut", "file_name", "flatten", "run_name"]

# Tags. What starts with `mlflow.` is MLflow's own and known to its web pages.
STUDY = "hpsearch.study"
KIND = "hpsearch.kind"  # "study" or "trial"
ALONE = "hpsearch.alone"  # "true" on a trial that belongs to no sweep
FINGERPRINT = "hpsearch.fingerprint"
KEYS = "hpsearch.keys"  # JSON list of the searched keys, in the order of the command
ERROR = "hpsearch.error"  # "Type: message" of a failed trial
PRUNED = "hpsearch.pruned"  # the step at which a trial was given up
COMMAND = "hpsearch.command"  # the words after `python -m hpsearch.train`; a study's less its keys
FOLDER = "hpsearch.folder"  # where the trial keeps its model
MONITOR = "hpsearch.monitor"  # the metric that chose the best epoch
BEST_RUN = "hpsearch.best_run"  # the luckiest trial, whatever its point's other seeds did
WINNER_RUN = "hpsearch.winner_run"  # the best point's best trial, which is the registered one
DATA, DIGEST, SOURCE = "hpsearch.data", "hpsearch.data_digest", "hpsearch.data_source"
N_TRAIN, N_VAL, CLASSES = "hpsearch.n_train", "hpsearch.n_val", "hpsearch.classes"
NOTE_DIGEST = "hpsearch.note_digest"  # of the description that a report wrote
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"  # the description that a run's page begins with
RUN_NAME = "mlflow.runName"
COMMIT = "mlflow.source.git.commit"
DATA_CONTEXT = "mlflow.data.context", "training"  # of a data set that a run was given
MODELS = "mlflow.log-model.history"  # JSON list of the models among a run's artifacts
# Of an experiment: without it MLflow's pages show what language models need, and no registry.
EXPERIMENT_KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"

# Keys that say where and how often things are written and how much memory there is, not what is
# done (a tuple, for `str.startswith`).
PLACES = ("root", "tracking.", "report", "checkpoint.", "trainer.memory_limit")

# The figures of the best epoch; `val/accuracy` itself stays the series over the epochs.
BEST = "best/"
BEST_POINT = "best_point/"  # of a study: means over the seeds of its best point

LONGEST_KEY = 250
LONGEST_VALUE = 6000
LONGEST_NAME = 250
LONGEST_FILE = 100  # a file's may have 255 bytes, and its endings follow
LONGEST_TAG = 8000


def as_text(value: object) -> str:
    """A configuration value as MLflow keeps it: ``null``, ``true``, ``0.1``, ``tanh``, ``[1, 2]``.

    A text stays as it is; what is longer than MLflow allows ends in an ellipsis.
    """
    return cut(value if isinstance(value, str) else _json(value), LONGEST_VALUE)


def _json(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False) if _nested(value) else _scalar(value)


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value.item() if hasattr(value, "item") else value)  # numpy's numbers too


def _nested(value: object) -> bool:
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return False  # soon: to ask an abstract class takes milliseconds, once for each type
    return isinstance(value, Mapping | Sequence | set)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def flatten(config: Mapping[str, object], *, prefix: str = "") -> dict[str, str]:
    """``{"head": {"dim": 768}}`` as ``{"head.dim": "768"}``; an empty group has no key."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, prefix=f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = as_text(value)
    return flat


def file_name(study: str) -> str:
    """A study's name as a file's or a registered model's: as it is where both may hold it.

    Else with a hash, so that two studies never share one.
    """
    safe = re.sub(r"[^\w.=+-]+", "_", study)[:LONGEST_FILE]
    if safe == study and not safe.startswith("."):
        return safe
    return f"{safe.lstrip('.')}-{hashlib.sha256(study.encode()).hexdigest()[:8]}"


def run_name(point: Mapping[str, object]) -> str:
    """Name a trial by what varies: ``activation=relu dropout=0.5``.

    A key is shortened to its last part, or to as many as tell it from the others. The words
    are sorted by the full key, so that the same point has the same name in any order.
    """
    words = [f"{_short(key, point)}={as_text(point[key])}" for key in sorted(point)]
    return cut(" ".join(" ".join(words).split()), LONGEST_NAME) or "base"


def _short(key: str, among: Mapping[str, object]) -> str:
    others = [other for other in among if other != key]
    for tail in _tails(key):
        if not any(other == tail or other.endswith(f".{tail}") for other in others):
            return tail
    return key


def _tails(key: str) -> Iterator[str]:
    parts = key.split(".")
    return (".".join(parts[-n:]) for n in range(1, len(parts) + 1))


def same_value(left: str, right: str) -> bool:
    """Whether two values mean the same; numbers are compared as numbers (``.0`` and ``0``)."""
    return left == right or canonical(left) == canonical(right)


def canonical(value: str) -> str:
    """One spelling for one number: ``768.0``, ``7.68e2`` and ``768`` give the same text."""
    try:
        return repr(float(value) + 0.0)  # adding zero turns -0.0 into 0.0
    except (TypeError, ValueError):
        return value


def default_uri(root: Path) -> str:
    return f"sqlite:///{(root / 'mlflow.db').absolute()}"


def default_artifacts(root: Path) -> Path:
    return (root / "outputs" / "mlflow-artifacts").absolute()

"""What Hydra and the sweeper know of the running job."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hpsearch.config import flatten
from hpsearch.redaction import redacted

__all__ = ["choices", "command", "point_of"]


def choices(hydra: DictConfig | None = None) -> dict[str, str]:
    """The option chosen of each config group, such as ``{"backbone": "cnn"}``."""
    chosen = (hydra or HydraConfig.get()).runtime.choices
    return {
        str(group): str(option)
        for group, option in chosen.items()
        if option is not None and not str(group).startswith("hydra/")
    }


def command(hydra: DictConfig | None = None, *, without: Sequence[str] = ()) -> str:
    """What the user typed after ``python -m hpsearch.train``, less ``-m`` and these keys.

    How a sweep's report looks is left out too: a trial has none.
    """
    words = (hydra or HydraConfig.get()).overrides.task
    kept = [word for word in words if _key(word) not in without and not _is_of_report(word)]
    return shlex.join(redacted(kept))


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+")


def _is_of_report(word: str) -> bool:
    return _key(word).split(".")[0] == "report"


def point_of(config: DictConfig, keys: Sequence[str]) -> dict[str, Any]:
    """Searched key → its value in this job, for plain keys and config groups alike."""
    values = {**choices(), **flatten(config)}
    return {key: values[key] for key in keys if key in values}

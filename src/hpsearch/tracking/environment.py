"""What MLflow is told of the environment: these variables, and no other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.resolvers import oc

__all__ = ["ALLOWED", "tags", "withheld"]

PREFIX = "env."

# Where and with how much a trial ran; nobody keeps a secret in them.
ALLOWED = (
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "PYTORCH_CUDA_ALLOC_CONF",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
    "HF_HUB_OFFLINE",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_PARTITION",
    "SLURM_NODELIST",
    "SLURM_CPUS_PER_TASK",
    "SLURM_GPUS",
)


def tags() -> dict[str, str]:
    """A tag for each allowed variable that is set, such as ``env.SLURM_JOB_ID``."""
    return {f"{PREFIX}{name}": os.environ[name] for name in ALLOWED if os.environ.get(name)}


def withheld(config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Those of the dotted keys whose value comes from another variable, with what is typed there.

    However the value comes by it: ``${oc.env:NAME}``, a part of a text, or by way of another key.
    """
    raw = OmegaConf.to_container(config, resolve=False)
    found: dict[str, Any] = {}
    with _watched() as asked:
        for key in keys:
            if "${" not in str(_typed(raw, key)):
                continue  # nothing is asked for it
            asked.clear()
            _resolve(config, key)
            if asked - set(ALLOWED):
                found[key] = _typed(raw, key)
    return found


@contextmanager
def _watched() -> Iterator[set[str]]:
    """The names that ``${oc.env:…}`` is asked for meanwhile."""
    asked: set[str] = set()

    def env(*words: Any) -> Any:
        asked.add(str(words[0]))
        return oc.env(*words)

    OmegaConf.register_new_resolver("oc.env", env, replace=True)
    try:
        yield asked
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


def _resolve(config: DictConfig, key: str) -> None:
    value = OmegaConf.select(config, key)
    if OmegaConf.is_config(value):
        OmegaConf.to_container(value, resolve=True)


def _typed(raw: Any, key: str) -> Any:
    """What stands in the configuration at the key, or at the group that is taken as a whole."""
    for part in key.split("."):
        if not isinstance(raw, dict) or part not in raw:
            break
        raw = raw[part]
    return raw

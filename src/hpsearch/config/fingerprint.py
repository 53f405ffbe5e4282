"""A trial is named by what it is: a hash of everything that can change its result."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from omegaconf import DictConfig

from hpsearch.config.checks import flatten, keys

__all__ = ["fingerprint", "relevant_values"]

# The rooms whose code computes a result; the others only name, store and print it.
ROOMS = ("data", "models", "training")
DIGITS = 16


def fingerprint(config: DictConfig, *, data_digest: str, weights_digest: str) -> str:
    """16 hexadecimal digits (64 bits) that name the trial of this configuration on this data.

    ``data_digest`` and ``weights_digest`` stand for the contents behind ``data.path`` and
    ``backbone.name``, so that a copy of the same files elsewhere is the same trial.
    """
    parts = {
        "config": relevant_values(config),
        "data": data_digest,
        "weights": weights_digest,
        "code": code_version(),
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def relevant_values(config: DictConfig) -> dict[str, Any]:
    """Dotted key → value for the keys that can change a result, equal models made equal."""
    values = flatten(config)
    relevant = {k.name: values[k.name] for k in keys(config.backbone.kind) if k.relevant}
    if relevant["head.dim"] == 0:
        # A linear head has no hidden layer for the activation to act on.
        del relevant["head.activation"]
    relevant.pop("backbone.name", None)
    return relevant


@cache
def code_version() -> str:
    """A digest of the source of the rooms that compute a result."""
    digest = hashlib.sha256()
    for room in ROOMS:
        folder = files("hpsearch") / room
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".py"):
                digest.update(f"{room}/{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:DIGITS]

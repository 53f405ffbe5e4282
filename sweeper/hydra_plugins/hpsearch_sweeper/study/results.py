"""`optimization_results.yaml`: whole at every moment, whatever happens while it is written.

The official plugin's keys stand first and mean the same. A text of the user's with `${` in it is
written with a backslash before it (the official plugin writes it bare), so that `OmegaConf.load`
returns the text itself; whoever reads the file with PyYAML sees the backslash.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra_plugins.hpsearch_sweeper import hiding

if TYPE_CHECKING:
    from yaml import SafeDumper
else:  # libyaml's, where PyYAML was built with it, takes a quarter of the time
    SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

__all__ = ["COUNTS", "RESULTS_FILE", "Failure", "Results", "Solution", "write_results"]

RESULTS_FILE = "optimization_results.yaml"
COUNTS = ("complete", "pruned", "failed", "infeasible", "retried", "running", "total")
MOST_FAILURES = 20

# Backslashes count only before `${`: there each stands for half of one.
INTERPOLATION = re.compile(r"(\\*)\$\{")
NUMBER = re.compile(r"[-+.\d][-+.\d_eE:]*")


@dataclass(frozen=True)
class Solution:
    """A finished trial that no other one beats."""

    trial: int
    folder: str  # the job's, relative to the sweep's
    params: Mapping[str, Any]
    values: Sequence[float]  # one an objective


@dataclass(frozen=True)
class Failure:
    """A trial that ended without a value."""

    trial: int
    folder: str
    error: str


@dataclass(frozen=True)
class Results:
    """Where a study stands."""

    study_name: str
    directions: tuple[str, ...]
    best: Sequence[Solution] = ()  # of one objective at most one, of several the Pareto front
    counts: Mapping[str, int] = field(default_factory=dict)  # by COUNTS; what lacks is 0
    failures: Sequence[Failure] = ()  # in their order; the last ones are written


def write_results(folder: Path, found: Results) -> None:
    """Replaces the file at once; it never holds a half."""
    shown = hiding.hidden(_written(found))
    text = yaml.dump(_escaped(shown), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    _replace(folder / RESULTS_FILE, text)


def _written(found: Results) -> dict[str, Any]:
    several = len(found.directions) > 1
    return {
        "name": "optuna",
        **(_front(found.best) if several else _best(found.best)),
        "study_name": found.study_name,
        "direction": list(found.directions),
        "trials": {name: found.counts.get(name, 0) for name in COUNTS},
        "failures": [
            {"trial": x.trial, "folder": x.folder, "error": x.error}
            for x in found.failures[-MOST_FAILURES:]
        ],
    }


def _best(best: Sequence[Solution]) -> dict[str, Any]:
    if not best:
        return {"best_params": {}, "best_value": None, "best_trial": None, "best_folder": None}
    return {
        "best_params": dict(best[0].params),
        "best_value": best[0].values[0],
        "best_trial": best[0].trial,
        "best_folder": best[0].folder,
    }


def _front(best: Sequence[Solution]) -> dict[str, Any]:
    solutions = [
        {"params": dict(x.params), "values": list(x.values), "trial": x.trial, "folder": x.folder}
        for x in best
    ]
    return {"solutions": solutions}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        encodable = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return INTERPOLATION.sub(r"\1\1\\${", encodable)
    if isinstance(value, Mapping):
        return {key: _escaped(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(x) for x in value]
    return value


class _Dumper(SafeDumper):
    """Quotes what OmegaConf would read as a number and PyYAML would not: '1e-3'."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(dumper: _Dumper, text: str) -> yaml.Node:
    style = "'" if NUMBER.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_node)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # of two hosts too
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)

"""`optimization_results.yaml`: whole at every moment, whatever happens while it is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.study.study import SweepStudy

__all__ = ["RESULTS_FILE", "write_results"]

RESULTS_FILE = "optimization_results.yaml"


def write_results(study: SweepStudy, folder: Path) -> None:
    """The best so far, under the keys of the official plugin."""
    from omegaconf import OmegaConf

    best = study.best()
    found: dict[str, Any] = {
        "name": "optuna",
        "best_params": dict(best.params) if best else {},
        "best_value": best.value if best else None,
    }
    _replace(folder / RESULTS_FILE, OmegaConf.to_yaml(OmegaConf.create(found)))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)

"""`hydra/sweeper/pruner=...`: when a trial that reports its progress is stopped early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PRUNERS"]


@dataclass
class NoneConf:
    # Every trial runs to its end.
    _target_: str = "optuna.pruners.NopPruner"


PRUNERS: dict[str, type[Any]] = {"none": NoneConf}

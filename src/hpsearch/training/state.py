"""Where a training stands, and how it is caught in a dictionary and brought back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hpsearch.training.interval import Interval
from hpsearch.training.loss import ClassificationLoss
from hpsearch.training.metrics import is_better
from hpsearch.training.randomness import random_states, set_random_states
from hpsearch.training.seams import Runs
from hpsearch.training.sizes import Sizes

__all__ = ["Fit", "State", "Trainer", "capture", "restore"]


@dataclass
class Trainer:
    """What a step needs; built by the caller, so that each part can be replaced."""

    forward: Runs
    optimizer: Optimizer
    schedule: LRScheduler
    loss: ClassificationLoss
    sizes: Sizes


@dataclass
class Fit:
    """How a training went: every evaluation, and the best with its probabilities (n, classes)."""

    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    best_probabilities: npt.NDArray[np.float32] | None = None
    without_better: int = 0
    stopped_early: bool = False
    # Each return to a checkpoint after a divergence: what became not finite, and where.
    rollbacks: list[str] = field(default_factory=list)

    def record(self, metrics: dict[str, float], metric: str) -> bool:
        """Keep an evaluation; whether it is the best so far."""
        self.history.append(metrics)
        if is_better(metric, metrics[metric], self.best.get(metric)):
            self.best, self.without_better = metrics, 0
            return True
        self.without_better += 1
        return False

    @property
    def best_step(self) -> int | None:
        """The optimiser step after which the best evaluation was."""
        return int(self.best["step"]) if self.best else None


@dataclass
class State:
    """How far a training is: optimiser steps, the seconds they took, and what came out so far."""

    step: int = 0
    seconds: float = 0.0
    fit: Fit = field(default_factory=Fit)
    interval: Interval = field(default_factory=Interval)
    # Since this process took it up.
    began: float = field(default_factory=time.perf_counter)

    @property
    def elapsed(self) -> float:
        """Seconds of training, over all the processes that had a part in it."""
        return self.seconds + time.perf_counter() - self.began


def capture(trainer: Trainer, state: State) -> dict[str, Any]:
    """Everything that the training needs to go on as if it had never stopped.

    Plain values and tensors only, so that ``torch.load(weights_only=True)`` reads it. Frozen
    weights are left out: they are those that the backbone was loaded with.
    """
    fit = state.fit
    probabilities = fit.best_probabilities
    return {
        "step": state.step,
        "seconds": state.elapsed,
        "fit": {
            **{k: v for k, v in vars(fit).items() if k != "best_probabilities"},
            "best_probabilities": None if probabilities is None else torch.tensor(probabilities),
        },
        "interval": state.interval.capture(),
        "model": _trained(trainer.forward.model),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "scaler": trainer.forward.precision.scaler.state_dict(),
        "sizes": trainer.sizes.as_dict(),
        "random": random_states(),
    }


def restore(trainer: Trainer, captured: dict[str, Any]) -> State:
    """Put everything back; the state to go on from."""
    missing = trainer.forward.model.load_state_dict(captured["model"], strict=False)
    assert not missing.unexpected_keys, missing
    trainer.optimizer.load_state_dict(captured["optimizer"])
    trainer.schedule.load_state_dict(captured["schedule"])
    trainer.forward.precision.scaler.load_state_dict(captured["scaler"])
    trainer.sizes.lower(captured["sizes"])
    if trainer.sizes.gradient_checkpointing:
        trainer.forward.model.enable_gradient_checkpointing()
    fit = dict(captured["fit"])
    probabilities = fit.pop("best_probabilities")
    fit["best_probabilities"] = None if probabilities is None else probabilities.numpy()
    set_random_states(captured["random"])
    return State(
        step=captured["step"],
        seconds=captured["seconds"],
        fit=Fit(**fit),
        interval=Interval.restored(captured["interval"], device=trainer.forward.device),
    )


def _trained(model: nn.Module) -> dict[str, torch.Tensor]:
    """The model's state without the weights that are frozen."""
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}

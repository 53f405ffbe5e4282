"""Learning-rate schedules: warm-up, then linear, constant or cosine."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

__all__ = ["build_schedule", "factor", "scale_rates", "warmup_steps"]


def build_schedule(optimizer: Optimizer, *, name: str, warmup: float, total_steps: int) -> LambdaLR:
    """A scheduler to be stepped once after each optimiser step."""
    steps = warmup_steps(warmup, total_steps)
    return LambdaLR(optimizer, lambda step: factor(step, name, steps, total_steps))


def warmup_steps(warmup: float, total_steps: int) -> int:
    """A share of all steps in [0, 1) as steps, rounded up; a whole number stays as it is."""
    return math.ceil(warmup * total_steps) if isinstance(warmup, float) else warmup


def factor(step: int, name: str, warmup: int, total: int) -> float:
    """The multiple of the base learning rate at a step, counted from 0.

    The factors are those of ``transformers.get_{linear,constant,cosine}_schedule_with_warmup``, so
    that runs can be compared with HF Trainer's.
    """
    if step < warmup:
        return step / warmup
    if name == "constant":
        return 1.0
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    if name == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    assert name == "linear", name
    return 1.0 - progress


def scale_rates(schedule: LRScheduler, by: float) -> None:
    """Multiply the learning rate, now and for all steps to come."""
    schedule.base_lrs = [rate * by for rate in schedule.base_lrs]
    for group in schedule.optimizer.param_groups:
        group["initial_lr"] *= by
        group["lr"] *= by

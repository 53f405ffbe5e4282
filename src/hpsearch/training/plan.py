"""The plan of a training: which examples at which step, when to evaluate, when to stop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.data.batches import epoch_order

__all__ = ["Plan", "Rows"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """How long to train and in what pieces.

    Attributes:
        epochs: passes over the training split.
        max_steps: optimiser steps after which to stop all the same, or None.
        batch_size: examples of one optimiser step.
        eval_every: optimiser steps between evaluations, or None for once an epoch.
        patience: evaluations without a better ``metric`` before stopping, or None for never.
        metric: what the best checkpoint and early stopping go by.
        clip_norm: largest norm of the gradient, or None.
        seed: of the batch order.
        max_rollbacks: returns to a checkpoint, with half the learning rate, after a divergence.
    """

    epochs: int
    max_steps: int | None
    batch_size: int
    eval_every: int | None
    patience: int | None
    metric: str
    clip_norm: float | None
    seed: int
    max_rollbacks: int = 0

    def steps_per_epoch(self, n: int) -> int:
        """Optimiser steps of one pass over ``n`` examples; the last may be a smaller one."""
        return math.ceil(n / self.batch_size)

    def total_steps(self, n: int) -> int:
        steps = self.epochs * self.steps_per_epoch(n)
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def batches(self, n: int, *, after: int = 0) -> Iterator[Rows]:
        """The rows of every optimiser step after so many, epoch after epoch."""
        order, of = np.empty(0, dtype=np.int64), -1
        for step in range(after, self.total_steps(n)):
            epoch, position = divmod(step, self.steps_per_epoch(n))
            if epoch != of:
                order, of = epoch_order(n, seed=self.seed, epoch=epoch), epoch
            yield order[position * self.batch_size :][: self.batch_size]

    def evaluates_after(self, step: int, n: int) -> bool:
        """Whether to evaluate after this step (from 1); the last step always is."""
        every = self.steps_per_epoch(n) if self.eval_every is None else self.eval_every
        return step % every == 0 or step == self.total_steps(n)

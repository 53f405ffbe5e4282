"""Divergence: a loss, gradient or weight that is NaN or infinite, and the way back from it."""

from __future__ import annotations

import logging
import math

import torch

from hpsearch.errors import DivergedError
from hpsearch.training.checkpoint import Checkpoints
from hpsearch.training.schedule import scale_rates
from hpsearch.training.state import State, Trainer, restore

__all__ = ["check_finite", "check_weights", "diverged", "roll_back"]

log = logging.getLogger(__name__)


def diverged(name: str, value: float, step: int) -> DivergedError:
    return DivergedError(f"{name} became {value} at step {step}; try a lower optimizer.lr")


def check_finite(trainer: Trainer, state: State) -> None:
    """Raise :class:`DivergedError` where a figure since the last look is not finite."""
    # A step that fp16 leaves out has an infinite norm by design.
    norms = not trainer.forward.precision.scaler.is_enabled()
    found = state.interval.first_not_finite(norms=norms)
    if found is not None:
        index, name, value = found
        raise diverged(name, value, state.step - len(state.interval.losses) + index + 1)


@torch.no_grad()
def check_weights(trainer: Trainer, state: State) -> None:
    """Raise :class:`DivergedError` where a trained weight is such as nobody wants back."""
    trained = [p for p in trainer.forward.model.parameters() if p.requires_grad]
    if not torch.stack([p.isfinite().all() for p in trained]).all():
        raise diverged("a weight", math.nan, state.step)


def roll_back(
    trainer: Trainer,
    state: State,
    error: DivergedError,
    *,
    checkpoints: Checkpoints | None,
    most: int,
) -> State:
    """Back to the last checkpoint with half the learning rate; the error, where that was in vain.

    Raises:
        DivergedError: there is no checkpoint, or it was done ``most`` times.
    """
    done = state.fit.rollbacks
    captured = checkpoints.read() if checkpoints and len(done) < most else None
    if captured is None:
        tries = f" (after {len(done)} rollbacks)" if done else ""
        raise DivergedError(f"{error}{tries}") from None
    back = restore(trainer, captured)
    scale_rates(trainer.schedule, 0.5)
    reason = str(error).partition(";")[0]
    back.seconds, back.fit.rollbacks = state.elapsed, [*done, reason]
    log.warning("%s: back to step %d with half the learning rate", reason, back.step)
    return back

"""One optimiser step, in as many micro-batches as fit into memory."""

from __future__ import annotations

import math

import torch

from hpsearch.errors import TooLargeError
from hpsearch.training.memory import is_out_of_memory, reason_of, until_it_fits
from hpsearch.training.plan import Rows
from hpsearch.training.randomness import dropout_states, set_dropout_states
from hpsearch.training.seams import Split, pieces
from hpsearch.training.state import Trainer

__all__ = ["train_step", "update"]


def train_step(
    trainer: Trainer, train: Split, rows: Rows, *, clip_norm: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """One optimiser step on these rows; the mean loss and the gradient's norm, as scalars.

    Where memory does not suffice it is repeated with smaller micro-batches and the same random
    numbers; the rows, and what their loss is divided by, stay the same. Raises
    :class:`TooLargeError` where a single example, or the optimiser's state, does not fit.
    """
    if not trainer.forward.model.training:
        trainer.forward.model.train()
    states = dropout_states()

    def shrink(reason: str) -> None:
        trainer.optimizer.zero_grad(set_to_none=True)
        set_dropout_states(states)
        trainer.sizes.shrink_training(
            reason,
            rows=len(rows),
            checkpointing=trainer.forward.model.enable_gradient_checkpointing,
        )

    loss = until_it_fits(lambda: accumulate(trainer, train, rows), shrink=shrink)
    try:
        return loss, update(trainer, clip_norm=clip_norm)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        # The optimiser's state has a size of its own, which no smaller batch changes.
        reason = reason_of(error)
    raise TooLargeError(f"out of memory in the optimiser's step: {reason}")


def accumulate(trainer: Trainer, train: Split, rows: Rows) -> torch.Tensor:
    """The gradient of the rows' mean loss, which is returned, added up over micro-batches.

    Each micro-batch's loss is summed and divided by what the whole step is divided by, so that the
    gradient is that of one big batch.
    """
    divisor = trainer.loss.divisor(train.labels[rows])
    losses = []
    for piece in pieces(trainer.forward, train, rows, size=trainer.sizes.micro_batch_size):
        batch = trainer.forward.batch(train, piece)
        losses.append(trainer.forward.backward(batch, trainer.loss, divisor))
    return torch.stack(losses).sum() if len(losses) > 1 else losses[0]


def update(trainer: Trainer, *, clip_norm: float | None) -> torch.Tensor:
    """Clip, step, schedule, zero; the gradient's norm before clipping."""
    scaler, optimizer = trainer.forward.precision.scaler, trainer.optimizer
    scaler.unscale_(optimizer)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = clip(parameters, clip_norm)
    scale = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    # fp16 leaves a step out when the scaled gradient overflowed; the schedule waits for it.
    if scaler.get_scale() >= scale:
        trainer.schedule.step()
    for parameter in parameters:
        parameter.grad = None
    return norm


@torch.no_grad()
def clip(parameters: list[torch.Tensor], clip_norm: float | None) -> torch.Tensor:
    """Scale the gradient to at most this norm, as ``clip_grad_norm_`` does; the norm before.

    A processor knows the norm, and leaves alone a gradient that is short enough.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients or gradients[0].device.type != "cpu":
        return torch.nn.utils.clip_grad_norm_(parameters, clip_norm or math.inf)
    norm: torch.Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if clip_norm is not None and (scale := clip_norm / (float(norm) + 1e-6)) < 1.0:
        torch._foreach_mul_(gradients, scale)
    return norm

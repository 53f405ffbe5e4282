"""Dropout that costs little on a processor: eight random bits a value instead of a double.

torch draws a double a value there, which takes longer than the matrix product before it. Eight bits
round the probability to n/256 (0.1 to 26/256 = 0.1016); what is left is scaled by exactly that, so
its expectation stays. On a GPU torch's own is used, which is fused and exact.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["ByteDropout", "dropout", "keep_factors", "keep_mask", "keep_share", "use_byte_dropout"]

LEVELS = 256


def keep_share(p: float) -> float:
    """The share of values that a dropout of probability ``p`` keeps: 1 - p, in 256ths."""
    return 1.0 - round(p * LEVELS) / LEVELS


def keep_mask(shape: torch.Size, p: float) -> torch.Tensor:
    """A random mask of this shape on the processor, True with probability ``keep_share(p)``."""
    return _bytes(shape) >= round(p * LEVELS)


def _bytes(shape: torch.Size) -> torch.Tensor:
    """Random ones."""
    count = shape.numel()
    # A draw of 64 bits costs hardly more than one of 8.
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.uint8)[:count].view(shape)


def keep_factors(shape: torch.Size, p: float) -> torch.Tensor | None:
    """What :func:`dropout` multiplies by on the processor, in float32; None where it does nothing.

    It draws what :func:`dropout` draws.
    """
    share = keep_share(p)
    if share == 1.0:
        return None
    if share == 0.0:
        return F.dropout(torch.ones(shape), p)
    # Written as floats at once, which takes half the time of a mask and its product.
    kept = torch.ge(_bytes(shape), round(p * LEVELS), out=torch.empty(shape))
    return kept.mul_(1.0 / share)


class _Dropped(torch.autograd.Function):
    """``x`` times mask over its share; keeps the mask for the backward pass, one byte a value."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float) -> torch.Tensor:
        mask, ctx.scale = keep_mask(x.shape, p), 1.0 / keep_share(p)
        ctx.save_for_backward(mask)
        return (x * mask).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (mask,) = ctx.saved_tensors
        return (gradients[0] * mask).mul_(ctx.scale), None


def dropout(x: torch.Tensor, p: float) -> torch.Tensor:
    """``x``, any shape, with values left out at random as in training."""
    if x.device.type != "cpu" or keep_share(p) == 0.0:
        return F.dropout(x, p)
    if keep_share(p) == 1.0:
        return x
    dropped: torch.Tensor = _Dropped.apply(x, p)  # type: ignore[no-untyped-call]
    return dropped


class ByteDropout(nn.Dropout):
    """``nn.Dropout`` that draws eight bits a value on a processor."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return dropout(x, self.p) if self.training else x


def use_byte_dropout(model: nn.Module) -> None:
    """Let every ``nn.Dropout`` of a model draw eight bits a value."""
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = ByteDropout

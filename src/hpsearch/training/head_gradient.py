"""The gradient of a head, written out: what autograd computes, without what it costs a call.

The products of a small head take microseconds each, and autograd's record of them as long again:
three quarters of a step on a processor. Here each layer's gradient is its textbook formula
(Rumelhart, Hinton and Williams 1986) in the kernels that autograd calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from hpsearch.models import ClassificationHead
from hpsearch.models.dropout import ByteDropout, keep_factors

__all__ = ["add_gradient"]

# Logits (batch, classes) → the loss, a scalar, and its gradient with respect to them.
LossGradient = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
# Gradient with respect to an activation, what went into it and what came out.
Derivative = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

_aten = torch.ops.aten
DERIVATIVES: dict[type[nn.Module], Derivative] = {
    nn.Tanh: lambda gradient, _, out: _aten.tanh_backward(gradient, out),
    nn.ReLU: lambda gradient, _, out: _aten.threshold_backward(gradient, out, 0),
    nn.GELU: lambda gradient, x, _: _aten.gelu_backward(gradient, x),
    nn.SiLU: lambda gradient, x, _: _aten.silu_backward(gradient, x),
}


@torch.no_grad()
def add_gradient(
    head: ClassificationHead, vectors: torch.Tensor, loss: LossGradient
) -> torch.Tensor:
    """Add the loss's gradient to that of the head's parameters, as ``backward()`` does.

    Args:
        head: on a processor, in float32; in training its dropouts draw what they would draw in a
            forward pass.
        vectors: (batch, in_dim).
        loss: told the logits.

    Returns:
        The loss, a scalar.
    """
    layers: list[Any] = list(head)
    dropout_in, *hidden, out = layers
    x, _ = _drop(dropout_in, vectors)
    if not hidden:
        value, gradient = loss(out(x))
        _add(out, x, gradient)
        return value
    dense, activation, dropout_out = hidden
    before = dense(x)
    after = activation(before)
    y, factors = _drop(dropout_out, after)
    value, gradient = loss(out(y))
    _add(out, y, gradient)
    gradient = gradient @ out.weight
    if factors is not None:
        gradient = gradient.mul_(factors)
    _add(dense, x, DERIVATIVES[type(activation)](gradient, before, after))
    return value


def _drop(layer: ByteDropout, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What is left, and what it was multiplied by, None where all of it is left."""
    factors = keep_factors(x.shape, layer.p) if layer.training else None
    return (x if factors is None else x * factors), factors


def _add(layer: nn.Linear, x: torch.Tensor, gradient: torch.Tensor) -> None:
    """The gradient of a layer's weights and bias, from that of what it made of ``x``."""
    for parameter, value in ((layer.weight, gradient.t() @ x), (layer.bias, gradient.sum(0))):
        parameter.grad = value if parameter.grad is None else parameter.grad.add_(value)

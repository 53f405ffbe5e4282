"""A head's gradient, written out, is the one that autograd finds."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from hpsearch.models import ClassificationHead, Classifier
from hpsearch.models.head import ACTIVATIONS
from hpsearch.training import ClassificationLoss, HeadForward, Precision, Precomputed
from hpsearch.training.features import FeatureBatch
from hpsearch.training.seams import backward
from tests.training.tiny import CPU

CLASSES = 3
HEADS = [
    {"dim": dim, "activation": activation, "dropout": dropout}
    for dim, activation, dropout in [
        *product([5], ACTIVATIONS, [0.0, 0.4]),
        *product([0], ["tanh"], [0.0, 0.4]),
        (5, "relu", 0.999),  # in 256ths: all is left out
    ]
]
LOSSES = [(0.0, None), (0.1, None), (0.1, [1.0, 2.0, 0.5])]


def made(settings: dict[str, object], *, precision: str = "fp32") -> HeadForward:
    torch.manual_seed(1)
    head = ClassificationHead(6, CLASSES, init="auto", **settings)  # type: ignore[arg-type]
    return HeadForward(Classifier(Precomputed(6), head), Precision(precision, CPU), CPU)


def batches() -> list[FeatureBatch]:
    torch.manual_seed(2)
    return [FeatureBatch(torch.randn(n, 6), torch.randint(CLASSES, (n,))) for n in (7, 2)]


def found(
    forward: HeadForward, loss: ClassificationLoss, *, by_autograd: bool
) -> list[torch.Tensor]:
    """The losses of two micro-batches, and the gradient of both."""
    torch.manual_seed(3)  # of what is dropped
    forward.model.zero_grad()
    losses = [
        backward(forward, batch, loss, 9.0) if by_autograd else forward.backward(batch, loss, 9.0)
        for batch in batches()
    ]
    gradients = [parameter.grad for parameter in forward.model.parameters()]
    return [*losses, *(gradient.clone() for gradient in gradients if gradient is not None)]


@pytest.mark.parametrize(("smoothing", "weights"), LOSSES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("settings", HEADS, ids=str)
def test_loss_and_gradient_are_those_of_autograd(
    settings: dict[str, object], training: bool, smoothing: float, weights: list[float] | None
) -> None:
    forward = made(settings)
    forward.model.train(training)
    loss = ClassificationLoss(label_smoothing=smoothing, weights=weights)
    written, expected = (found(forward, loss, by_autograd=each) for each in (False, True))
    assert len(written) == 2 + (4 if settings["dim"] else 2)
    for left, right in zip(written, expected, strict=True):
        assert torch.allclose(left, right, atol=1e-6)
    assert any(bool(gradient.any()) for gradient in written[2:])


def test_a_head_in_32_bits_on_a_processor_needs_no_autograd() -> None:
    forward = made({"dim": 5, "activation": "tanh", "dropout": 0.4})
    loss = ClassificationLoss(label_smoothing=0.0, weights=None)
    with torch.inference_mode():  # which records nothing
        value = forward.backward(batches()[0], loss, 1.0)
    assert all(bool(p.grad.any()) for p in forward.model.parameters() if p.grad is not None)
    assert forward.model.head[-1].weight.grad is not None  # type: ignore[index]
    assert value.isfinite()


def test_a_head_in_bf16_is_left_to_autograd() -> None:
    forward = made({"dim": 5, "activation": "tanh", "dropout": 0.0}, precision="bf16")
    loss = ClassificationLoss(label_smoothing=0.0, weights=None)
    written, expected = (found(forward, loss, by_autograd=each) for each in (False, True))
    assert all(torch.equal(*both) for both in zip(written, expected, strict=True))

"""The head: its layers, its initial weights."""

import math

import pytest
import torch
from torch import nn

from hpsearch.models import ClassificationHead
from hpsearch.models.dropout import ByteDropout


def head(**changes: object) -> ClassificationHead:
    options = {"dim": 4, "activation": "tanh", "dropout": 0.1, "init": "auto", **changes}
    return ClassificationHead(8, 3, **options)  # type: ignore[arg-type]


def test_the_layers_stand_in_the_order_of_the_notes() -> None:
    kinds = [type(layer) for layer in head(activation="relu")]
    assert kinds == [ByteDropout, nn.Linear, nn.ReLU, ByteDropout, nn.Linear]


def test_no_hidden_dimension_leaves_dropout_and_one_linear() -> None:
    assert [type(layer) for layer in head(dim=0)] == [ByteDropout, nn.Linear]
    assert head(dim=0)(torch.zeros(2, 8)).shape == (2, 3)


@pytest.mark.parametrize(
    ("activation", "init", "variance"),
    [
        ("relu", "auto", 2 / 400),
        ("gelu", "auto", 2 / 400),
        ("tanh", "auto", 2 / (400 + 600)),
        ("tanh", "he", 2 / 400),
        ("relu", "xavier", 2 / (400 + 600)),
    ],
)
def test_initial_weights_have_the_spread_of_the_notes(
    activation: str, init: str, variance: float
) -> None:
    made = ClassificationHead(400, 2, dim=600, activation=activation, dropout=0.0, init=init)
    dense = made.dense
    assert isinstance(dense, nn.Linear)
    assert float(dense.weight.detach().std()) == pytest.approx(math.sqrt(variance), rel=0.02)
    assert not dense.bias.any()


def test_dropout_acts_in_training_only() -> None:
    made, x = head(dropout=0.5), torch.ones(1, 8)
    assert not torch.equal(made.train()(x), made.train()(x))
    assert torch.equal(made.eval()(x), made.eval()(x))

"""Packed, bucketed or padded: the same losses, gradients and predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hpsearch.data import Tokens
from hpsearch.training import Sizes, Trainer, evaluate
from hpsearch.training.seams import pieces
from hpsearch.training.step import accumulate
from tests.training import tiny
from tests.training.tiny_bert import bert

LENGTHS = np.array([31, 2, 17, 17, 5, 64, 9, 9, 9, 40])


def texts() -> Tokens:
    random = np.random.default_rng(0)
    values = random.integers(1, 20, LENGTHS.sum()).astype(np.int32)
    return Tokens(values, np.concatenate([[0], LENGTHS.cumsum()]), np.arange(len(LENGTHS)) % 2)


def make(batching: str, *, micro_batch_size: int = 4) -> Trainer:
    torch.manual_seed(0)
    encoder = bert(layers=2, attention="sdpa")
    made = tiny.trainer(backbone=encoder, smoothing=0.1, lr=1e-3)
    made.sizes = Sizes(micro_batch_size, micro_batch_size)
    assert made.forward.model.enable_packing()
    made.forward = replace(made.forward, batching=batching, max_length=64)
    return made


def step(made: Trainer) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The loss of all texts, and its gradient."""
    loss = accumulate(made, TEXTS, np.arange(len(TEXTS)))
    return loss, [p.grad for p in made.forward.model.parameters() if p.grad is not None]


@pytest.mark.parametrize("micro_batch_size", [1, 3, 10])
@pytest.mark.parametrize("batching", ["packed", "bucketed"])
def test_loss_gradient_and_predictions_are_those_of_padded_texts(
    batching: str, micro_batch_size: int
) -> None:
    plain, other = make("padded"), make(batching, micro_batch_size=micro_batch_size)
    expected, loss = step(plain), step(other)
    torch.testing.assert_close(loss[0], expected[0], atol=1e-5, rtol=1e-5)
    for one, two in zip(loss[1], expected[1], strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)
    logits, plain_logits = (
        evaluate(made.forward, TEXTS, sizes=made.sizes) for made in (other, plain)
    )
    torch.testing.assert_close(logits, plain_logits, atol=1e-5, rtol=1e-5)


def test_a_packed_piece_holds_the_tokens_of_so_many_longest_texts() -> None:
    forward = make("packed").forward
    found = list(pieces(forward, TEXTS, np.arange(len(TEXTS)), size=2))
    tokens = [int(LENGTHS[piece].sum()) for piece in found]
    assert tokens == [99, 104]
    assert sorted(np.concatenate(found)) == list(range(len(TEXTS)))


def test_a_text_longer_than_the_budget_goes_alone() -> None:
    forward = replace(make("packed").forward, max_length=3)
    found = list(pieces(forward, TEXTS, np.arange(len(TEXTS)), size=1))
    assert [len(piece) for piece in found] == [1] * len(TEXTS)


TEXTS = texts()

"""Dropout by random bytes: the right share, the right scale, the right gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hpsearch.models.dropout import ByteDropout, dropout, keep_share, use_byte_dropout
from hpsearch.models.packed_attention import _attend


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_it_drops_so_many_and_keeps_the_expectation(p: float) -> None:
    torch.manual_seed(0)
    dropped = dropout(torch.ones(1000, 1001), p)
    share = (dropped != 0).double().mean().item()
    # Five standard deviations of a binomial share.
    assert share == pytest.approx(keep_share(p), abs=5 * (p * (1 - p) / 1e6) ** 0.5)
    assert abs(keep_share(p) - (1 - p)) <= 1 / 512
    assert dropped.max().item() == pytest.approx(1 / keep_share(p))
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)


def test_the_gradient_passes_where_the_value_passed() -> None:
    x = torch.ones(50, 7, requires_grad=True)
    dropped = dropout(x, 0.3)
    dropped.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, dropped.detach())


def test_neighbours_in_a_word_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (dropout(torch.ones(100_000, 8), 0.5) != 0).double()
    correlation = torch.corrcoef(kept.T) - torch.eye(8)
    assert correlation.abs().max() < 0.02


def test_nothing_and_everything_can_be_dropped() -> None:
    x = torch.randn(5, 3)
    assert torch.equal(dropout(x, 0.0), x)
    assert torch.equal(dropout(x, 1.0), torch.zeros(5, 3))


def test_a_model_drops_in_training_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    use_byte_dropout(model)
    assert isinstance(model[1], ByteDropout)
    x = torch.randn(100, 4)
    assert (model(x) == 0).any()
    assert torch.equal(model.eval()(x), model[0](x))


@pytest.mark.parametrize("masked", [False, True])
def test_attention_with_dropout_has_the_gradient_of_its_output(masked: bool) -> None:
    q, k, v = (torch.randn(1, 2, 5, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    places = torch.arange(5)
    mask = (places[:, None] - places).abs() < 3 if masked else None

    def attend(*states: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return _attend(*states, scale=0.5, dropout=0.3, mask=mask)

    assert torch.autograd.gradcheck(attend, (q, k, v))


def test_attention_with_dropout_is_on_average_that_without() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 9, 4) for _ in range(3))
    many = [states.expand(4000, -1, -1, -1) for states in (q, k, v)]
    drawn = _attend(*many, scale=0.5, dropout=0.25, mask=None)
    plain = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=0.5)
    torch.testing.assert_close(drawn.mean(0), plain[0], atol=0.05, rtol=0)

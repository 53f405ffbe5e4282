"""Attention on jagged tensors: what each text alone would give."""

from __future__ import annotations

import pytest
import torch

from hpsearch.data import Packing
from hpsearch.models import packed_attention, varlen_attention
from hpsearch.models.varlen_attention import varlen_works

# torch's jagged tensors are a prototype, which it says.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch")

CPU = torch.device("cpu")
PACKING = Packing((29, 17, 5, 5, 5, 1))


def states() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(1, 4, 62, 8, requires_grad=True) for _ in range(3)]


def test_outputs_and_gradients_are_those_of_packed_attention() -> None:
    query, key, value = states()
    apart, _ = packed_attention.packed_attention(
        torch.nn.Identity(), query, key, value, None, scaling=0.3, packing=PACKING
    )
    at_once = varlen_attention.varlen_attention(query, key, value, PACKING, scale=0.3, dropout=0.0)
    torch.testing.assert_close(at_once, apart, atol=1e-5, rtol=1e-5)
    first, second = (
        torch.autograd.grad(found.square().sum(), (query, key, value)) for found in (apart, at_once)
    )
    torch.testing.assert_close(second, first, atol=1e-5, rtol=1e-5)


def test_it_is_tried_without_touching_the_random_numbers() -> None:
    varlen_works.cache_clear()
    before = torch.get_rng_state()
    with torch.inference_mode():
        assert varlen_works(CPU, torch.float32, dim=8)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("wrong", ["raises", "differs"])
def test_what_fails_or_computes_something_else_is_not_taken(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(query: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        if wrong == "raises":
            raise RuntimeError("no kernel")
        return query.transpose(1, 2)

    varlen_works.cache_clear()
    monkeypatch.setattr(varlen_attention, "varlen_attention", broken)
    assert not varlen_works(CPU, torch.float32, dim=8)
    varlen_works.cache_clear()

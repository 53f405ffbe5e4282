"""Window attention on a processor: block after block, none of whose scores is kept.

A block is some queries of one text with the keys that they can see, so neither padding nor another
text is computed, and its scores stay in the processor's cache. The backward pass computes them
again, with the same random numbers: one product of seven more, and no memory that grows with the
window.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from hpsearch.models.dropout import dropout
from hpsearch.models.longformer.texts import Texts

__all__ = ["attend_blocks"]

# Queries of a block: fewer see fewer keys in vain, more make the matrix products efficient.
SIZE = 128


def attend_blocks(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    texts: Texts,
    window: int,
    drop: float,
) -> torch.Tensor:
    """Each token attends to those at most ``window`` away and to its text's first one.

    Args:
        query, key, value: (tokens, heads, dim) of the packed texts, the queries scaled.
        drop: probability of the dropout of attention weights.
    """
    attended: torch.Tensor = _Blocks.apply(  # type: ignore[no-untyped-call]
        query, key, value, texts.lengths, window, drop
    )
    return attended


class _Block(NamedTuple):
    """Packed tokens; ``first`` is the text's first one where the keys do not begin with it."""

    queries: slice
    keys: slice
    first: int | None

    def read(self, states: torch.Tensor) -> torch.Tensor:
        """Of keys or values (tokens, heads, dim) (heads, keys, dim), the first token first."""
        part = states[self.keys]
        if self.first is not None:
            part = torch.cat([states[self.first].unsqueeze(0), part])
        return part.transpose(0, 1)

    def add(self, gradient: torch.Tensor, to: torch.Tensor) -> None:
        """What :meth:`read` gave gets this gradient."""
        gradient = gradient.transpose(0, 1)
        if self.first is not None:
            to[self.first] += gradient[0]
            gradient = gradient[1:]
        to[self.keys] += gradient

    def mask(self, window: int, *, like: torch.Tensor) -> torch.Tensor | None:
        """What is added to scores (queries, keys); None where every query sees every key."""
        first, end = self.queries.start, self.queries.stop
        if max(self.keys.stop - first, end - self.keys.start) <= window + 1:
            return None
        left, right = (place - first + window for place in (self.keys.start, self.keys.stop))
        band = _band(window, like.dtype)[: end - first, left:right]
        # The first column is the text's first token, which all see.
        return F.pad(band if self.first is not None else band[:, 1:], (1, 0))


def _blocks(lengths: tuple[int, ...], window: int) -> Iterator[_Block]:
    start = 0
    for length in lengths:
        end = start + length
        for queries in range(start, end, SIZE):
            stop = min(queries + SIZE, end)
            keys = slice(max(queries - window, start), min(stop + window, end))
            yield _Block(slice(queries, stop), keys, start if keys.start > start else None)
        start = end


@lru_cache(maxsize=8)
def _band(window: int, dtype: torch.dtype) -> torch.Tensor:
    """(queries, keys) of a block amid a long text, 0 in the window; of others it is a part."""
    queries, keys = torch.arange(SIZE).unsqueeze(1), torch.arange(-window, SIZE + window)
    outside = (queries - keys).abs() > window
    return torch.zeros(outside.shape, dtype=dtype).masked_fill(outside, float("-inf"))


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    mask: torch.Tensor | None,
    drop: float,
) -> torch.Tensor:
    """Queries (heads, queries, dim), keys and values (heads, keys, dim), to the queries' shape."""
    scores = torch.bmm(query, key.transpose(1, 2))
    if mask is not None:
        scores += mask
    full = torch.promote_types(scores.dtype, torch.float32)
    weights = torch.softmax(scores, dim=2, dtype=full).to(value.dtype)
    return torch.bmm(dropout(weights, drop) if drop else weights, value)


class _Blocks(torch.autograd.Function):
    """Keeps queries, keys, values and the state of the random numbers for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        lengths: tuple[int, ...],
        window: int,
        drop: float,
    ) -> torch.Tensor:
        ctx.save_for_backward(query, key, value, torch.get_rng_state())
        ctx.lengths, ctx.window, ctx.drop = lengths, window, drop
        attended = torch.empty_like(query)
        for block in _blocks(lengths, window):
            inputs = query[block.queries].transpose(0, 1), block.read(key), block.read(value)
            mask = block.mask(window, like=query)
            attended[block.queries] = _attend(*inputs, mask=mask, drop=drop).transpose(0, 1)
        return attended

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, random = ctx.saved_tensors
        of_query, of_key, of_value = (torch.zeros_like(x) for x in (query, key, value))
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(random)
            for block in _blocks(ctx.lengths, ctx.window):
                read = query[block.queries].transpose(0, 1), block.read(key), block.read(value)
                found = _gradients(
                    *(x.detach().requires_grad_() for x in read),
                    gradients[0][block.queries].transpose(0, 1),
                    mask=block.mask(ctx.window, like=query),
                    drop=ctx.drop,
                )
                of_query[block.queries] = found[0].transpose(0, 1)
                block.add(found[1], to=of_key)
                block.add(found[2], to=of_value)
        return of_query, of_key, of_value, None, None, None


@torch.enable_grad()
def _gradients(
    *inputs: torch.Tensor, mask: torch.Tensor | None, drop: float
) -> tuple[torch.Tensor, ...]:
    """Of query, key and value; the last input is the gradient of what they give."""
    *read, gradient = inputs
    attended = _attend(*read, mask=mask, drop=drop)
    return torch.autograd.grad(attended, read, gradient)

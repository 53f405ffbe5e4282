"""Pooling: from one vector a token to one vector a text, padding left out."""

from __future__ import annotations

import torch

from hpsearch.data.packing import Packing

__all__ = ["pool", "pool_packed"]


def pool(states: torch.Tensor, attention_mask: torch.Tensor, how: str) -> torch.Tensor:
    """Pool token states (batch, length, dim) to (batch, dim).

    Args:
        states: one vector a token.
        attention_mask: (batch, length), 1 at real tokens; each row has at least one.
        how: ``cls`` the first token, ``mean`` or ``max`` over the real tokens.
    """
    if how == "cls":
        return states[:, 0]
    mask = attention_mask.unsqueeze(-1).bool()
    if how == "max":
        return states.masked_fill(~mask, float("-inf")).amax(dim=1)
    assert how == "mean", how
    return states.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1)


def pool_packed(states: torch.Tensor, packing: Packing, how: str) -> torch.Tensor:
    """Pool the token states (tokens, dim) of packed texts to (texts, dim); ``how`` as above."""
    if how == "cls":
        return states[torch.tensor(packing.starts, device=states.device)]
    texts = torch.split(states, list(packing.lengths))
    if how == "max":
        return torch.stack([text.amax(dim=0) for text in texts])
    assert how == "mean", how
    return torch.stack([text.mean(dim=0) for text in texts])

"""Token embeddings of the models that learn them from nothing."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["token_embedding"]


def token_embedding(vocab_size: int, dim: int, *, pad_id: int) -> nn.Embedding:
    """An embedding drawn from U(-0.25, 0.25) (Kim 2014), zero for padding.

    torch's own N(0, 1) is so wide that a small learning rate moves a rare word hardly at all.
    """
    embedding = nn.Embedding(vocab_size, dim, padding_idx=pad_id)
    with torch.no_grad():
        embedding.weight.uniform_(-0.25, 0.25)
        embedding.weight[pad_id] = 0.0
    return embedding

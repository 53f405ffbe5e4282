"""The swap of transformers' Longformer for ours, in place."""

from __future__ import annotations

from typing import Any

from hpsearch.models.longformer.modules import FirstTokenAttention, LongformerModel, SelfAttention

__all__ = ["replace_attention"]


def replace_attention(encoder: Any, *, first_token_only: bool) -> None:
    """Let a ``LongformerModel`` of transformers compute its attention as this package does.

    Its weights, their names and what ``save_pretrained`` writes stay as they are; it takes batches
    of any length.

    Args:
        encoder: the model; global attention must be on first tokens, padding at the end.
        first_token_only: the last layer computes first tokens alone, for cls pooling: its query,
            key and value for windows then get no gradient.
    """
    encoder.__class__ = LongformerModel
    for layer in encoder.encoder.layer:
        layer.attention.self.__class__ = SelfAttention
    if first_token_only:
        encoder.encoder.layer[-1].attention.__class__ = FirstTokenAttention

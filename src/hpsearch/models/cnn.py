"""A convolutional backbone (Kim 2014, https://arxiv.org/abs/1408.5882)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from hpsearch.models.embedding import token_embedding
from hpsearch.models.storage import save_module

__all__ = ["CnnBackbone"]


class CnnBackbone(nn.Module):
    """Embedding → convolutions of several widths → ReLU → maximum over the real tokens.

    Args:
        vocab_size: rows of the embedding.
        pad_id: the token whose embedding stays zero.
        embedding_dim: size of a token's vector.
        num_filters: filters of each width.
        filter_widths: lengths of the n-grams seen, in tokens.
        embedding_dropout: probability, on the embedded tokens.
    """

    pad_multiple = 1

    def __init__(
        self,
        *,
        vocab_size: int,
        pad_id: int,
        embedding_dim: int,
        num_filters: int,
        filter_widths: Sequence[int],
        embedding_dropout: float,
    ) -> None:
        super().__init__()
        self.embeddings = token_embedding(vocab_size, embedding_dim, pad_id=pad_id)
        self.dropout = nn.Dropout(embedding_dropout)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding_dim, num_filters, width) for width in filter_widths
        )
        self.out_dim = num_filters * len(filter_widths)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Token ids and mask, both (batch, length), to (batch, num_filters · widths)."""
        real = attention_mask.bool().unsqueeze(1)
        # Dropout leaves zeros zero, so padding adds nothing to a window that reaches into it.
        embedded = self.dropout(self.embeddings(input_ids)).transpose(1, 2)
        return torch.cat([self._strongest(conv, embedded, real) for conv in self.convolutions], 1)

    @staticmethod
    def _strongest(
        convolution: nn.Module, embedded: torch.Tensor, real: torch.Tensor
    ) -> torch.Tensor:
        """The largest response of each filter in a window centred on a real token, (batch, f)."""
        assert isinstance(convolution, nn.Conv1d)
        width = convolution.kernel_size[0]
        padded = F.pad(embedded, ((width - 1) // 2, width // 2))
        # ReLU is monotone: after the maximum it costs a fraction of what it costs before.
        return F.relu(convolution(padded).masked_fill(~real, float("-inf")).amax(dim=2))

    def enable_packing(self) -> bool:
        """Its windows would reach from text to text."""
        return False

    def enable_gradient_checkpointing(self) -> bool:
        """There are no layers to recompute."""
        return False

    def save_pretrained(self, folder: Path) -> None:
        save_module(self, folder, kind="CnnBackbone")

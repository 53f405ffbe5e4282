"""The classifier: a backbone that turns a text into a vector, and a head on top."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from hpsearch.data.packing import Packing

__all__ = ["Backbone", "Classifier"]


class Backbone(Protocol):
    """What a classifier needs of a backbone (an ``nn.Module``)."""

    out_dim: int
    # Batches are padded to a multiple of this many tokens.
    pad_multiple: int

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Token ids and mask, both (batch, length), to text vectors (batch, out_dim)."""

    def enable_packing(self) -> bool:
        """Whether :meth:`packed` works."""

    def packed(self, input_ids: torch.Tensor, packing: Packing) -> torch.Tensor:
        """Token ids (1, tokens) of texts without padding to text vectors (texts, out_dim)."""

    def enable_gradient_checkpointing(self) -> bool:
        """Recompute activations in the backward pass; False where that saves nothing."""

    def save_pretrained(self, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""


class Classifier(nn.Module):
    """Logits (batch, num_classes) from token ids and mask, both (batch, length)."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    @property
    def pad_multiple(self) -> int:
        multiple = self.backbone.pad_multiple
        assert isinstance(multiple, int)
        return multiple

    def enable_packing(self) -> bool:
        """Whether the backbone runs packed texts, from here on."""
        enabled = self.backbone.enable_packing()  # type: ignore[operator]
        assert isinstance(enabled, bool)
        return enabled

    def enable_gradient_checkpointing(self) -> bool:
        """Recompute the backbone's activations; False where that saves nothing."""
        enabled = self.backbone.enable_gradient_checkpointing()  # type: ignore[operator]
        assert isinstance(enabled, bool)
        return enabled

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits = self.head(self.backbone(input_ids, attention_mask))
        assert isinstance(logits, torch.Tensor)
        return logits

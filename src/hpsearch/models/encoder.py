"""A transformer encoder as backbone: any of transformers' ``AutoModel`` encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from hpsearch.models.pooling import pool

__all__ = ["EncoderBackbone"]


class EncoderBackbone(nn.Module):
    """Token states of an encoder, pooled to one vector a text.

    Longformer gets global attention on the first token (Beltagy et al. 2020, for classification)
    and batches padded to its window.

    Args:
        encoder: a model of ``transformers`` whose output has ``last_hidden_state``.
        pooling: cls, mean or max.
        freeze: ``none``, ``all``, or the number of first layers that, with the embeddings, keep
            their weights. A wholly frozen encoder runs in eval mode, so without dropout.
        gradient_checkpointing: saves activation memory, costs a second forward.

    Raises:
        ValueError: more layers to freeze than there are.
    """

    def __init__(
        self,
        encoder: Any,
        *,
        pooling: str,
        freeze: str | int,
        gradient_checkpointing: bool,
    ) -> None:
        super().__init__()
        # The pooler of BERT's pre-training is not used: it would be weights without a gradient.
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.encoder = encoder
        self.pooling = pooling
        self.frozen = freeze == "all"
        self.out_dim: int = encoder.config.hidden_size
        self.is_longformer = encoder.config.model_type == "longformer"
        self.pad_multiple = _window(encoder.config) if self.is_longformer else 1
        _freeze(encoder, freeze)
        self.recomputes = False
        if gradient_checkpointing:
            self.enable_gradient_checkpointing()

    def enable_gradient_checkpointing(self) -> bool:
        """Recompute activations; False where they are already, or no gradient needs them."""
        if self.recomputes or self.frozen:
            return False
        # The re-entrant variant loses the gradient of a frozen first layer.
        self.encoder.activation_checkpointing_enable({"use_reentrant": False})
        self.recomputes = True
        return True

    def train(self, mode: bool = True) -> EncoderBackbone:
        return super().train(mode and not self.frozen)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Token ids and mask, both (batch, length), to (batch, hidden size)."""
        extra: dict[str, torch.Tensor] = {}
        if self.is_longformer:
            extra["global_attention_mask"] = torch.zeros_like(attention_mask)
            extra["global_attention_mask"][:, 0] = 1
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            output = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **extra)
        return pool(output.last_hidden_state, attention_mask, self.pooling)

    def save_pretrained(self, folder: Path) -> None:
        self.encoder.save_pretrained(folder)


def _window(config: Any) -> int:
    window = config.attention_window
    return max(window) if isinstance(window, list | tuple) else int(window)


def _freeze(encoder: Any, freeze: str | int) -> None:
    if freeze == "none":
        return
    if freeze == "all":
        encoder.requires_grad_(False)
        return
    layers = _layers(encoder)
    count = int(freeze)
    if count > len(layers):
        raise ValueError(f"the encoder has {len(layers)} layers, {count} are to be frozen")
    encoder.embeddings.requires_grad_(False)
    for layer in layers[:count]:
        layer.requires_grad_(False)


def _layers(encoder: Any) -> nn.ModuleList:
    """The stack of layers, which models name differently (encoder.layer, layers, …)."""
    for module in encoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == encoder.config.num_hidden_layers:
            return module
    raise ValueError("the encoder's layers were not found, so none can be frozen alone")

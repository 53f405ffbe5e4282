"""A transformer encoder as backbone: any of transformers' ``AutoModel`` encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from hpsearch.data.packing import Packing
from hpsearch.models.dropout import use_byte_dropout
from hpsearch.models.longformer import replace_attention
from hpsearch.models.packed_attention import PACKED
from hpsearch.models.pooling import pool, pool_packed
from hpsearch.models.positions import first_position

__all__ = ["EncoderBackbone"]


# What packed and padded texts' vectors may differ by, in 32 bits.
TOLERANCE = 1e-4


class EncoderBackbone(nn.Module):
    """Token states of an encoder, pooled to one vector a text.

    Longformer gets global attention on the first token (Beltagy et al. 2020, for classification),
    and attention of ours in place of transformers'.

    Args:
        encoder: a model of ``transformers`` whose output has ``last_hidden_state``.
        pooling: cls, mean or max.
        freeze: ``none``, ``all``, or the number of first layers that, with the embeddings, keep
            their weights. A wholly frozen encoder runs in eval mode, so without dropout.
        gradient_checkpointing: saves activation memory, costs a second forward.
        own_attention: leaves transformers' Longformer as it is, which pads batches to its window.

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
        own_attention: bool = False,
    ) -> None:
        super().__init__()
        # The pooler of BERT's pre-training is not used: it would be weights without a gradient.
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        use_byte_dropout(encoder)
        self.encoder = encoder
        self.pooling = pooling
        self.frozen = freeze == "all"
        self.out_dim: int = encoder.config.hidden_size
        self.is_longformer = encoder.config.model_type == "longformer"
        self.pad_multiple = _window(encoder.config) if self.is_longformer and own_attention else 1
        self.packs_longformer = self.is_longformer and not own_attention
        if self.packs_longformer:
            replace_attention(encoder, first_token_only=pooling == "cls")
        _freeze(encoder, freeze)
        self.recomputes = False
        if gradient_checkpointing:
            self.enable_gradient_checkpointing()
        self.train()  # a frozen encoder has no dropout from the first step on

    def enable_gradient_checkpointing(self) -> bool:
        """Recompute activations; False where they are already, or no gradient needs them."""
        if self.recomputes or self.frozen:
            return False
        # The re-entrant variant loses the gradient of a frozen first layer.
        self.encoder.activation_checkpointing_enable({"use_reentrant": False})
        self.recomputes = True
        return True

    def enable_packing(self) -> bool:
        """Run packed texts where the encoder takes another attention and still computes the same.

        Which encoders do is seen by trying: nothing else tells whether one heeds the positions and
        hands the packing on to its attention.
        """
        encoder, before = self.encoder, self.encoder.config._attn_implementation
        if before == PACKED or self.packs_longformer:
            return True
        if not getattr(encoder, "_supports_attention_backend", False) or before != "sdpa":
            return False
        encoder.set_attn_implementation(PACKED)
        if self._packs():
            return True
        encoder.set_attn_implementation(before)
        return False

    @torch.no_grad()
    def _packs(self) -> bool:
        """Whether some texts have the same vectors packed as they have padded."""
        training = self.training
        self.eval()
        texts = _texts_to_try(self.encoder)
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in texts], batch_first=True)
        padded = self(nn.utils.rnn.pad_sequence(texts, batch_first=True), mask)
        packing = Packing(tuple(len(text) for text in texts))
        try:
            packed = self.packed(torch.cat(texts).unsqueeze(0), packing)
        except (TypeError, ValueError, RuntimeError, IndexError):
            return False
        finally:
            self.train(training)
        return torch.allclose(packed, padded, atol=TOLERANCE, rtol=TOLERANCE)

    def train(self, mode: bool = True) -> EncoderBackbone:
        return super().train(mode and not self.frozen)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Token ids and mask, both (batch, length), to (batch, hidden size)."""
        extra: dict[str, torch.Tensor] = {}
        if self.is_longformer:
            extra["global_attention_mask"] = torch.zeros_like(attention_mask)
            extra["global_attention_mask"][:, 0] = 1
        states = self._states(input_ids, attention_mask=attention_mask, **extra)
        return pool(states, attention_mask, self.pooling)

    def packed(self, input_ids: torch.Tensor, packing: Packing) -> torch.Tensor:
        """Token ids (1, tokens) of texts one after another to (texts, hidden size)."""
        first = first_position(self.encoder.config)
        positions = packing.positions(first=first, device=input_ids.device)
        states = self._states(input_ids, position_ids=positions, packing=packing)
        if self.packs_longformer and self.pooling == "cls":
            return states[:, 0]  # it computes no others
        return pool_packed(states[0], packing, self.pooling)

    def _states(self, input_ids: torch.Tensor, **inputs: Any) -> torch.Tensor:
        """(batch, length, hidden size)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            output = self.encoder(input_ids=input_ids, **inputs)
        states: torch.Tensor = output.last_hidden_state
        return states

    def save_pretrained(self, folder: Path) -> None:
        self.encoder.save_pretrained(folder)


def _window(config: Any) -> int:
    window = config.attention_window
    return max(window) if isinstance(window, list | tuple) else int(window)


def _texts_to_try(encoder: Any) -> list[torch.Tensor]:
    """Three texts, one beyond a sliding window; two alike in length are computed together."""
    config, device = encoder.config, next(encoder.parameters()).device
    ids = torch.arange(min(config.vocab_size, 100), device=device)
    ids = ids[ids != (config.pad_token_id if config.pad_token_id is not None else -1)]
    long = min(
        2 * (getattr(config, "sliding_window", None) or 1) + 3, config.max_position_embeddings
    )
    return [ids.roll(-turn)[torch.arange(n) % len(ids)] for turn, n in enumerate((long, 3, 3))]


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

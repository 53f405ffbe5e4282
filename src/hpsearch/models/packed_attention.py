"""Attention over packed texts: each token sees those of its own text.

Registered with transformers' ``AttentionInterface``, so that its encoders run unchanged on a row of
concatenated texts: their linear layers see real tokens alone, and no score between two texts is
computed. Without a packing it is transformers' own ``sdpa``.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from hpsearch.data.packing import Packing, Run
from hpsearch.models.dropout import keep_mask, keep_share
from hpsearch.models.varlen_attention import varlen_attention, varlen_works

__all__ = ["PACKED", "packed_attention"]

PACKED = "hpsearch_packed"


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    packing: Packing | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Queries (1, heads, tokens, dim), keys and values alike, to (1, tokens, heads, dim)."""
    if packing is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs
        )
    key, value = (_each_head(states, query.shape[1]) for states in (key, value))
    scale = scaling or query.shape[3] ** -0.5
    if _at_once(query, packing, sliding_window):
        return varlen_attention(query, key, value, packing, scale=scale, dropout=dropout), None
    parts = []
    for run in packing.runs:
        texts = [_texts(states, run) for states in (query, key, value)]
        mask = _window(run.length, sliding_window, query.device)
        parts.append(_joined(_attend(*texts, scale=scale, dropout=dropout, mask=mask)))
    return torch.cat(parts).unsqueeze(0), None


def _at_once(query: torch.Tensor, packing: Packing, window: int | None) -> bool:
    """Whether one kernel may do all texts; the order in which it adds gradients is not fixed."""
    return (
        query.device.type == "cuda"
        and (window is None or max(packing.lengths) <= window)
        and not torch.are_deterministic_algorithms_enabled()
        and varlen_works(query.device, query.dtype, dim=query.shape[3])
    )


def _each_head(states: torch.Tensor, heads: int) -> torch.Tensor:
    """Keys or values that several query heads share, repeated for each."""
    share = heads // states.shape[1]
    return states if share == 1 else states.repeat_interleave(share, dim=1)


def _texts(states: torch.Tensor, run: Run) -> torch.Tensor:
    """(1, heads, tokens, dim) to the run's (texts, heads, length, dim), without a copy."""
    heads, dim = states.shape[1], states.shape[3]
    return states[0, :, run.tokens].view(heads, run.texts, run.length, dim).transpose(0, 1)


def _joined(states: torch.Tensor) -> torch.Tensor:
    """(texts, heads, length, dim) to (tokens, heads, dim)."""
    return states.transpose(1, 2).flatten(0, 1)


def _window(length: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """True where a token sees another, (length, length); None where it sees its whole text.

    transformers counts a window one larger than the furthest token that is seen.
    """
    if window is None or length <= window:
        return None
    places = torch.arange(length, device=device)
    return (places[:, None] - places).abs() < window


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    scale: float,
    dropout: float,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Attention of texts of one length, each (texts, heads, length, dim)."""
    # On a processor SDPA with dropout falls back to plain operations, and in bf16 it is slow.
    if query.device.type == "cpu" and (dropout or query.dtype == torch.bfloat16):
        with torch.autocast("cpu", enabled=False):
            attended: torch.Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
                query, key, value, scale, dropout, mask
            )
        return attended
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, scale=scale
    )


class _Attention(torch.autograd.Function):
    """softmax(q kᵀ · scale) with dropout, times v, by batched matrix products.

    One tensor (texts, heads, length, length) is kept for the backward pass: the probabilities, with
    a minus before those that were dropped.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
        dropout: float,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        scores = (query * scale) @ key.transpose(2, 3)
        if mask is not None:
            scores.masked_fill_(~mask, float("-inf"))
        full = torch.promote_types(query.dtype, torch.float32)
        signed = torch.softmax(scores, dim=3, dtype=full).to(query.dtype)
        if dropout:
            signed = torch.where(keep_mask(signed.shape, dropout), signed, -signed)
        ctx.scale, ctx.kept = scale, keep_share(dropout)
        attended = (signed.relu() @ value).div_(ctx.kept)
        ctx.save_for_backward(query, key, value, signed, attended)
        return attended

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, signed, attended = ctx.saved_tensors
        gradient = gradients[0] / ctx.kept
        kept = signed.relu()
        of_value = kept.transpose(2, 3) @ gradient
        # The softmax's backward pass needs Σ p·∂p of a query, which is its output times ∂output.
        row = (gradients[0] * attended).sum(dim=3, keepdim=True)
        of_scores = (gradient @ value.transpose(2, 3)).mul_(kept)
        of_scores.sub_(torch.abs(signed, out=kept).mul_(row))
        of_query = (of_scores @ key).mul_(ctx.scale)
        of_key = (of_scores.transpose(2, 3) @ query).mul_(ctx.scale)
        return of_query, of_key, of_value, None, None, None


def _mask(**inputs: Any) -> torch.Tensor | None:
    """``sdpa``'s mask of padded texts; packed ones come without any."""
    return None if inputs["attention_mask"] is None else sdpa_mask(**inputs)


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, _mask)

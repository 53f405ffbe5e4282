"""Window attention on a GPU: all texts as one row in chunks, each of which is a batch of SDPA."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from hpsearch.models.longformer.texts import Texts

__all__ = ["attend_chunks"]


def attend_chunks(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    texts: Texts,
    window: int,
    drop: float,
) -> torch.Tensor:
    """As :func:`attend_blocks`: a chunk of ``window`` queries sees three of keys and all firsts.

    What is of other texts is masked: that costs less than many small launches.
    """
    mask = _mask(texts, window, query.dtype)
    attended = F.scaled_dot_product_attention(
        _queries(query, window),
        _keys(key, texts, window),
        _keys(value, texts, window),
        attn_mask=mask,
        dropout_p=drop,
        scale=1.0,
    )
    return attended.transpose(1, 2).flatten(0, 1)[: texts.tokens]


def _queries(states: torch.Tensor, window: int) -> torch.Tensor:
    """(tokens, heads, dim) to (chunks, heads, window, dim), zeros at the end."""
    padded = F.pad(states, (0, 0, 0, 0, 0, -len(states) % window))
    return padded.view(-1, window, *states.shape[1:]).transpose(1, 2)


def _keys(states: torch.Tensor, texts: Texts, window: int) -> torch.Tensor:
    """(tokens, heads, dim) to (chunks, heads, 3 · window + firsts, dim)."""
    # Joined slices, not an unfold: its backward pass adds in an order that is not fixed.
    padded = F.pad(states, (0, 0, 0, 0, window, window + -len(states) % window))
    chunks = padded.view(-1, window, *states.shape[1:])
    firsts = F.pad(states.index_select(0, texts.starts), (0, 0, 0, 0, 0, _spare(texts, window)))
    every = firsts.expand(len(chunks) - 2, *firsts.shape)
    return torch.cat([chunks[:-2], chunks[1:-1], chunks[2:], every], dim=1).transpose(1, 2)


def _spare(texts: Texts, window: int) -> int:
    """Columns that nobody sees: SDPA's kernels want a multiple of 8 keys."""
    return -(3 * window + len(texts.lengths)) % 8


def _mask(texts: Texts, window: int, dtype: torch.dtype) -> torch.Tensor:
    """What is added to scores, (chunks, 1, window, keys); built once for all layers alike."""
    known = texts.masks.get((window, dtype))
    if known is None:
        seen = _seen(texts, window)
        known = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        known = known.masked_fill_(~seen, float("-inf")).unsqueeze(1)
        texts.masks[window, dtype] = known
    return known


def _seen(texts: Texts, window: int) -> torch.Tensor:
    """(chunks, window, keys) bool: the window of the own text, and its first token once."""
    # Queries beyond the end count to the last text: a row without any key would give NaN.
    text = F.pad(texts.text, (0, -texts.tokens % window), value=len(texts.lengths) - 1)
    device = text.device
    queries = torch.arange(len(text), device=device).view(-1, window, 1)
    keys = queries[:, :1] + torch.arange(-window, 2 * window, device=device)
    inside = (keys >= 0) & (keys < texts.tokens)
    bounded = keys.clamp(0, texts.tokens - 1)
    inside &= bounded != texts.starts[text[bounded]]
    own = text.view(-1, window, 1)
    near = inside & ((queries - keys).abs() <= window) & (own == text[bounded])
    firsts = torch.arange(len(texts.lengths) + _spare(texts, window), device=device)
    return torch.cat([near, own == firsts], dim=2)
